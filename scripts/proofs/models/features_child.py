"""One measured piece of the proof `features`: `python -m proofs.models.features_child extract|parts OPTIONS OUT`, JSON.

A program of its own, so that its time and memory are its own too.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import InputSpec
from edge.inference.tflite import open_interpreter
from edge.sources.libav import Video
from trainer.clips.choosing import CHOICES
from trainer.clips.manifest import Clip, Segment
from trainer.features.backbone import Weights
from trainer.features.cache import Cache
from trainer.features.features import extract

WARM_UP_RUNS = 10


def main(mode: str, options: Path, out: Path) -> None:
    modes = {"extract": extraction, "parts": parts}
    out.write_text(json.dumps(modes[mode](json.loads(options.read_text()))))


def extraction(options: dict[str, Any]) -> dict[str, Any]:
    """The extraction as training does it, by this machine or, with `dask`, by a cluster."""
    clips = [Clip(Path(path), path, frozenset(), (Segment("normal"),)) for path in options["clips"]]
    cache = Cache(Path(options["cache"]), options.get("dask"))
    weights = Weights(*options["weights"])
    begin_s = time.perf_counter()
    entries = extract(clips, InputSpec(), weights, cache, workers=options["workers"], seed=0, choice=options["choice"])
    return {"extract_s": time.perf_counter() - begin_s, "entries": len(set(entries))}


def parts(options: dict[str, Any]) -> dict[str, float]:
    """Seconds of decoding and of inference, by turns, a clip at a time."""
    runtime = open_interpreter(Path(options["model"]).read_bytes(), threads=1).runtime
    (wanted,) = runtime.get_input_details()
    picture = np.random.default_rng(0).integers(0, 256, wanted["shape"]).astype(wanted["dtype"])
    runtime.set_tensor(wanted["index"], picture)
    for _ in range(WARM_UP_RUNS):
        runtime.invoke()
    decode_s = inference_s = 0.0
    for clip in options["clips"]:
        begin_s = time.perf_counter()
        n_pictures = decode(clip, options["choice"])
        decoded_s = time.perf_counter()
        for _ in range(n_pictures):
            runtime.set_tensor(wanted["index"], picture)
            runtime.invoke()
        inference_s += time.perf_counter() - decoded_s
        decode_s += decoded_s - begin_s
    return {"decode_s": decode_s, "inference_s": inference_s}


def decode(path: str, choice: str) -> int:
    """Decode a whole clip and convert its chosen frames: no more than anybody has to."""
    video = Video(path)
    indices = CHOICES[choice](video.claimed_frames).tolist()
    chosen, number = set(indices), 0
    for packet in video.packets():
        for picture in packet or ():
            if number in chosen:
                picture.pixels()
            number += 1
    video.close()
    return len(indices)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
