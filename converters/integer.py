"""Integers that keep the features: ranges judged by the features, weights refitted, biases corrected on the way.

The features stand for whatever a `Judge` judges by: a frame model's features, or the maps of the pose network.

Walks along the operations with the exact tensors of some pictures and with those of the file that is being made, which
TFLite's own integer operations compute. In a file that is integers in part, what stays float is computed so.

- Biases: the mean error of each output channel is taken from the layer's bias (bias correction; Nagel et al., "A White
  Paper on Neural Network Quantization", 2021, section 3.4, here with the errors of all layers before). The pictures are
  movement on an even ground, whose rounding error is the same everywhere: a bias, and most of the noise.
- Ranges: of some shares of values to clip, that which changes the features least when all after it is float. The
  squared error of the tensor itself is a bad judge: the few pixels of a moving edge decide it, the features, a mean
  over the picture, hardly need them.
- What feeds a swish is cut off below: swish is zero there.
- Before all that, layers of an integer-only file whose channels differ much in range are cut into groups
  (`converters.groups`).

What comes after the features is small and costs nothing: it gets the ranges from its lowest to its highest value.
"""

import functools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from converters.calibration import evenly, observe
from converters.constants import INT8_MAX, Floats, Layer, layer_of, read, replaced, rounded, unshared, write
from converters.graph import DYNAMIC, Graph, Operation
from converters.groups import in_groups
from converters.judge import FEATURES, Judge, Outputs
from converters.plan import PIXEL_RANGE, Kind, Plan, Ranges, is_static
from converters.quantize import part_to_int8
from converters.refit import refit
from converters.runtime import Runner
from edge.errors import ModelError

