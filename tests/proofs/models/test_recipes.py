"""Figures of the papers' recipes, from scores small enough to count by hand; what is trained, and what is not again."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import ConfigurationError, DatasetError
from proofs.frame import readme
from proofs.frame.proof import Setting
from proofs.models import recipe_runs, recipes
from trainer.commands import RECIPE_NAMES
from trainer.fitting.run import Run

Entry = dict[str, Any]


def run(recipe: str, seed: int, *clips: tuple[str, str, str, float], protocol: str = "scenes") -> Entry:
    """Clips as (group, label, answer, score)."""
    rows = [
        {"path": f"{number}.mp4", "group": group, "label": label, "answer": answer, "score": score}
        for number, (group, label, answer, score) in enumerate(clips)
    ]
    about = {"settings": "n_units 4", "backbone": "random", "sampling": "5/s", "parameters": 1_500_000}
    return {"protocol": protocol, "recipe": recipe, "seed": seed, **about, "latency_ms": 7.25, "clips": rows}


FIGHT, CALM = "violence", "normal"
"""Scene a holds a fight and a quiet clip, scene b too."""
TRUTH = (("a", FIGHT), ("a", CALM), ("b", FIGHT), ("b", CALM))


def said(*answers: tuple[str, float]) -> list[tuple[str, str, str, float]]:
    return [(*truth, *answer) for truth, answer in zip(TRUTH, answers, strict=True)]


EVIDENCE = {
    "runs": [
        run("lrcn", 0, *said((FIGHT, 0.9), (FIGHT, 0.6), (CALM, 0.4), (CALM, 0.1))),
        run("lrcn", 1, *said((FIGHT, 0.9), (CALM, 0.3), (FIGHT, 0.8), (CALM, 0.1))),
        run("convlstm", 0, *said((CALM, 0.2), (CALM, 0.3), (CALM, 0.2), (CALM, 0.3))),
        run("convlstm", 0, *said((FIGHT, 0.9), (CALM, 0.3), (FIGHT, 0.8), (FIGHT, 0.7)), protocol="random"),
    ]
}


N_EPOCHS = 2
"""Of the short form."""


def setting(tmp_path: Path, *, short: bool = False) -> Setting:
    return Setting(tmp_path / "work", tmp_path / "data", tmp_path / "weights", short)


def test_figures_are_means_over_seeds() -> None:
    found = recipes.figures(EVIDENCE)
    assert found["scenes_lrcn_accuracy"] == pytest.approx((2 / 4 + 4 / 4) / 2)
    assert found["scenes_lrcn_auc"] == pytest.approx((3 / 4 + 4 / 4) / 2)
    # scene a: 1 of 2 and 2 of 2, scene b the same: however they are drawn, the mean is the same
    assert found["scenes_lrcn_accuracy_interval"] == [0.75, 0.75]
    assert (found["scenes_convlstm_accuracy"], found["scenes_convlstm_auc"]) == (0.5, 0.0)
    assert found["scenes_convlstm_balanced_accuracy"] == 0.5, "every quiet clip, and no fight"
    best = [found[f"scenes_{key}"] for key in ("best_recipe", "best_accuracy", "n_clips", "n_seeds")]
    assert best == ["lrcn", 0.75, 4, 2]
    assert recipes.PROOF.missed(found)


def test_protocols_are_kept_apart() -> None:
    found = recipes.figures(EVIDENCE)
    assert (found["random_best_recipe"], found["random_best_accuracy"], found["random_n_seeds"]) == (
        "convlstm",
        0.75,
        1,
    )
    assert not any(key.startswith("games") for key in found)
    assert any(line.startswith("random_best_accuracy is 0.75") for line in recipes.PROOF.missed(found))


def test_falls_are_counted_where_falls_are_to_be_found() -> None:
    """Three falls, of which two are found; a quiet clip that is left alone, and another that is not."""
    clips = [
        ("a", "fall", "fall", 0.9), ("a", CALM, CALM, 0.2), ("b", "fall", "fall", 0.8), ("b", "fall", CALM, 0.4),
        ("b", CALM, "fall", 0.6),
    ]  # fmt: skip
    found = recipes.figures({"runs": [run("edgewatch", 0, *clips, protocol="subjects")]})
    assert found["subjects_best_accuracy"] == pytest.approx(3 / 5)
    assert found["subjects_best_balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["subjects_best_auc"] == pytest.approx(5 / 6)
    assert any(line.startswith("subjects_best_balanced_accuracy is 0.58") for line in recipes.PROOF.missed(found))


def test_the_readme_has_a_table_a_protocol_best_first() -> None:
    kept = {
        "date": "2026-01-02",
        "commit": "0123456789",
        "machine": {"processor": "CPU", "cores": 2, "memory_gib": 8, "system": "Debian", "python": "3.11"},
        "figures": recipes.figures(EVIDENCE),
    }
    lines = readme.table(recipes.PROOF, kept).splitlines()
    assert lines[0] == "`surveillance-fight`, five folds grouped by scene:"
    assert lines[4] == (
        "| `lrcn` | random | 5/s | 1.50 M | 75.0 % (75.0 to 75.0) | 75.0 % (75.0 to 75.0) | "
        "0.875 (0.875 to 1.000) | 7.2 | 2 | n_units 4 |"
    )
    assert lines[5].startswith("| `convlstm` | random | 5/s | 1.50 M | 50.0 %")
    assert lines[7].startswith("`hockey-fights`, five random folds")
    assert lines[11].startswith("| `convlstm` | random | 5/s | 1.50 M | 75.0 %")
    assert lines[13] == "<details>"
    assert "| its videos right | 75.0 % (75.0 to 75.0) | at least 88 %, **missed** |" in lines


def test_every_paper_recipe_has_its_settings() -> None:
    assert set(recipe_runs.REDUCED) == set(RECIPE_NAMES) - {"edgewatch"}
    for name, reduced in recipe_runs.REDUCED.items():
        recipe = reduced.recipe(name)
        assert set(reduced.changes) <= set(recipe.hyperparameters)
        assert reduced.size_px in {None, recipe.input.height_px}


def test_what_is_trained_can_be_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = recipe_runs.jobs(setting(tmp_path))
    usual = [(job.protocol.name, job.title, job.seed) for job in wanted]
    fewer = "edgewatch --stream motion+trail"
    assert [job for job in usual if job[1].startswith("edgewatch")] == [
        *(("scenes", "edgewatch", seed) for seed in (0, 1, 2)),
        ("scenes", fewer, 0),
        *((protocol, title, 0) for protocol in ("random", "games", "subjects") for title in ("edgewatch", fewer)),
        ("subjects", "edgewatch + rendered", 0),
    ]
    assert [job.title for job in wanted if recipe_runs.RENDERED in recipe_runs.sets_beside(job)] == [usual[-1][1]]
    folders = {recipe_runs.folder_of(job, [], setting(tmp_path)).name for job in wanted}
    assert len(folders) == len(wanted), "each has evidence of its own"
    assert {("scenes", name, 0) for name in recipe_runs.REDUCED} <= set(usual)
    monkeypatch.setenv("EDGEWATCH_RECIPES", "lrcn,vgg16-lstm")
    monkeypatch.setenv("EDGEWATCH_SEEDS", "0,2")
    named = [("lrcn", 0), ("lrcn", 2), ("vgg16-lstm", 0), ("vgg16-lstm", 2)]
    assert [(job.name, job.seed) for job in recipe_runs.jobs(setting(tmp_path))] == named
    monkeypatch.setenv("EDGEWATCH_RECIPES", "edgewatch,lrcn")
    monkeypatch.setenv("EDGEWATCH_PROTOCOLS", "games,scenes")
    monkeypatch.setenv("EDGEWATCH_SEEDS", "")
    chosen = {(job.protocol.name, job.name) for job in recipe_runs.jobs(setting(tmp_path))}
    assert chosen == {("scenes", "edgewatch"), ("scenes", "lrcn"), ("games", "edgewatch")}
    monkeypatch.setenv("EDGEWATCH_PROTOCOLS", "chess")
    with pytest.raises(ConfigurationError, match="EDGEWATCH_PROTOCOLS: no protocol chess; choose among scenes, random"):
        recipe_runs.jobs(setting(tmp_path))
    monkeypatch.delenv("EDGEWATCH_PROTOCOLS")
    monkeypatch.setenv("EDGEWATCH_RECIPES", "alchemy")
    with pytest.raises(ConfigurationError, match="EDGEWATCH_RECIPES: no recipe alchemy"):
        recipe_runs.jobs(setting(tmp_path))
    monkeypatch.setenv("EDGEWATCH_RECIPES", "")
    monkeypatch.setenv("EDGEWATCH_SEEDS", "one")
    with pytest.raises(ConfigurationError, match="EDGEWATCH_SEEDS=one"):
        recipe_runs.jobs(setting(tmp_path))


def test_other_settings_have_another_folder(tmp_path: Path) -> None:
    job = recipe_runs.jobs(setting(tmp_path))[0]
    here = recipe_runs.folder_of(job, [1], setting(tmp_path))
    assert here.name == f"{job.name}-{job.protocol.name}-seed0"
    assert recipe_runs.folder_of(job, [2], setting(tmp_path)).parent != here.parent


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Twelve clips of six scenes, laid out as `surveillance-fight` is; in fights a square jumps about."""
    folder = tmp_path / "data" / "surveillance-fight"
    rows = ["path,label,group"]
    for number in range(12):
        label = "fight" if number % 2 else "noFight"
        write_clip(folder / label / f"{number}.avi", number, lively=bool(number % 2))
        rows.append(f"{label}/{number}.avi,{label},scene{number // 2}")
    (folder / "groups.csv").write_text("\n".join(rows) + "\n")
    return folder.parent


