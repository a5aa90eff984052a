"""From a bundle to what runs: the frame model on a backend of its choice, and the aggregator behind it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.bundle import Bundle, BundleSpec
from edge.inference.aggregation import Aggregator, MeanAggregator, RecurrentAggregator
from edge.inference.choice import Network, open_network
from edge.inference.opening import open_head, open_person_head, people_openers, scene_openers
from edge.inference.people import PeopleModel
from edge.inference.window import StepsAggregator, open_window

Report = Callable[[str], object]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Model:
    """A bundle that is ready to run; shared by all cameras."""

    spec: BundleSpec
    digest: str
    """SHA-256 of `bundle.json`, for events."""
    network: Network
    """The scene network."""
    aggregator: Aggregator[Any]
    people: PeopleModel | None = None
    """Of a bundle that sees people."""

    @property
    def backend(self) -> str:
        """What its networks run on, for people."""
        return ", ".join(dict.fromkeys(network.backend for network in self.networks.values()))

    @property
    def networks(self) -> dict[str, Network]:
        """All of them, by name."""
        return {"scene": self.network} | ({} if self.people is None else {"people": self.people.network})


def open_model(
    bundle: Bundle,
    threads: int = 1,
    backends: Sequence[str] = ("cpu",),
    edgetpu: Mapping[str, str] | None = None,
    report: Report = _say,
) -> Model:
    """Open a bundle's files and check that they are what `bundle.json` says. Heads run on the processor, always.

    Args:
        bundle: what to run.
        threads: of the processor.
        backends: of `cpu`, `gpu` and `edgetpu`, those to try, in this order; the processor is the last in any case.
        edgetpu: its library and device, as `open_edgetpu` takes them.
        report: takes a line about each backend that does not work.

    Raises:
        ModelError: a file cannot run here, or a shape, type, name, scale or count does not fit; the message names the
            file and the field.
    """
    options = edgetpu or {}
    network = open_network(scene_openers(bundle, threads, options), backends, report)
    people = _people(bundle, threads, backends, options, report)
    return Model(bundle.spec, bundle.digest, network, _aggregator(bundle, threads), people)


def _people(
    bundle: Bundle, threads: int, backends: Sequence[str], edgetpu: Mapping[str, str], report: Report
) -> PeopleModel | None:
    spec, head = bundle.spec.networks.people, bundle.spec.heads.person
    if spec is None or head is None:
        return None
    network = open_network(people_openers(bundle, spec, threads, edgetpu), backends, report)
    return PeopleModel(network, open_person_head(bundle, head), head.n_state)


def _aggregator(bundle: Bundle, threads: int) -> Aggregator[Any]:
    head = bundle.spec.heads.scene
    if head.kind == "window":
        return StepsAggregator(open_window(bundle, head, threads), head.window_s)
    if head.kind == "recurrent":
        return RecurrentAggregator(open_head(bundle, head), head.n_state, head.window_s)
    return MeanAggregator(head.window_s)
