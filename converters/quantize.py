"""Float32 TFLite to the other precisions: the one module that knows litert-quantizer."""

import contextlib
import io
import re
import warnings

import numpy as np
from litert_quantizer import qtyping, quantizer
from litert_quantizer.algorithm_manager import AlgorithmName

from converters.graph import DYNAMIC, Graph, Unit, follow_outputs
from converters.leftovers import take_leftovers
from converters.plan import PIXEL_RANGE, Calibration, Kind, Plan, Ranges, is_static
from edge.errors import ModelError

_EVERYTHING = qtyping.TFLOperationName.ALL_SUPPORTED
_WEIGHTS = qtyping.TensorQuantizationConfig(
    num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
)
_UINT8_INPUT = qtyping.OpQuantizationConfig(
    activation_tensor_config=qtyping.TensorQuantizationConfig(
        num_bits=8, symmetric=False, dtype=qtyping.TensorDataType.UINT
    ),
    weight_tensor_config=_WEIGHTS,
    compute_precision=qtyping.ComputePrecision.INTEGER,
    explicit_dequantize=False,
)


def to_float32(graph: Graph) -> bytes:
    """The float32 file with the input that every precision has: uint8, scale 1, zero point 0."""
    return _finish(quantizer.Quantizer(graph.content), graph, {})


def to_float16(graph: Graph) -> bytes:
    """Weights stored in 16 bits, computed in float32."""
    work = quantizer.Quantizer(graph.content)
    work.add_weight_only_config(".*", _EVERYTHING, 16, algorithm_key=AlgorithmName.FLOAT_CASTING)
    return _finish(work, graph, {})


def to_int8(graph: Graph, ranges: Ranges, *, plain_dense: bool = False) -> bytes:
    """Integers throughout, the outputs too. `plain_dense`: one scale for all weights of a dense layer, not one for each
    channel, which the Edge TPU has for convolutions alone."""
    work = quantizer.Quantizer(graph.content)
    _add_static(work, ".*")
    if plain_dense:
        dense, one_scale = qtyping.TFLOperationName.FULLY_CONNECTED, qtyping.QuantGranularity.TENSORWISE
        work.add_static_config(".*", dense, activation_num_bits=8, weight_num_bits=8, weight_granularity=one_scale)
    return take_leftovers(_finish(work, graph, ranges))


def to_plan(graph: Graph, plan: Plan, ranges: Ranges) -> bytes:
    """Quantize each unit of a float32 file as the plan says, with these ranges of what static units take and make."""
    work = quantizer.Quantizer(graph.content)
    for unit, kind in zip(graph.units, plan, strict=True):
        if kind == "float":
            continue
        scope = "^(" + "|".join(re.escape(operation.output) for operation in unit.operations) + ");?$"
        if is_static(kind):
            _add_static(work, scope)
        else:
            _add_dynamic(work, scope)
    return _finish(work, graph, ranges)


def part_to_kind(part: bytes, kind: Kind, calibration: Calibration) -> bytes:
    """Quantize a unit that was cut out; its inputs and outputs are integers when it is static."""
    if kind == "float":
        return part
    if is_static(kind):
        return part_to_int8(part, calibration[kind])
    work = quantizer.Quantizer(part)
    _add_dynamic(work, ".*")
    return _finish(work, Graph(part), {}, pixels=False)


def part_to_int8(part: bytes, ranges: Ranges) -> bytes:
    """Quantize operations that were cut out; their inputs and outputs are integers."""
    work = quantizer.Quantizer(part)
    _add_static(work, ".*")
    return _finish(work, Graph(part), ranges, pixels=False)


def ranges_of_plan(units: tuple[Unit, ...], plan: Plan, calibration: Calibration) -> Ranges:
    """One range a tensor: that of the static unit which makes it, else of the first which takes it."""
    merged: Ranges = {}
    for unit, kind in zip(units, plan, strict=True):
        if not is_static(kind):
            continue
        ranges = calibration[kind]
        for name in unit.inputs:
            merged.setdefault(name, ranges[name])
        merged |= {operation.output: ranges[operation.output] for operation in unit.operations}
    return merged


def _add_static(work: quantizer.Quantizer, scope: str) -> None:
    work.add_static_config(scope, _EVERYTHING, activation_num_bits=8, weight_num_bits=8)


def _add_dynamic(work: quantizer.Quantizer, scope: str) -> None:
    for name in DYNAMIC:
        work.add_dynamic_config(scope, qtyping.TFLOperationName(name), 8)


def _finish(work: quantizer.Quantizer, graph: Graph, ranges: Ranges, *, pixels: bool = True) -> bytes:
    known = dict(ranges)
    if pixels:
        work.update_quantization_recipe(".*", qtyping.TFLOperationName.INPUT, _UINT8_INPUT)
        known[graph.input_name] = PIXEL_RANGE
    statistics: dict[str, qtyping.QSV] = {
        name: {"min": np.full([1] * rank, known[name][0]), "max": np.full([1] * rank, known[name][1])}
        for name, rank in graph.activations().items()
        if name in known
    }
    calibrated = statistics if work.need_calibration else None
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        # One of its progress bars cannot be turned off, and it warns of an interpreter that it makes for a check.
        warnings.filterwarnings("ignore", message="(?s).*preserve_all_tensors")
        try:
            made = work.quantize(calibrated, enable_progress_bar=False, enable_progress_report=False)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"{_refused(graph, str(error))}; use another --precision") from error
    content = bytes(made.quantized_model or b"")
    return follow_outputs(graph, content) if pixels else content


def _refused(graph: Graph, said: str) -> str:
    """What litert-quantizer cannot quantize, of what it said."""
    named = [operation for operation in graph.operations if operation.output in said]
    where = max(named, key=lambda operation: len(operation.output)).described if named else "the model"
    return f"{where}: litert-quantizer refuses it ({said.splitlines()[0]})"
