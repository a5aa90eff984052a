"""Make what of the built-in bundle sees people anew: the network that finds bodies, and the head that follows them.

What looks at the whole picture stays as it is. Needs the folders of data and weights that README names, and an hour.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from converters.convert_pose import POSE_FILE, convert_pose
from converters.person import PeopleNetwork, with_people
from converters.pose import cut_at_maps
from converters.write import write_bundle
from edge.bundle import BUILTIN, Bundle, BundleSpec, InputSpec, PeopleNetworkSpec
from edge.errors import EdgewatchError
from proofs.models.people import SIZE_PX, pictures_of
from trainer.clips.datasets import read_dataset
from trainer.clips.labels import FALL
from trainer.clips.manifest import Clip
from trainer.features.cache import Cache
from trainer.features.poses import PUBLISHED
from trainer.recipes.builtin.people import LEAST_RATE_HZ, RATE_HZ, PoseCache, by_bodies_first, fit_people
from trainer.recipes.builtin.person import PersonSettings

SCENE_ONSET: Final = 0.775
"""Of falls, by the scene's head of this bundle alone: as its recipe chose it on clips of other folds."""
LEARNED: Final = ("gmdcsa24", "surveillance-fight", "t2v-bed-fall")
"""Sets whose licences allow it."""
HELD_OUT: Final = 9
"""One clip of so many judges the conversion."""
SEED: Final = 0
ALERT: Final = {"onset_threshold": 0.4, "offset_threshold": 0.3, "min_active_s": 0.2}
"""Of falls, by bodies. Chosen on clips of scenes that were left out: see README."""


def main() -> int:
    """Make it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path("../shared")
    for name, default, what in (
        ("data", shared / "data", "data sets"),
        ("weights", shared / "weights", "the published network"),
        ("out", BUILTIN, "the bundle"),
    ):
        said = f"{what} (default: %(default)s)"
        parser.add_argument(f"--{name}", type=Path, default=default, metavar="DIR", help=said)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="for what is made on the way, and kept")
    options = parser.parse_args()
    try:
        _ship(options.data, options.weights, options.work, options.out)
    except EdgewatchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _ship(data: Path, weights: Path, work: Path, out: Path) -> None:
    sets = {name: read_dataset(data / name) for name in LEARNED}
    published = (weights / PUBLISHED).read_bytes()
    work.mkdir(parents=True, exist_ok=True)
    people = _people(published, sets, work)
    clips = [clip for of_set in sets.values() for clip in of_set]
    networks = [work / "float32.tflite", work / POSE_FILE]
    poses = PoseCache(Cache(work / "cache"), 2)
    head = fit_people(clips, networks, poses, SEED, PersonSettings())
    spec, files = with_people(Bundle.load(BUILTIN), people, head)
    write_bundle(spec.model_copy(update=_said_of_falls(spec)), files, out, force=True)


def _people(published: bytes, sets: dict[str, list[Clip]], work: Path) -> PeopleNetwork:
    """The network in integers, calibrated and judged with pictures of the sets; beside it that in floats."""
    spec = PeopleNetworkSpec(
        files={"cpu": POSE_FILE},
        precision="int8",
        input=InputSpec(height_px=SIZE_PX, width_px=SIZE_PX, stream="rgb", rate_hz=RATE_HZ),
        least_rate_hz=LEAST_RATE_HZ,
    )
    figures = work / "people.json"
    if figures.is_file():
        return PeopleNetwork(spec, {POSE_FILE: (work / POSE_FILE).read_bytes()}, json.loads(figures.read_text()))
    held_out = {name: clips[::HELD_OUT] for name, clips in sets.items()}
    known = {name: [clip for clip in clips if clip not in held_out[name]] for name, clips in sets.items()}
    pictures = [
        np.stack([picture for name, clips in part.items() for picture in pictures_of(clips, name)])
        for part in (known, held_out)
    ]
    finished = convert_pose(published, "int8", "cpu", *pictures)
    (work / "float32.tflite").write_bytes(cut_at_maps(published))
    (work / POSE_FILE).write_bytes(finished.files[POSE_FILE])
    figures.write_text(json.dumps(finished.verification))
    return PeopleNetwork(spec, finished.files, finished.verification)


def _said_of_falls(spec: BundleSpec) -> dict[str, Any]:
    """Fields of the bundle: who tells falls, from when on, and where that comes from."""
    origin = {
        "network": "MoveNet MultiPose Lightning, Google, Apache-2.0",
        "datasets": [*LEARNED, "virtual bodies"],
        "seed": SEED,
    }
    return {
        "created_at": datetime.now(UTC).replace(microsecond=0),
        "combine": spec.combine | {FALL: by_bodies_first(SCENE_ONSET, ALERT["onset_threshold"])},
        "alerts": spec.alerts | {FALL: spec.alerts[FALL].model_copy(update=ALERT)},
        "thresholds": spec.thresholds | {FALL: ALERT["onset_threshold"]},
        "provenance": spec.provenance | {"people": origin},
    }


if __name__ == "__main__":
    sys.exit(main())
