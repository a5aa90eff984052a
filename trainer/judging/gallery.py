"""The clips that a model got wrong, as contact sheets: a row a clip, frames spread over it, truth and answer."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from trainer.clips.choosing import chosen_samples
from trainer.clips.manifest import Clip
from trainer.files import write_atomically

ROWS_A_SHEET = 12
N_FRAMES = 8
FRAME = InputSpec(height_px=96, width_px=128)
CAPTION_PX = 18
WHITE, BLACK = 255, (0, 0, 0)


def write_gallery(folder: Path, clips: Sequence[Clip], figures: Mapping[str, Any]) -> list[Path]:
    """Write `errors-1.png`, `errors-2.png`, ... of the clips whose answer is not their label; none where all are right.

    Args:
        folder: to write to; sheets of before are removed.
        clips: as they were judged.
        figures: of `trainer.judging.evaluation.evaluate` on them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("errors-*.png"):
        old.unlink()
    by_name = {f"{clip.dataset}/{clip.name}": clip for clip in clips}
    wrong = [row for row in figures["clips"] if row["answer"] != row["label"]]
    wrong.sort(key=lambda row: -row["scores"][row["answer"]])
    return list(_sheets(folder, wrong, by_name))


def _sheets(folder: Path, wrong: Sequence[Mapping[str, Any]], clips: Mapping[str, Clip]) -> Iterator[Path]:
    for start in range(0, len(wrong), ROWS_A_SHEET):
        rows = [_row(row, clips[row["path"]]) for row in wrong[start : start + ROWS_A_SHEET]]
        encoded = cv2.imencode(".png", cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))[1].tobytes()
        path = folder / f"errors-{start // ROWS_A_SHEET + 1}.png"
        write_atomically(path, lambda temporary, content=encoded: temporary.write_bytes(content))
        yield path


def _row(row: Mapping[str, Any], clip: Clip) -> NDArray[np.uint8]:
    """One clip, (CAPTION_PX + height, N_FRAMES * width, 3)."""
    samples = list(chosen_samples(clip.path, FRAME, "evenly-20"))
    chosen = np.linspace(0, len(samples) - 1, N_FRAMES).round().astype(int)
    pictures = np.concatenate([samples[index].streams[0] for index in chosen], axis=1)
    caption = np.full((CAPTION_PX, pictures.shape[1], 3), WHITE, np.uint8)
    share = row["scores"][row["answer"]]
    text = f"{row['path']}: is {row['label']}, said {row['answer']} ({share:.2f})".encode("ascii", "replace").decode()
    cv2.putText(caption, text, (4, CAPTION_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, BLACK, 1, cv2.LINE_AA)
    return np.concatenate([caption, pictures])
