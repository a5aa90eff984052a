"""How quickly features are extracted, beside what decoding and inference take alone, and what memory that takes.

Evidence: rendered clips of 7 s, 40 frames of each. The parts, each on as many processes at once as there are cores: a
bare loop of the decoder that decodes the clips and converts those 40 frames, and a bare loop of the interpreter on as
many pictures that are ready; half of the clips before the extraction and half after it. The extraction into an empty
cache, and again over the full one, each a process of its own from its start to its end, its whole tree's memory
watched; then the same with ten times as many short clips, cut out of the others.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2

from edge.bundle import BUILTIN, Bundle, InputSpec
from edge.errors import EdgewatchError
from edge.sources import decoded_frames
from edge.sources.file import FileSource, read_header
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.models import features_child
from proofs.models.memory import watch
from trainer.clips.pool import map_clips
from trainer.features.backbone import RANDOM, find_weights
from trainer.features.backbones import POOLED
from trainer.files import write_atomically
from trainer.synth import render_scene

N_CLIPS, N_CLIPS_SHORT = 300, 16
CLIP_S = 7.0
CHOICE, N_FRAMES = "segments-40", 40
PIECES = 10
"""Short clips cut out of each."""
MANY = 3000
SEED = 7000
BYTES_PER_GB = 1e9
S_PER_MIN = 60.0

TABLE = (
    Figure("of_limit", "clips per second, of the limit of decoding and inference", "", Limit(">=", 0.85), 3),
    Figure("minutes_of_3000", "3,000 clips of 7 s at 40 frames, extrapolated", "min", Limit("<=", 15), 1),
    Figure("clips", "clips of 7 s"),
    Figure("decode_ms", "decoding a clip, one process a core", "ms", None, 0),
    Figure("inference_ms", "inference on a clip's 40 frames, one process a core", "ms", None, 0),
    Figure("peak_gb", "most memory of the whole process tree, clips of 7 s", "GB", Limit("<=", 2), 2),
    Figure("many_clips", "short clips"),
    Figure("many_peak_gb", "most memory of the whole process tree, short clips", "GB", Limit("<=", 2), 2),
    Figure("second_run", "first run / second run, over the full cache", "", Limit(">=", 20), 1),
)


def measure(setting: Setting) -> Evidence:
    """Some fifteen minutes, most of them to render the clips, which are kept."""
    n_clips, workers = (N_CLIPS_SHORT if setting.short else N_CLIPS), os.cpu_count() or 1
    clips = rendered(setting, n_clips, workers)
    weights = find_weights(str(setting.weights) if setting.weights.is_dir() else RANDOM)
    cache = setting.work / "cache"
    _empty(cache)
    model = POOLED.export(InputSpec(), weights, 0, cache)
    options = {"cache": str(cache), "weights": [weights.source, weights.digest], "workers": workers}
    whole = options | {"clips": [str(clip) for clip in clips], "choice": CHOICE}
    half = n_clips // 2
    say("decoding and inference alone, on half of the clips")
    before = parts(setting, [str(clip) for clip in clips[:half]], str(model), workers)
    first = child(setting, "extract", whole, "extraction")
    say("decoding and inference alone, on the other half")
    after = parts(setting, [str(clip) for clip in clips[half:]], str(model), workers)
    second = child(setting, "extract", whole, "extraction over the full cache")
    pieces = [str(piece) for piece in cut(setting, clips, workers)]
    many = child(setting, "extract", options | {"clips": pieces, "choice": ""}, f"extraction of {len(pieces)} clips")
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "weights": weights.digest,
        "clips": n_clips,
        "workers": workers,
        "parts": [*before, *after],
        "first": first,
        "second": second,
        "many": many | {"clips": len(pieces)},
    }


def figures(evidence: Evidence) -> Figures:
    """Against the sum of the parts, spread over all cores."""
    parts: list[dict[str, float]] = evidence["parts"]
    decode_s, inference_s = (sum(part[key] for part in parts) for key in ("decode_s", "inference_s"))
    limit_s = (decode_s + inference_s) / evidence["workers"]
    seconds = evidence["first"]["seconds"]
    return {
        "of_limit": limit_s / seconds,
        "minutes_of_3000": seconds / evidence["clips"] * MANY / S_PER_MIN,
        "clips": evidence["clips"],
        "decode_ms": 1000 * decode_s / evidence["clips"],
        "inference_ms": 1000 * inference_s / evidence["clips"],
        "peak_gb": evidence["first"]["peak_bytes"] / BYTES_PER_GB,
        "many_clips": evidence["many"]["clips"],
        "many_peak_gb": evidence["many"]["peak_bytes"] / BYTES_PER_GB,
        "second_run": seconds / evidence["second"]["seconds"],
    }


def rendered(setting: Setting, n_clips: int, workers: int) -> list[Path]:
    """Scenes of the renderer; those that an earlier call has made are kept."""
    folder = setting.work / "clips"
    clips = [folder / f"scene-{number:04d}.mp4" for number in range(n_clips)]
    missing = [(SEED + number, clip) for number, clip in enumerate(clips) if not clip.is_file()]
    for _ in map_clips(_render, missing, workers, "rendering"):
        pass
    return clips


def _render(job: tuple[int, Path]) -> None:
    seed, path = job
    render_scene(seed, path, CLIP_S)


def cut(setting: Setting, clips: list[Path], workers: int) -> list[Path]:
    """Each clip cut into pieces."""
    folder = setting.work / "pieces"
    jobs = [(clip, [folder / f"{clip.stem}-{number}.mp4" for number in range(PIECES)]) for clip in clips]
    missing = [(clip, pieces) for clip, pieces in jobs if not all(piece.is_file() for piece in pieces)]
    for _ in map_clips(_cut, missing, workers, "cutting"):
        pass
    return [piece for _, pieces in jobs for piece in pieces]


def _cut(job: tuple[Path, list[Path]]) -> None:
    clip, pieces = job
    header, frames = read_header(clip), decoded_frames(FileSource(clip))
    n_frames, size = header.n_frames // len(pieces), (header.width_px, header.height_px)

    def write(path: Path) -> None:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), header.rate_hz, size)
        for frame in itertools.islice(frames, n_frames):
            writer.write(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))
        writer.release()

    for piece in pieces:
        write_atomically(piece, write)


def parts(setting: Setting, clips: list[str], model: str, workers: int) -> list[dict[str, Any]]:
    """What decoding and inference take in as many processes at once, each with its share of the clips."""
    jobs: list[tuple[subprocess.Popen[bytes], Path]] = []
    for number in range(workers):
        options = {"clips": clips[number::workers], "model": model, "choice": CHOICE}
        jobs.append(start(setting, "parts", options, f"parts-{number}"))
    return [answer(process, out) for process, out in jobs]


def child(setting: Setting, mode: str, options: dict[str, Any], what: str) -> dict[str, Any]:
    """Run a process to its end: seconds from its start, the most memory of its tree, and what it says."""
    say(what)
    note = setting.work / "peak"
    note.unlink(missing_ok=True)
    begin_s = time.perf_counter()
    process, out = start(setting, mode, options, mode)
    peak_bytes = watch(process, note)
    seconds = time.perf_counter() - begin_s
    return {"seconds": seconds, "peak_bytes": peak_bytes, **answer(process, out)}


def start(setting: Setting, mode: str, options: dict[str, Any], name: str) -> tuple[subprocess.Popen[bytes], Path]:
    wanted, out = setting.work / f"{name}.options.json", setting.work / f"{name}.json"
    wanted.write_text(json.dumps(options))
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", features_child.__name__, mode, str(wanted), str(out)]
    where = os.pathsep.join([str(ROOT / "scripts"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(command, stdout=sys.stderr, env={**os.environ, "PYTHONPATH": where}), out


def answer(process: subprocess.Popen[bytes], out: Path) -> dict[str, Any]:
    if process.wait() or not out.is_file():
        raise EdgewatchError(f"{features_child.__name__} failed with exit code {process.returncode}; see above")
    return json.loads(out.read_text())


def _empty(cache: Path) -> None:
    """Remove entries of an earlier call."""
    for entry in cache.rglob("*.npz"):
        entry.unlink()


PROOF = Proof(
    name="features",
    summary="extraction of features beside decoding and inference alone, its memory, and a second run",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
)
