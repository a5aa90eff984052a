"""How quick the box is on one thread, as ratios of things that were measured beside each other in one run.

Evidence: rounds of `edge bench` (the whole pipeline, then a bare loop around the interpreter), pairs of single
inferences of the shipped frame model and of the same network in float32 (with the same weights: random ones are 9 %
quicker), and `model.predict` on single frames,
which is how the papers' programs answer.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from edge.bundle import BUILTIN, Bundle
from edge.commands.bench import bench
from proofs.frame.proof import INTERVAL, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.frame.statistics import median_ratio, middle_half

N_PAIRS, N_PAIRS_SHORT = 400, 50
N_PREDICTIONS, N_PREDICTIONS_SHORT = 150, 20
N_WARM_UP = 5
BENCH_S, BENCH_SHORT_S = 150.0, 15.0
SEED = 0

TABLE = (
    Figure(
        "pipeline_to_bare",
        "frames per second, daemon on decoded frames / bare interpreter loop",
        "",
        Limit(">=", 0.9),
        3,
    ),
    Figure("pipeline_fps", "frames per second of the daemon", "", None, 1),
    Figure("head_to_frame", "GRU step / frame inference", "", Limit("<=", 0.05), 4),
    Figure("quantized_to_float", "latency, shipped frame model / float32", "", Limit("<=", 0.6), 3),
    Figure("quantized_ms", "one inference, shipped frame model", "ms", None, 2),
    Figure("float_ms", "one inference, float32", "ms", None, 2),
    Figure("daemon_to_predict", "frames per second, daemon / `model.predict` on single frames", "", Limit(">=", 15), 1),
    Figure("predict_ms", "`model.predict` on a single frame", "ms", None, 1),
)


def measure(setting: Setting) -> Evidence:
    """Run all of it on one thread; a minute or three."""
    bundle = Bundle.load(BUILTIN)
    say("edge bench")
    benched = bench(bundle, threads=1, seconds=BENCH_SHORT_S if setting.short else BENCH_S)
    return {
        "bundle_sha256": bundle.digest,
        "rounds": benched["rounds"],
        **_against_keras(bundle, setting),
    }


def figures(evidence: Evidence) -> Figures:
    """Medians, and of paired ratios also the middle half."""
    rounds = evidence["rounds"]
    pipeline = [one["pipeline_fps"] for one in rounds]
    bare = [one["bare_fps"] for one in rounds]
    quantized_s, float_s = evidence["quantized_s"], evidence["float_s"]
    predict_s, beside_s = evidence["predict_s"], evidence["quantized_beside_predict_s"]
    to_bare = median_ratio(pipeline, bare)
    heads = [one["head_step_s"] for one in rounds if one["head_step_s"] is not None]
    found: Figures = {
        "pipeline_to_bare": to_bare,
        f"pipeline_to_bare{INTERVAL}": middle_half(pipeline, bare),
        "pipeline_fps": statistics.median(pipeline),
        "quantized_to_float": median_ratio(quantized_s, float_s),
        f"quantized_to_float{INTERVAL}": middle_half(quantized_s, float_s),
        "quantized_ms": 1000 * statistics.median(quantized_s),
        "float_ms": 1000 * statistics.median(float_s),
        # a bare interpreter stands beside every prediction, the daemon is that much slower than a bare interpreter
        "daemon_to_predict": median_ratio(predict_s, beside_s) * to_bare,
        "predict_ms": 1000 * statistics.median(predict_s),
    }
    if heads:
        found["head_to_frame"] = median_ratio(heads, [one["frame_inference_s"] for one in rounds])
    return found


def _against_keras(bundle: Bundle, setting: Setting) -> Evidence:
    """Pairs of single inferences, and single predictions of Keras."""
    import tensorflow as tf  # noqa: PLC0415 listing proofs need not wait for it

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from edge.inference.tflite import open_interpreter  # noqa: PLC0415
    from trainer.features.backbone import (  # noqa: PLC0415
        RANDOM,
        Weights,
        build_backbone,
        export_pooled,
        find_weights,
        pooled,
    )

    spec = bundle.spec.networks.scene.input
    picture = np.random.default_rng(SEED).integers(0, 256, (1, spec.height_px, spec.width_px, 3), np.uint8)
    weights = find_weights(str(setting.weights)) if setting.weights.is_dir() else Weights(RANDOM, RANDOM)
    exported = export_pooled(spec, weights, SEED, setting.work).read_bytes()
    quantized = open_interpreter(bundle.files[bundle.spec.networks.scene.files["cpu"]], threads=1)
    reference = open_interpreter(exported, threads=1)
    say("shipped frame model beside float32")
    pairs = _alternate(
        lambda: quantized.run(_fed(quantized, picture)),
        lambda: reference.run(_fed(reference, picture)),
        N_PAIRS_SHORT if setting.short else N_PAIRS,
    )
    say("model.predict on single frames")
    model = pooled(build_backbone(spec, weights))
    as_float = picture.astype(np.float32)
    predictions = _alternate(
        lambda: model.predict(as_float, verbose=0),  # pyright: ignore[reportArgumentType] Keras documents 0
        lambda: quantized.run(_fed(quantized, picture)),
        N_PREDICTIONS_SHORT if setting.short else N_PREDICTIONS,
    )
    return {
        "weights": weights.digest,
        "quantized_s": pairs[0],
        "float_s": pairs[1],
        "predict_s": predictions[0],
        "quantized_beside_predict_s": predictions[1],
    }


def _fed(interpreter: Any, picture: Any) -> Any:
    (name,) = interpreter.inputs
    return {name: picture.astype(interpreter.inputs[name].dtype)}


def _alternate(first: Callable[[], Any], second: Callable[[], Any], n_pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of each, taken in turns."""
    pairs = [(_seconds(first), _seconds(second)) for _ in range(N_WARM_UP + n_pairs)][N_WARM_UP:]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return round(time.perf_counter() - begin, 7)


PROOF = Proof(
    name="speed",
    summary="the daemon beside a bare interpreter, float32 and the papers' way, on one thread",
    table=TABLE,
    measure=measure,
    figures=figures,
    of_bundle=True,
)