N_PICTURES = 96
"""For weights and biases. With 64 the features of other pictures lose 0.3 dB."""
SHARES = (0.0, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""Of the values, clipped at either end."""
SWISH_LOWS = (-5.0, -3.0, -4.0, -7.0, -10.0)
"""Lower ends that are tried where a swish follows; the first while the upper end is looked for."""
LOGIT_LOW = -8.0
"""Lower end of an output of which a sigmoid is taken; the upper one is the highest value: what is clipped there is the
surest."""
N_LEVELS = 255
FIXED: dict[str, tuple[float, float]] = {
    "LOGISTIC": (0.0, 255 / 256),
    "SOFTMAX": (0.0, 255 / 256),
    "TANH": (-1.0, 127 / 128),
}
"""Ranges that TFLite prescribes."""
SMALLEST_RANGE = 1e-6
REPORTED = 40
"""A line about the progress each so many operations."""

Tensors = list[dict[str, NDArray[np.float16]]]
"""For each picture, the tensors that are still needed, by name. Half precision halves the memory; its steps are a
thirtieth of int8's."""
Range = tuple[float, float]
Report = Callable[[str], object]


@dataclass
class Walk:
    """How far the walk has come."""

    graph: Graph
    """With rounded weights."""
    static: frozenset[int]
    """Positions of the operations that take and give integers."""
    int8_weights: frozenset[int]
    """Positions of the operations whose weights are integers, those among them."""
    exact: Tensors
    quantized: Tensors
    judge: Judge
    judged: list[int]
    """Pictures whose features judge the ranges."""
    answers: list[Outputs]
    """Their exact features."""
    powers: dict[str, float]
    """Of these, by output."""
    ranges: Ranges
    """Those of the tensors that the walk does not reach, or that float operations make for static ones, stay."""
    weights: dict[int, Floats] = field(default_factory=dict)
    """New ones, by index of the tensor."""
    biases: dict[int, Floats] = field(default_factory=dict)
    """New ones, by index of the tensor."""
    noise: float = SMALLEST_RANGE
    """Power of the features' error over the power of the features, as far as the walk has come."""


def make_integer_ready(
    graph: Graph, pictures: NDArray[np.uint8], report: Report, *, judge: Judge = FEATURES
) -> tuple[Graph, Ranges]:
    """Change weights and biases of a float32 file, and choose ranges, so that its int8 file keeps its features.

    Args:
        graph: of a float32 file with the judge's outputs.
        pictures: uint8 (n, height, width, 3), representative.
        report: takes lines about the progress.
        judge: by what the ranges are chosen.

    Returns:
        the graph with other weights and biases, and a range for each of its activations.

    Raises:
        ModelError: an operation that is not supported; the message names it and its layer.
    """
    graph = in_groups(unshared(graph), evenly(pictures, judge.n_pictures))
    if forked := _forked(graph, judge):
        raise ModelError(
            f"{forked.described}: int8 cannot have {forked.name}, which has several outputs, before the features; use "
            "--precision mixed"
        )
    chosen, everything = evenly(pictures, N_PICTURES), frozenset(range(len(graph.operations)))
    walk = _begin(graph, chosen, judge, static=everything, int8_weights=everything, ranges={})
    ready = _walked(walk, graph, lambda line: report(f"int8: {line}"))
    return ready, walk.ranges | _ranges_after(ready, walk.ranges, chosen)


def make_plan_ready(
    graph: Graph, plan: Plan, ranges: Ranges, pictures: NDArray[np.uint8], report: Report, *, judge: Judge = FEATURES
) -> tuple[Graph, Ranges]:
    """The same for a file of which a plan tells what is integers.

    Args:
        graph: of a float32 file with the judge's outputs.
        plan: a kind for each unit.
        ranges: of the tensors that static units take and make.
        pictures: uint8 (n, height, width, 3), representative.
        report: takes lines about the progress.
        judge: by what the ranges are chosen.

    Returns:
        the graph with other weights and biases, and better ranges; as they were where an operation before the features
        has several outputs.
    """
    graph = unshared(graph)
    if _forked(graph, judge):
        return graph, ranges
    kinds: list[Kind] = [kind for unit, kind in zip(graph.units, plan, strict=True) for _ in unit.span]
    static = frozenset(k for k, kind in enumerate(kinds) if is_static(kind))
    dynamic = frozenset(k for k, kind in enumerate(kinds) if kind == "dynamic" and graph.operations[k].name in DYNAMIC)
    chosen = evenly(pictures, N_PICTURES)
    walk = _begin(graph, chosen, judge, static=static, int8_weights=static | dynamic, ranges=ranges)
    return _walked(walk, graph, lambda line: report(f"mixed: {line}")), walk.ranges


def _walked(walk: Walk, graph: Graph, report: Report) -> Graph:
    """Walk up to the features; the graph with its new weights and biases."""
    n_steps = _n_until_features(graph, walk.judge)
    report(f"ranges, weights and biases from {len(walk.exact)} pictures")
    for position in range(n_steps):
        try:
            _step(walk, graph, position)
        except (RuntimeError, ValueError) as error:  # the interpreter's, such as of truth values
            reason = str(error).splitlines()[0]
            described = graph.operations[position].described
            raise ModelError(f"{described}: int8 cannot have it ({reason}); use --precision float16") from error
        if position % REPORTED == REPORTED - 1:
            report(f"operation {position + 1} of {n_steps}, features {-10 * np.log10(walk.noise):.1f} dB")
    return replaced(graph, walk.weights | walk.biases)


def _n_until_features(graph: Graph, judge: Judge) -> int:
    """How many operations make the features."""
    return 1 + max(graph.maker_of(graph.output_name(name)) for name in judge.outputs)


def _forked(graph: Graph, judge: Judge) -> Operation | None:
    """The first operation with several outputs before the features."""
    operators = graph.model.subgraphs[0].operators[: _n_until_features(graph, judge)]
    forked = (k for k, operator in enumerate(operators) if len(operator.outputs) != 1)
    return next((graph.operations[k] for k in forked), None)


def _begin(
    graph: Graph,
    pictures: NDArray[np.uint8],
    judge: Judge,
    *,
    static: frozenset[int],
    int8_weights: frozenset[int],
    ranges: Ranges,
) -> Walk:
    constants: dict[int, Floats] = {}
    for position in int8_weights:
        if layer := layer_of(graph, position):
            constants[layer.weights] = rounded(read(graph, layer.weights), layer.channel_axis)
    entries: Tensors = [{graph.input_name: picture[None].astype(np.float16)} for picture in pictures]
    judged = np.linspace(0, len(entries) - 1, min(judge.n_pictures, len(entries))).astype(int).tolist()
    whole = Runner(graph.extract(range(len(graph.operations))))
    answers = [_outputs(graph, judge, whole.run_part(_wide(entries[index]))) for index in judged]
    known = {**ranges, graph.input_name: PIXEL_RANGE}
    quantized = [dict(entry) for entry in entries]
    rounded_graph, powers = replaced(graph, constants), judge.powers(answers)
    return Walk(rounded_graph, static, int8_weights, entries, quantized, judge, judged, answers, powers, known)


def _step(walk: Walk, graph: Graph, position: int) -> None:
    """Take one operation: its weights and bias, its range, and the tensors that it makes."""
    name, limits = graph.operations[position].output, graph.fused_limits(position)
    layer = layer_of(graph, position)
    if position in walk.static:
        _enter(walk, graph, position)
    exact, means = _run(graph, position, walk.exact), list[Floats]()
    if layer:
        exact = list(exact)
        if position in walk.int8_weights and _has_pixels(exact[0]) and not _is_judged(walk, graph, position):
            _refit(walk, graph, position, layer, exact)
        means = [_channel_means(values) for values in exact]
    _keep(walk.exact, name, _clipped(exact, limits))
    del exact  # before the next pictures are computed
    quantized = _run(walk.graph, position, walk.quantized)
    if layer and layer.bias >= 0:
        quantized = _unbiased(walk, graph, layer, list(quantized), means)
    quantized = _clipped(quantized, limits)
    if position in walk.static and not graph.is_joined(position):  # what is joined has the range of the whole
        _choose_range(walk, graph, position, layer, list(quantized))
        quantized = _run_int8(walk, position)
    _keep(walk.quantized, name, quantized)
    _forget(walk, graph, position)


def _unbiased(walk: Walk, graph: Graph, layer: Layer, values: list[Floats], means: list[Floats]) -> list[Floats]:
    """What a layer makes, and its bias, without the mean error of each channel."""
    error = np.mean([_channel_means(v) - mean for v, mean in zip(values, means, strict=True)], axis=0)
    walk.biases[layer.bias] = read(graph, layer.bias) - error.astype(np.float32)
    write(walk.graph, layer.bias, walk.biases[layer.bias])
    return [np.subtract(v, error.astype(np.float32), out=v) for v in values]


def _choose_range(walk: Walk, graph: Graph, position: int, layer: Layer | None, values: list[Floats]) -> None:
    """The range of what the operation makes, and of what it joins."""
    operation = graph.operations[position]
    joined = graph.inputs_of(range(position, position + 1)) if operation.name == "CONCATENATION" else []
    limits = _range_of(walk, graph, position, values)
    if layer:
        limits = no_finer(limits, _least_step(walk, position, layer))
    walk.ranges |= dict.fromkeys((operation.output, *joined), limits)


def _enter(walk: Walk, graph: Graph, position: int) -> None:
    """Round what float operations have made for this one; those that take it in float get it rounded too."""
    for name in graph.inputs_of(range(position, position + 1)):
        if name == graph.input_name or graph.maker_of(name) in walk.static:
            continue
        for known in walk.quantized:
            known[name] = to_levels(known[name].astype(np.float32), walk.ranges[name]).astype(np.float16)


def _refit(walk: Walk, graph: Graph, position: int, layer: Layer, exact: list[Floats]) -> None:
    """Give a convolution weights that make up for its inputs' errors."""
    (name,) = graph.inputs_of(range(position, position + 1))
    options = graph.model.subgraphs[0].operators[position].builtinOptions
    weights = refit(
        read(graph, layer.weights),
        (known[name].astype(np.float32) for known in walk.quantized),
        exact,
        strides=(options.strideH, options.strideW),
        padding=options.padding,
        depthwise=graph.operations[position].name == "DEPTHWISE_CONV_2D",
    )
    walk.weights[layer.weights] = weights = rounded(weights, layer.channel_axis)
    write(walk.graph, layer.weights, weights)


def _run_int8(walk: Walk, position: int) -> Iterator[Floats]:
    """One operation as the finished file has it, with its rounded constants: a value that is rounded the other way is a
    bias on even ground, and what follows makes up for it only where it sees it."""
    limits = walk.ranges[walk.graph.operations[position].output]
    part = Runner(part_to_int8(walk.graph.extract(range(position, position + 1)), walk.ranges))
    for known in walk.quantized:
        (values,) = part.run_part(_wide(known)).values()
        yield to_levels(values, limits)  # of what the quantizer leaves in float, too


def _least_step(walk: Walk, position: int, layer: Layer) -> float:
    """What a layer's sums are multiples of, where its weights are largest."""
    (name,) = walk.graph.inputs_of(range(position, position + 1))
    low, high = walk.ranges[name]
    return (high - low) / N_LEVELS * float(np.abs(read(walk.graph, layer.weights)).max()) / INT8_MAX


def no_finer(limits: Range, step: float) -> Range:
    """The same limits, or wider ones if their levels were finer than a step: these tell nothing more, and TFLite stops
    where they are very fine."""
    missing = max(N_LEVELS * step - (limits[1] - limits[0]), 0.0)
    return limits[0], limits[1] + missing


def _is_judged(walk: Walk, graph: Graph, position: int, among: Collection[str] | None = None) -> bool:
    """Whether the operation makes one of the outputs that are judged. Fitted weights would pull its rare peaks down to
    the mean: the pose network's scores lose a third."""
    names = walk.judge.outputs if among is None else among
    return graph.operations[position].output in {graph.output_name(name) for name in names}


def _has_pixels(values: Floats) -> bool:
    """Whether it is more than one pixel; squeeze and excitation, and what comes after the features, is one."""
    return values.size > values.shape[-1]


def to_levels(values: Floats, limits: Range) -> Floats:
    """The nearest of the 256 levels between the limits, of which one is 0."""
    step = max(limits[1] - limits[0], SMALLEST_RANGE) / N_LEVELS
    zero = np.rint(-limits[0] / step)
    return ((np.clip(np.rint(values / step) + zero, 0, N_LEVELS) - zero) * step).astype(np.float32)


def _wide(tensors: dict[str, NDArray[np.float16]]) -> dict[str, Floats]:
    return {name: values.astype(np.float32) for name, values in tensors.items()}


def _run(graph: Graph, position: int, tensors: Tensors) -> Iterable[Floats]:
    """One operation, without its fused activation, on one picture after the other."""
    part = Runner(graph.extract(range(position, position + 1), bare=True))
    name = graph.operations[position].output
    return (part.run_part(_wide(known))[name] for known in tensors)


def _clipped(values: Iterable[Floats], limits: Range) -> Iterator[Floats]:
    return (np.clip(each, *limits, out=each) for each in values)


def _keep(tensors: Tensors, name: str, values: Iterable[Floats]) -> None:
    """Half precision before the next picture is computed: of all pictures together these are the largest tensors."""
    for known, each in zip(tensors, values, strict=True):
        known[name] = each.astype(np.float16)


def _forget(walk: Walk, graph: Graph, position: int) -> None:
    """Drop the tensors that nothing after this operation takes."""
    needed = set(graph.inputs_of(range(position + 1, len(graph.operations))))
    for known in (*walk.exact, *walk.quantized):
        for name in set(known) - needed:
            del known[name]


def _channel_means(values: Floats) -> Floats:
    return values.reshape(-1, values.shape[-1]).mean(axis=0)


# Ranges


def _range_of(walk: Walk, graph: Graph, position: int, values: list[Floats]) -> Range:
    """The range of what the operation at this position makes, of which these are the values."""
    operation = graph.operations[position]
    if operation.name in FIXED:
        return FIXED[operation.name]
    low = min(0.0, *(float(part.min()) for part in values))
    high = max(SMALLEST_RANGE, *(float(part.max()) for part in values))
    if not _has_pixels(values[0]):
        return low, high  # a single pixel, as in squeeze and excitation
    if _is_judged(walk, graph, position, walk.judge.logits):
        return max(low, LOGIT_LOW), high
    chosen = [values[index] for index in walk.judged]
    noise = functools.cache(_judge(walk, graph, position, chosen))
    sample = np.concatenate([part.ravel()[:: max(1, part.size * len(chosen) // 400_000)] for part in chosen])
    highs = [high, *(max(float(end), SMALLEST_RANGE) for end in np.quantile(sample, [1 - s for s in SHARES[1:]]))]
    lows = [low, *(min(float(end), 0.0) for end in np.quantile(sample, SHARES[1:]))]
    if graph.feeds_swish(position):
        best = quietest_swish_range(noise, low, highs)
    else:
        best = quietest_range(noise, lows, highs)
    walk.noise = noise(best)
    return best


def _ranges_after(graph: Graph, known: Ranges, pictures: NDArray[np.uint8]) -> Ranges:
    """Ranges of the activations that have none yet."""
    _, lows, highs = observe(graph.content, set(graph.activations()) - set(known), pictures)
    found = {name: (min(lows[name], 0.0), max(highs[name], SMALLEST_RANGE)) for name in lows}
    return found | {o.output: FIXED[o.name] for o in graph.operations if o.output in found and o.name in FIXED}


def quietest_range(noise: Callable[[Range], float], lows: Sequence[float], highs: Sequence[float]) -> Range:
    """The least noise of pairs that clip the same share at both ends, then of their neighbours at each end."""
    place = min(range(len(lows)), key=lambda i: noise((lows[i], highs[i])))
    near = [i for i in (place, place - 1, place + 1) if 0 <= i < len(lows)]
    low = min((lows[i] for i in near), key=lambda end: noise((end, highs[place])))
    high = min((highs[i] for i in near), key=lambda end: noise((low, end)))
    return low, high


def quietest_swish_range(noise: Callable[[Range], float], low: float, highs: Sequence[float]) -> Range:
    """The least noise of upper ends, then of lower ends that swish bears."""
    lows = [max(low, end) for end in SWISH_LOWS]
    high = min(highs, key=lambda end: noise((lows[0], end)))
    return min(lows, key=lambda end: noise((end, high))), high


def _judge(walk: Walk, graph: Graph, position: int, values: list[Floats]) -> Callable[[Range], float]:
    """A function from a range of these values to the noise of the features, all that comes after being float."""
    name = graph.operations[position].output
    after = graph.changed_by(position)
    content = graph.extract(after) if after else None
    n_workers = min(os.cpu_count() or 1, len(values))
    rests = [Runner(content) if content else None for _ in range(n_workers)]

    def answer(rest: Runner | None, place: int, levels: Floats) -> Outputs:
        made = {name: levels}
        if rest:
            made |= rest.run_part(_wide(walk.quantized[walk.judged[place]]) | made)
        return _outputs(graph, walk.judge, made)

    def noise(limits: Range) -> float:
        def share(worker: int) -> float:
            return sum(
                walk.judge.error(
                    answer(rests[worker], place, to_levels(values[place], limits)), walk.answers[place], walk.powers
                )
                for place in range(worker, len(values), n_workers)
            )

        with ThreadPoolExecutor(n_workers) as pool:
            return sum(pool.map(share, range(n_workers)))

    return noise


def _outputs(graph: Graph, judge: Judge, tensors: Mapping[str, Floats]) -> Outputs:
    """What is judged of these tensors, by the signature's names."""
    names = {name: graph.output_name(name) for name in judge.outputs}
    return {name: tensors[tensor] for name, tensor in names.items() if tensor in tensors}
