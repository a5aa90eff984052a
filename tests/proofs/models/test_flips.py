"""What the proof of the converters keeps of a clip, and how a fold's head reads it."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.bundle import BUILTIN, Bundle, InputSpec
from edge.inference.model import open_model
from proofs.frame.proof import Setting
from proofs.models.flips import SEEDS, SETS, aggregator_of, look, replay, scores_of
from proofs.models.folds import FOLD_FILES
from proofs.models.protocols import Protocol
from trainer.clips.manifest import Clip, Segment, read_rows
from trainer.features.cache import Cache, write_entry
from trainer.fitting.run import TrainedModel
from trainer.judging.scoring import watch_clips
from trainer.recipes.builtin.memory import Retention, build_step
from trainer.recipes.builtin.readout import Readout

N_FEATURES = 6


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Two seconds of a square that jumps about."""
    path = tmp_path / "moving.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15, (64, 48))
    for left in np.random.default_rng(0).integers(0, 40, 30).tolist():
        picture = np.full((48, 64, 3), 80, np.uint8)
        picture[10:30, left : left + 20] = 230
        writer.write(picture)
    writer.release()
    return Clip(path, "scene", frozenset({"violence"}), (Segment("violence"),), path.name, "set")


def test_a_head_reads_what_was_kept_as_the_pipeline_does(clip: Clip, tmp_path: Path) -> None:
    """Bit for bit, in one process."""
    (entry,) = look(BUILTIN, [clip], Cache(tmp_path / "cache"))
    (watched,) = watch_clips(BUILTIN, [clip], workers=1)
    model = open_model(Bundle.load(BUILTIN))
    replayed = replay(model.aggregator, entry)
    assert len(replayed) > 5
    assert np.array_equal(replayed[:, 2], watched.scores[:, 2])  # of violence: bodies tell falls
    kept = entry.stat().st_mtime_ns
    assert [path.stat().st_mtime_ns for path in look(BUILTIN, [clip], Cache(tmp_path / "cache"))] == [kept]


def test_a_clips_score_is_that_of_the_trained_head(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    fall = Readout(chance.normal(size=2 * N_FEATURES).astype(np.float32), 0.2)
    violence = Readout(chance.normal(size=2 * N_FEATURES).astype(np.float32), -0.3)
    readouts = {"fall": fall, "violence": violence}
    head: Any = build_step(readouts, Retention.of(3.0, 0.3, 5.0), 2, N_FEATURES)
    labels, spec = ("normal", "fall", "violence"), InputSpec(stream="motion+trail")
    model = TrainedModel(None, head, labels, spec, 3.0)
    features = chance.normal(0.5, 1, (7, 2 * N_FEATURES)).astype(np.float32)
    times_ns = np.arange(7) * 200_000_000
    write_entry(tmp_path / "entry.npz", {"capture_ns": times_ns, "features": features})
    state = np.zeros((1, head.input["state"].shape[-1]), np.float32)
    said: list[float] = []
    for row in features:
        answer = head({"features": row[np.newaxis], "state": state})
        state = np.asarray(answer["next_state"])
        said.append(float(np.asarray(answer["probabilities"])[0, 2]))
    expected = pytest.approx(np.mean(said), abs=1e-5)
    assert scores_of(model, aggregator_of(model), [tmp_path / "entry.npz"]) == [expected]


@pytest.mark.parametrize("dataset", SETS)
def test_every_seed_draws_its_own_folds_and_keeps_scenes_and_games_whole(dataset: str, tmp_path: Path) -> None:
    protocol = SETS[dataset]
    published = read_rows(protocol.fold_file or FOLD_FILES / f"{dataset}.csv", required=("path", "group", "fold"))
    for row in published:
        place = tmp_path / "data" / dataset / row["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    groups = "".join(f"{row['path']},{row['group']}\n" for row in published)
    (tmp_path / "data" / dataset / "groups.csv").write_text("path,group\n" + groups)
    setting = Setting(tmp_path / "work", tmp_path / "data", tmp_path / "weights", short=False)
    drawn = [dict(zip(*names_and_folds(protocol, setting, seed), strict=True)) for seed in SEEDS]
    assert drawn[0] == {row["path"]: int(row["fold"]) for row in published}
    assert len({tuple(sorted(folds.items())) for folds in drawn}) == len(SEEDS)
    for folds in drawn:
        assert set(folds.values()) == set(range(5))
        in_groups = {(row["group"], folds[row["path"]]) for row in published}
        assert len(in_groups) == len({group for group, _ in in_groups})


def names_and_folds(protocol: Protocol, setting: Setting, seed: int) -> tuple[list[str], list[int]]:
    clips, folds = protocol.read(setting, seed)
    return [clip.name for clip in clips], folds
