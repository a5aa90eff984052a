"""From a bundle to what runs: the frame model on a backend of its choice, and the aggregator behind it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.bundle import Bundle, BundleSpec
from edge.inference.aggregation import Aggregator, MeanAggregator, RecurrentAggregator
from edge.inference.choice import Network, open_network
from edge.inference.opening import frame_openers, open_head
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
    """The frame model."""
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
    network = open_network(frame_openers(bundle, threads, edgetpu or {}), backends, report)
    return Model(bundle.spec, bundle.digest, network, _aggregator(bundle, threads))


def _aggregator(bundle: Bundle, threads: int) -> Aggregator[Any]:
    head = bundle.spec.heads.scene
    if head.kind == "window":
        return StepsAggregator(open_window(bundle, head, threads), head.window_s)
    if head.kind == "recurrent":
        return RecurrentAggregator(open_head(bundle, head), head.n_state, head.window_s)
    return MeanAggregator(head.window_s)
