"""How a bundle's scores become answers, and whether it has seen the clips that it is judged on."""

from collections.abc import Sequence
from pathlib import Path

from edge.bundle import Bundle
from trainer.evaluation import Judge
from trainer.scoring import ClipScores


def judge_of(bundle: Path) -> Judge:
    """Labels of a bundle with the thresholds and rules that its training chose for whole videos."""
    spec = Bundle.load(bundle).spec
    chosen = spec.provenance
    return Judge(tuple(spec.labels), dict(chosen.get("thresholds", {})), dict(chosen.get("video_rules", {})))


def seen_in_training(learned: Sequence[str], results: Sequence[ClipScores]) -> list[str]:
    """Clips that the model was trained or chosen on, by the beginnings of their digests: they prove nothing."""
    digests = tuple(learned)
    return [
        f"{result.clip.dataset}/{result.clip.name}"
        for result in results
        if digests and result.sha256.startswith(digests)
    ]
