"""How a bundle's scores become answers, and whether it has seen the clips that it is judged on."""

import sys
from collections.abc import Sequence
from pathlib import Path

from edge.bundle import Bundle
from edge.errors import DatasetError
from trainer.clips.manifest import Clip
from trainer.features.cache import content_sha256
from trainer.judging.evaluation import Judge
from trainer.judging.scoring import ClipScores


def judge_of(bundle: Path) -> Judge:
    """Labels of a bundle with the thresholds and rules that its training chose for whole videos."""
    spec = Bundle.load(bundle).spec
    return Judge(tuple(spec.labels), spec.thresholds, spec.video_rules)


def unseen(clips: Sequence[Clip], learned: Sequence[str]) -> list[Clip]:
    """The clips that the model was neither trained nor chosen on; how many are left out is said aloud.

    Args:
        clips: of which some may be held out.
        learned: the beginnings of the digests of what the model has learned from.

    Raises:
        DatasetError: none is left, or a clip cannot be read.
    """
    digests = tuple(learned)
    held_out = [clip for clip in clips if not content_sha256(clip.path).startswith(digests)]
    if not held_out:
        raise DatasetError(
            f"--data: the model learned from all {len(clips)} clips; give footage that it has not seen, or train with "
            "--hold-out 0.2 and give the same folder again"
        )
    if n_seen := len(clips) - len(held_out):
        print(f"trainer: {n_seen} of {len(clips)} clips are left out: the model learned from them", file=sys.stderr)
    return held_out


def seen_in_training(learned: Sequence[str], results: Sequence[ClipScores]) -> list[str]:
    """Clips that the model was trained or chosen on, by the beginnings of their digests: they prove nothing."""
    digests = tuple(learned)
    return [
        f"{result.clip.dataset}/{result.clip.name}"
        for result in results
        if digests and result.sha256.startswith(digests)
    ]
