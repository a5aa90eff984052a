"""Every recipe from real clips to answers, on a few of `surveillance-fight`, at reduced settings: tiny pictures, random
weights, few units, one epoch. What such models say is worth nothing, but they have to learn and to say it."""

from pathlib import Path

import pytest

from proofs.models.protocols import few
from trainer.clips.datasets import read_dataset
from trainer.clips.manifest import Clip
from trainer.clips.splits import Split, hold_out, split_validation
from trainer.commands import RECIPE_NAMES
from trainer.judging.evaluation import evaluate
from trainer.studies.verdict import judge

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:In the future `np.object`:FutureWarning",
)

OF_PAPER_000 = ("efficientnetb0-gru", "efficientnetb0-lstm", "efficientnetb0-bilstm")
"""By default they are converted to be judged, which `test_paper_runs` and `test_cli` do; here in their paper's form."""
OF_PAPER_001 = ("convlstm", "lrcn")
"""Shorter sequences are compiled in less time."""


@pytest.fixture(scope="module")
def clips(data_dir: Path) -> tuple[Split, list[Clip]]:
    """Nine clips: to learn from and choose by, and others to judge."""
    folder = data_dir / "surveillance-fight"
    if not folder.is_dir():
        pytest.skip(f"no surveillance-fight at {folder}; set EDGEWATCH_DATA to the folder that holds it")
    kept = hold_out(few(read_dataset(folder))[::4], 0.2, seed=0)
    return split_validation(kept.train, 0), kept.held_out


@pytest.mark.parametrize("name", RECIPE_NAMES)
def test_a_recipe_learns_from_real_clips_and_judges_others(
    train_small, clips: tuple[Split, list[Clip]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "trainer.recipes.builtin.watched.SCALES", (1.0, 1.0)
    )  # other sizes take edgewatch a backbone each
    split, held_out = clips
    form = {"features": "maps", "sampling": "paper"} if name in OF_PAPER_000 else {}
    form |= {"n_steps": "4"} if name in OF_PAPER_001 else {}
    run, workshop = train_small(name, split, epochs=1, **form)
    assert len(run.history()) == 1
    verdict = judge(run, held_out, "float32", workshop)
    assert verdict.judge.labels == ("normal", "violence")
    figures = evaluate(verdict.results, verdict.judge)
    assert {clip["label"] for clip in figures["clips"]} == {"normal", "violence"}
    assert all(0 <= clip["scores"]["violence"] <= 1 for clip in figures["clips"])
