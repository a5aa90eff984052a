"""How each precision of the pose network sees the people that the float one sees, and what it costs.

Evidence: the clips of two sets in two halves, subjects and scenes whole. A network that is converted with pictures of
one half, and of `t2v-bed-fall`, is judged by those of the other; so every person is judged once. Of each person the
posture, the score and the object keypoint similarity to the float network stand in the record; beside them latencies,
the Edge TPU's prediction, and what decoding takes on the picture with the most people.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.convert_pose import POSE_FILE, POSTURES, convert_pose, people_in
from converters.keypoints import Found, compare
from converters.plan import Precision
from converters.pose import POSE_INPUT, cut_at_maps
from edge.errors import DatasetError
from edge.frames.letterbox import fit, letterbox
from edge.inference.tflite import open_interpreter
from edge.people.decoding import decode
from edge.people.tracking import Tracks, step
from edge.sources.file import FileSource
from edge.types import NS_PER_S, Pixels
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.models.protocols import refuse_absent
from trainer.clips.datasets import read_dataset
from trainer.clips.decoding import reading_clips
from trainer.clips.manifest import Clip
from trainer.features.poses import PUBLISHED

SIZE_PX = 256
JUDGED = ("gmdcsa24", "surveillance-fight")
BESIDE = "t2v-bed-fall"
"""Converts, and does not judge: its scenes are not known, and it is AI-generated."""
STEP_S = 0.4
MOST_OF_CLIP = {"gmdcsa24": 12, "surveillance-fight": 2, BESIDE: 1}
N_SHORT_CLIPS = 3
"""Of each half and set."""
PRECISIONS: tuple[Precision, ...] = ("float16", "mixed", "int8")
PRECISIONS_SHORT: tuple[Precision, ...] = ("float16", "int8")
LEAST = {
    ("int8", "upright"): Limit(">=", 0.9),
    ("int8", "lying"): Limit(">=", 0.85),
    ("mixed", "upright"): Limit(">=", 0.95),
    ("mixed", "lying"): Limit(">=", 0.9),
}
N_TIMED = 50

TABLE = (
    *(
        row
        for precision in PRECISIONS
        for posture in POSTURES
        for row in (
            Figure(
                f"{posture}_{precision}",
                f"{precision}: keypoint similarity to float, {posture} people",
                "",
                LEAST.get((precision, posture)),
                3,
            ),
            Figure(f"{posture}_{precision}_lost", f"{precision}: {posture} people whom it does not see as surely", "%"),
        )
    ),
    Figure("upright_people", "upright people, of the float network"),
    Figure("lying_people", "lying people, of the float network"),
    *(
        Figure(
            f"latency_ratio_{precision}",
            f"{precision}: latency / float32",
            "",
            Limit("<=", 0.55) if precision == "int8" else None,
        )
        for precision in PRECISIONS
    ),
    Figure("mapped_macs_int8", "int8: multiply-accumulates on the Edge TPU, predicted", "%", Limit(">=", 0.99), 2),
    Figure("size_mb_int8", "int8: file", "MB"),
    Figure(
        "decoding_ratio",
        "decoding and tracking / int8 inference, on the picture with the most people",
        "",
        Limit("<=", 0.15),
    ),
    Figure("decoded_people", "people on that picture"),
)

Pictures = NDArray[np.uint8]


def measure(setting: Setting) -> Evidence:
    """Half an hour; the short form takes few pictures and two precisions."""
    path = setting.weights / PUBLISHED
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; set EDGEWATCH_WEIGHTS to where the pose network lies")
    refuse_absent((*JUDGED, BESIDE), setting)
    precisions = PRECISIONS_SHORT if setting.short else PRECISIONS
    return {
        precision: [
            setting.once(f"{precision}-{half}", {"half": half}, lambda p=precision, h=half: _half(path, p, h, setting))
            for half in (0, 1)
        ]
        for precision in precisions
    }


def _half(network: Path, precision: Precision, half: int, setting: Setting) -> Evidence:
    """Convert with one half, judge by the other."""
    published = network.read_bytes()
    halves = {name: _in_halves(read_dataset(setting.data / name), setting) for name in JUDGED}
    known = [picture for name in JUDGED for picture in pictures_of(halves[name][half], name)]
    known += pictures_of(_few(read_dataset(setting.data / BESIDE), setting), BESIDE)
    held_out = {name: np.stack(list(pictures_of(halves[name][1 - half], name))) for name in JUDGED}
    pictures = np.concatenate(list(held_out.values()))
    target = "edgetpu" if precision == "int8" else "cpu"
    finished = convert_pose(published, precision, target, np.stack(known), pictures, accept_loss=True)
    float32, converted = cut_at_maps(published, SIZE_PX, SIZE_PX), finished.files[POSE_FILE]
    return {
        "people": {name: _seen(float32, converted, own) for name, own in held_out.items()},
        "verification": finished.verification,
        "decoding": _decoding(converted, pictures),
    }


def _in_halves(clips: Sequence[Clip], setting: Setting) -> tuple[list[Clip], list[Clip]]:
    """Clips of every other group, and the rest."""
    place = {group: number % 2 for number, group in enumerate(sorted({clip.group for clip in clips}))}
    first, second = ([clip for clip in clips if place[clip.group] == half] for half in (0, 1))
    return _few(first, setting), _few(second, setting)


def _few(clips: Sequence[Clip], setting: Setting) -> list[Clip]:
    return list(clips[:: max(1, len(clips) // N_SHORT_CLIPS)] if setting.short else clips)


def pictures_of(clips: Sequence[Clip], dataset: str) -> Iterator[Pixels]:
    """Letterboxed pictures, `STEP_S` apart, the last ones of each clip: who falls lies at the end."""
    for clip in clips:
        taken, next_ns = list[Pixels](), 0
        with reading_clips():
            for frame in FileSource(clip.path).frames():
                pixels = frame.pixels() if frame.capture_ns >= next_ns else None
                if pixels is not None:
                    taken.append(letterbox(pixels, fit(pixels, SIZE_PX, SIZE_PX)))
                    next_ns = frame.capture_ns + int(STEP_S * NS_PER_S)
        yield from taken[-MOST_OF_CLIP[dataset] :]


def _seen(float32: bytes, converted: bytes, pictures: Pictures) -> list[tuple[str, float, float]]:
    """Posture, score and similarity of each person of the float network."""
    pairs = zip(people_in(float32, pictures), people_in(converted, pictures), strict=True)
    found: list[Found] = [one for truth, other in pairs for one in compare(truth, other, SIZE_PX, SIZE_PX)]
    return [(one.posture, round(one.score, 3), round(one.similarity, 4)) for one in found]


def _decoding(model: bytes, pictures: Pictures) -> dict[str, Any]:
    """Seconds of pairs of one inference, and of decoding and tracking what it found; and how many people there are."""
    counts = [len(people) for people in people_in(model, pictures)]
    picture = pictures[int(np.argmax(counts))][np.newaxis]
    interpreter, place = open_interpreter(model), fit(picture[0], SIZE_PX, SIZE_PX)
    pairs: list[tuple[float, float]] = []
    tracks = Tracks()
    for number in range(1, N_TIMED + 1):
        start = time.process_time()
        interpreter.runtime.invoke()
        inferred = time.process_time()
        maps = interpreter.run({POSE_INPUT: picture})
        answered = time.process_time()
        tracks = step(tracks, decode(maps, place), number * NS_PER_S // 10, 1.0)
        ended = time.process_time()
        unpacking = answered - inferred - (inferred - start)  # integers become real numbers, beside the inference
        pairs.append((inferred - start, max(unpacking, 0.0) + ended - answered))
    return {"people": max(counts), "inference_s": [a for a, _ in pairs], "decoding_s": [b for _, b in pairs]}


def figures(evidence: Evidence) -> Figures:
    """Means over all people of both halves, and the slower half's latency."""
    found: Figures = {}
    for precision, halves in evidence.items():
        seen = [one for half in halves for people in half["people"].values() for one in people]
        for posture in POSTURES:
            values = [similarity for of, _, similarity in seen if of == posture]
            found[f"{posture}_{precision}"] = statistics.fmean(values) if values else None
            found[f"{posture}_{precision}_lost"] = values.count(0.0) / len(values) if values else None
            found[f"{posture}_people"] = len(values)
        pose = [half["verification"]["pose"] for half in halves]
        found[f"latency_ratio_{precision}"] = max(one["latency_ratio"] for one in pose)
    int8 = evidence["int8"]
    decodings = [half["decoding"] for half in int8]
    ratios = [statistics.median(one["decoding_s"]) / statistics.median(one["inference_s"]) for one in decodings]
    return found | {
        "mapped_macs_int8": min(half["verification"]["edgetpu"]["predicted_mac_share"] for half in int8),
        "size_mb_int8": max(half["verification"]["pose"]["size_bytes"] for half in int8) / 1e6,
        "decoding_ratio": max(ratios),
        "decoded_people": max(one["people"] for one in decodings),
    }


PROOF = Proof(
    "people",
    "how each precision of the pose network sees the people that the float one sees, and what it costs",
    TABLE,
    measure,
    figures,
    short_keeps_limits=False,
)
