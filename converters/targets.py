"""What a bundle is converted for, and what that asks of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from converters.plan import Precision
from edge.errors import ConfigurationError, ModelError

Target = Literal["cpu", "edgetpu", "gpu"]
TARGETS: tuple[Target, ...] = get_args(Target)
PRECISIONS: dict[Target, tuple[Precision, ...]] = {
    "cpu": ("float32", "float16", "mixed", "int8"),
    "edgetpu": ("int8",),
    "gpu": ("float16", "float32", "mixed"),
}
"""What each target runs; the first is taken where nothing is said."""

EDGETPU_FILE = "frame_edgetpu.tflite"
N_TRIED = 8
"""Held-out pictures that a GPU answers, few, since a driver without hardware is slow and its time limited."""

Report = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a target adds to a bundle."""

    files: dict[str, bytes] = field(default_factory=dict)
    verification: dict[str, Any] = field(default_factory=dict)
    loss: str = ""
    """What is over its limit; empty where nothing is."""


def precision_for(target: Target, wanted: Precision | None) -> Precision:
    """The precision to convert to.

    Raises:
        ConfigurationError: the target does not run the one that is wanted.
    """
    if wanted is None:
        return PRECISIONS[target][0]
    if wanted not in PRECISIONS[target]:
        raise ConfigurationError(
            f"--precision {wanted}: --target {target} does not run it; choose {' or '.join(PRECISIONS[target])}"
        )
    return wanted


def finish(target: Target, frame: bytes, precision: Precision, held_out: NDArray[np.uint8], report: Report) -> Finished:
    """Do what the target needs after the frame model has its precision.

    Args:
        target: what is to run it.
        frame: `frame.tflite`.
        precision: its own.
        held_out: uint8 (n, height, width, 3), for what can be run here.
        report: takes each printed line.

    Raises:
        ModelError: the target's compiler fails.
    """
    if target == "edgetpu":
        return _for_edgetpu(frame, report)
    return _for_gpu(frame, precision, held_out[:N_TRIED], report) if target == "gpu" else Finished()


def _for_edgetpu(frame: bytes, report: Report) -> Finished:
    from converters.edgetpu import compile_for_edgetpu  # noqa: PLC0415  (takes seconds)

    compiled = compile_for_edgetpu(frame, report)
    files = {} if compiled.content is None else {EDGETPU_FILE: compiled.content}
    return Finished(files, {"edgetpu": compiled.figures}, compiled.loss)


def _for_gpu(frame: bytes, precision: Precision, pictures: NDArray[np.uint8], report: Report) -> Finished:
    """Run it on this machine's GPU, where there is one."""
    from edge.inference.opening import MAX_DIFFERENCE  # noqa: PLC0415
    from edge.inference.probe import probe  # noqa: PLC0415

    try:
        difference = probe("gpu", frame, frame, {}, held_out=pictures)
    except ModelError as error:
        report(f"GPU: not tested here: {error}")
        return Finished(verification={"gpu": {"untested": str(error)}})
    report(
        f"GPU: answers to {len(pictures)} held-out pictures differ from the processor's by at most {difference:.2g} of "
        "the largest"
    )
    limit = MAX_DIFFERENCE[precision]
    loss = "" if difference <= limit else f"on the GPU answers differ by {difference:.2g}, over the limit of {limit:g}"
    figures = {"n_held_out": len(pictures), "difference_max": float(f"{difference:.2g}")}
    return Finished(verification={"gpu": figures}, loss=loss)