def write_clip(path: Path, seed: int, *, lively: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(12):
        picture = random.integers(60, 100, (48, 64, 3), dtype=np.uint8)
        left = int(random.integers(0, 40)) if lively else 20
        picture[10:30, left : left + 20] = 230
        writer.write(picture)
    writer.release()


@pytest.mark.usefixtures("footage")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_what_was_stopped_goes_on_and_what_is_finished_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = setting(tmp_path, short=True)
    write = Run.write_history

    def write_and_stop(self: Run, history: list[dict[str, float]]) -> None:
        write(self, history)
        if len(history) == N_EPOCHS:
            raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(Run, "write_history", write_and_stop)
        with pytest.raises(KeyboardInterrupt):
            recipes.measure(stopped)
    (first_epoch,) = (path.stat().st_mtime_ns for path in stopped.work.rglob("epoch-0001.keras"))
    (run,) = recipes.measure(stopped)["runs"]
    assert len(run["clips"]) == 4
    assert run["latency_ms"] > 0
    (history,) = stopped.work.rglob("history.json")
    assert len(json.loads(history.read_text())) == N_EPOCHS
    (last_epoch,) = (path.stat().st_mtime_ns for path in stopped.work.rglob("epoch-*.keras"))
    assert last_epoch > first_epoch
    assert (stopped.work / "comparison" / "comparison.html").is_file()

    def no_training(*_: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(recipes, "cross_validated", no_training)
    assert len(recipes.measure(stopped)["runs"]) == 1


def test_without_footage_the_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="EDGEWATCH_DATA"):
        recipes.measure(setting(tmp_path))
