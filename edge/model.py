"""From a bundle to what runs: the frame model on a backend, and the aggregator behind it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from edge.aggregation import Aggregator, MeanAggregator, RecurrentAggregator
from edge.backends import Backend
from edge.backends.choice import Candidate, FallbackBackend
from edge.backends.cpu import CpuBackend
from edge.backends.edgetpu import EdgeTpuBackend
from edge.backends.gpu import GpuBackend
from edge.backends.probe import probe
from edge.bundle import EDGETPU_FILE, FRAME_FILE, HEAD_FILE, WINDOW_FILE, Bundle, BundleSpec
from edge.errors import ModelError
from edge.opening import open_frame_model, open_frame_model_on_edgetpu, open_frame_model_on_gpu, open_head
from edge.window import PixelBackend, StepsAggregator, open_window

MAX_DIFFERENCE: Final[Mapping[str, float]] = {"float32": 1e-3, "float16": 1e-3, "mixed": 0.1, "int8": 0.1}
"""How far an accelerator's answers may lie from the processor's, by precision, as a fraction of the largest. Integers
are rounded differently on every device."""

Report = Callable[[str], object]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Model:
    """A bundle that is ready to run; shared by all cameras."""

    spec: BundleSpec
    digest: str
    """SHA-256 of `bundle.json`, for events."""
    backend: Backend
    aggregator: Aggregator[Any]


def open_model(
    bundle: Bundle,
    threads: int = 1,
    backends: Sequence[str] = ("cpu",),
    edgetpu: Mapping[str, str] | None = None,
    report: Report = _say,
) -> Model:
    """Open a bundle's files and check that they are what `bundle.json` says. The head runs on the processor, always.

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
    backend = _backend(bundle, threads, backends, edgetpu or {}, report)
    return Model(bundle.spec, bundle.digest, backend, _aggregator(bundle, threads))


def _backend(
    bundle: Bundle, threads: int, backends: Sequence[str], edgetpu: Mapping[str, str], report: Report
) -> Backend:
    candidates: dict[str, Callable[[], Backend]] = {
        "gpu": partial(_on_gpu, bundle),
        "edgetpu": partial(_on_edgetpu, bundle, edgetpu),
        "cpu": partial(_on_cpu, bundle, threads),
    }
    wanted = [*(name for name in backends if name != "cpu"), "cpu"]
    chosen = [Candidate(name, candidates[name]) for name in wanted]
    return chosen[0].open() if len(chosen) == 1 else FallbackBackend(chosen, report)


def _pixel_backend(spec: BundleSpec) -> Backend:
    """For a window model that looks at the pictures themselves."""
    size = spec.input.height_px * spec.input.width_px * 3
    if spec.n_features != size:
        raise ModelError(f"{spec.name}: n_features: {spec.n_features}, a picture has {size} numbers; convert it again")
    return PixelBackend(len(spec.labels))


def _aggregator(bundle: Bundle, threads: int) -> Aggregator[Any]:
    spec = bundle.spec
    if WINDOW_FILE in bundle.files:
        return StepsAggregator(open_window(bundle, threads), spec.window_s)
    if HEAD_FILE in bundle.files:
        return RecurrentAggregator(open_head(bundle), spec.n_state, spec.window_s)
    return MeanAggregator(spec.window_s)


def _on_cpu(bundle: Bundle, threads: int) -> Backend:
    return CpuBackend(open_frame_model(bundle, threads)) if FRAME_FILE in bundle.files else _pixel_backend(bundle.spec)


def _on_gpu(bundle: Bundle) -> Backend:
    if FRAME_FILE not in bundle.files:
        raise ModelError(f"{bundle.spec.name} has no {FRAME_FILE}; its {WINDOW_FILE} runs on the processor alone")
    frame = bundle.files[FRAME_FILE]
    _check_difference(bundle, probe("gpu", frame, frame, {}))
    return GpuBackend(open_frame_model_on_gpu(bundle))


def _on_edgetpu(bundle: Bundle, options: Mapping[str, str]) -> Backend:
    if EDGETPU_FILE not in bundle.files:
        raise ModelError(f"{bundle.spec.name} has no {EDGETPU_FILE}; convert it with --target edgetpu")
    _check_difference(bundle, probe("edgetpu", bundle.files[FRAME_FILE], bundle.files[EDGETPU_FILE], options))
    return EdgeTpuBackend(open_frame_model_on_edgetpu(bundle, options))


def _check_difference(bundle: Bundle, difference: float) -> None:
    limit = MAX_DIFFERENCE[bundle.spec.precision]
    if not difference <= limit:  # also when it is NaN
        raise ModelError(f"its answers differ from the processor's by {difference:.2g}, over {limit:g}")
