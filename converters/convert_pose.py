"""From the published pose network to its files in the wanted precision, judged by the people that they see."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.calibration import evenly
from converters.convert import LATENCY_BUDGET, quantized
from converters.equalize import equalized
from converters.graph import Graph
from converters.keypoints import POSTURES, Found, Posture, compare
from converters.person import lost_of
from converters.plan import Plan, Precision
from converters.pose import MAPS_JUDGE, POSE_INPUT, cut_at_maps
from converters.runtime import latencies
from converters.targets import EDGETPU_FILE, Finished, Target, finish, precision_for
from converters.verify import check_file
from edge.bundle import PeopleNetworkSpec
from edge.errors import QualityError
from edge.frames.letterbox import fit
from edge.inference.tflite import open_interpreter
from edge.people.decoding import decode
from edge.types import Person

POSE_FILE = "pose.tflite"
POSE_EDGETPU_FILE = "pose_edgetpu.tflite"
FLOATS: tuple[Precision, ...] = ("float32", "float16")
LEAST_SIMILARITY: dict[Precision, dict[Posture, float]] = {
    "float32": {"upright": 0.999, "lying": 0.999},
    "float16": {"upright": 0.99, "lying": 0.99},
    "mixed": {"upright": 0.95, "lying": 0.9},
    "int8": {"upright": 0.9, "lying": 0.85},
}
"""Object keypoint similarity to the float network, of people on held-out pictures, in the mean."""
N_PICTURES = 64
"""Their tensors, at 256 px, take 2 GB."""
LEAST_PEOPLE = 20
"""Under which a mean says nothing."""

Pictures = NDArray[np.uint8]


def convert_pose(
    published: bytes,
    precision: Precision | None,
    target: Target,
    representative: Pictures,
    held_out: Pictures,
    *,
    accept_loss: bool = False,
    plan: Plan | None = None,
    latency_budget: float = LATENCY_BUDGET,
    report: Callable[[str], object] = print,
) -> Finished:
    """Convert the published pose network.

    Args:
        published: the file as it is published.
        precision: as of a frame model; None: the target's own.
        target: what is to run it.
        representative: uint8 (n, height, width, 3), letterboxed pictures of people, of many clips; their size is the
            network's.
        held_out: uint8 (m, height, width, 3), of other clips: the verification.
        accept_loss: go on where people are seen worse than the precision's limit.
        plan: of an earlier conversion, instead of a search; for `mixed`.
        latency_budget: of float32's latency, for `mixed`.
        report: takes each printed line.

    Raises:
        ConfigurationError: the target does not run the precision, or the plan is of another network.
        ModelError: it is another network, or its size is none of its sizes.
        QualityError: a file that is not what it should be, or a loss over the limit.
    """
    precision = precision_for(target, precision)
    float32 = cut_at_maps(published, *representative.shape[1:3])
    known = evenly(representative, N_PICTURES)
    even = float32 if precision in FLOATS else equalized(Graph(float32), representative).content
    content, details = quantized(
        even, precision, target, known, judge=MAPS_JUDGE, plan=plan, budget=latency_budget, report=report
    )
    operations = check_file(content, precision)
    figures = verify_pose(float32, content, held_out)
    loss = loss_of_people(precision, figures)
    finished = finish(target, content, precision, held_out, report)
    losses = "; ".join(filter(None, (loss, finished.loss)))
    if losses and not accept_loss:
        raise QualityError(f"{losses}; choose another --precision, or take it all the same with --accept-loss")
    verification = {"pose": figures, "operations": operations, **details, **finished.verification}
    return Finished(files_of(content, finished), verification, losses)


def files_of(content: bytes, finished: Finished) -> dict[str, bytes]:
    """The network's file and what its target added, by the names that a bundle gives them."""
    compiled = finished.files.get(EDGETPU_FILE)
    return {POSE_FILE: content} | ({} if compiled is None else {POSE_EDGETPU_FILE: compiled})


def named(spec: PeopleNetworkSpec, files: Mapping[str, bytes], precision: Precision) -> PeopleNetworkSpec:
    """The spec of a network with these files."""
    names = {"cpu": POSE_FILE, "edgetpu": POSE_EDGETPU_FILE}
    there = {backend: name for backend, name in names.items() if name in files}
    return spec.model_copy(update={"files": there, "precision": precision})


def verify_pose(float32: bytes, converted: bytes, pictures: Pictures) -> dict[str, Any]:
    """How the people that the float network sees are seen by the converted one, its latency against float32 and size.

    Args:
        float32: its float32 file.
        converted: the file that is judged.
        pictures: uint8 (n, height, width, 3), none of which the conversion saw.
    """
    expected, found = people_in(float32, pictures), people_in(converted, pictures)
    height_px, width_px = pictures.shape[1:3]
    seen = [
        one for truth, other in zip(expected, found, strict=True) for one in compare(truth, other, height_px, width_px)
    ]
    times = latencies([float32, converted])
    return {
        "n_held_out": len(pictures),
        **{posture: similarity_of(seen, posture) for posture in POSTURES},
        "latency_ratio": round(float(np.median(times[:, 1] / times[:, 0])), 3),
        "size_bytes": len(converted),
    }


def similarity_of(seen: Sequence[Found], posture: Posture) -> dict[str, Any]:
    """Mean similarity of the people in a posture, how many they are, and how many nobody saw."""
    values = [one.similarity for one in seen if one.posture == posture]
    mean = round(float(np.mean(values)), 4) if values else None
    return {"n": len(values), "lost": values.count(0.0), "similarity": mean}


def loss_of_people(precision: Precision, figures: Mapping[str, Any]) -> str:
    """In which posture people are seen worse than the limit, with the figures; else nothing."""
    return "; ".join(
        f"{precision} sees {posture} people with a similarity of {figures[posture]['similarity']:.3f} to the float "
        f"network, under the limit of {LEAST_SIMILARITY[precision][posture]:g} ({lost_of(figures[posture])})"
        for posture in POSTURES
        if figures[posture]["n"] >= LEAST_PEOPLE
        and figures[posture]["similarity"] < LEAST_SIMILARITY[precision][posture]
    )


def people_in(model: bytes, pictures: Pictures) -> list[list[Person]]:
    """People in each picture (n, height, width, 3), relative to it; `model` takes uint8 or float32."""
    interpreter = open_interpreter(model)
    place = fit(pictures[0], *pictures.shape[1:3])
    return [decode(interpreter.run({POSE_INPUT: picture[np.newaxis]}), place) for picture in pictures]
