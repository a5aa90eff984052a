"""The network that finds bodies, for who trains: the one that the built-in bundle ships, or the published one anew."""

from collections.abc import Callable

import numpy as np

from converters import Precision, Target
from converters.convert_pose import POSE_FILE, convert_pose, files_of, named
from converters.person import PeopleNetwork
from converters.targets import finish
from edge.errors import QualityError
from trainer.bundles.calibration import PEOPLE_FILE_NAME, read_calibration
from trainer.features.poses import PUBLISHED, published_network, shipped_network
from trainer.fitting.run import Run

Report = Callable[[str], object]


def shipped() -> PeopleNetwork:
    """Return the built-in bundle's.

    Raises:
        ConfigurationError: it has none.
    """
    bundle, spec = shipped_network()
    files = {name: bundle.files[name] for name in spec.files.values()}
    return PeopleNetwork(spec, files, bundle.spec.verification.get("people", {}))


def people_network(
    run: Run, precision: Precision, target: Target, *, accept_loss: bool, report: Report
) -> PeopleNetwork:
    """Return the network in the precision that is wanted, where it can be had; else the built-in bundle's.

    In the precision of the built-in bundle's it is that one: the person head was fitted on what it sees.

    Args:
        run: keeps the pictures that calibrate and verify a conversion.
        precision: of the scene network.
        target: what is to run it.
        accept_loss: go on where people are seen worse than the precision's limit.
        report: takes each printed line.

    Raises:
        ConfigurationError: the pictures are damaged.
        ModelError: the target's compiler fails.
        QualityError: a loss over the limit.
    """
    kept = shipped()

    def say(line: str) -> None:
        report(f"people network: {line}")

    if precision == kept.spec.precision:
        return _for_edgetpu(kept, say, accept_loss=accept_loss) if target == "edgetpu" else kept
    published, pictures = published_network(), read_calibration(run, PEOPLE_FILE_NAME)
    if published is None or pictures is None:
        missing = (
            f"{PUBLISHED} is not among the weights; give its folder in EDGEWATCH_WEIGHTS"
            if published is None
            else f"{run.path / PEOPLE_FILE_NAME} is missing; go on with trainer train --resume"
        )
        say(f"stays the built-in one, in {kept.spec.precision}: {missing}")
        return kept
    made = convert_pose(published.read_bytes(), precision, target, *pictures, accept_loss=accept_loss, report=say)
    return PeopleNetwork(named(kept.spec, made.files, precision), made.files, made.verification, made.loss)


def _for_edgetpu(kept: PeopleNetwork, say: Report, *, accept_loss: bool) -> PeopleNetwork:
    """The network with what the compiler makes of it, or would."""
    precision, content = kept.spec.precision, kept.files[POSE_FILE]
    made = finish("edgetpu", content, precision, np.zeros((0,), np.uint8), say)
    if made.loss and not accept_loss:
        raise QualityError(f"people network: {made.loss}; take it all the same with --accept-loss")
    files = files_of(content, made)
    figures = {**kept.verification, **made.verification}
    return PeopleNetwork(named(kept.spec, files, precision), files, figures, made.loss)
