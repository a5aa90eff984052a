"""Games found in drawn broadcasts, and the list that is shipped."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import hockey_games
from hockey_games import games, grouped, in_order, look
from proofs.frame.proof import Setting
from proofs.models.protocols import FOLD_FILES, GAMES, RANDOM_CLIPS, SCENES
from trainer.clips.datasets import read_dataset
from trainer.clips.manifest import Clip, Segment, read_rows
from trainer.clips.splits import COLUMNS, read_folds

BLUE_RINK, RED_RINK, GREEN_RINK = (250, 225, 215), (215, 225, 250), (220, 250, 220)  # BGR
BOSTON, DALLAS = "CAR 1 BOS 6", "STL 0 DAL 2"
N_CLIPS = 8
GAMES_CSV = FOLD_FILES / "hockey-fights-games.csv"


def draw(path: Path, ice: tuple[int, int, int], teams: str, chance: np.random.Generator) -> Path:
    """A clip as the set's are: black borders, ice, players that move; and a scoreboard, where there are teams."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (360, 288))
    for _ in range(8):
        frame = np.zeros((288, 360, 3), np.uint8)
        frame[45:243, 15:345] = ice
        for x, y in chance.integers((30, 100), (320, 220), (6, 2)).tolist():
            cv2.circle(frame, (x, y), 12, chance.integers(0, 120, 3).tolist(), -1)
        if teams:
            left, top = (40, 58) if teams == BOSTON else (60, 54)
            cv2.rectangle(frame, (left, top), (left + 260, top + 30), (60, 20, 20), -1)
            cv2.putText(frame, teams, (left + 6, top + 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
        writer.write(frame)
    writer.release()
    return path


def broadcasts(tmp_path: Path, *shown: tuple[tuple[int, int, int], str]) -> list[hockey_games.Look]:
    """What is seen in so many clips of each rink and scoreboard."""
    chance = np.random.default_rng(0)
    return [
        look(draw(tmp_path / f"{number}-{clip}.avi", ice, teams, chance))
        for number, (ice, teams) in enumerate(shown)
        for clip in range(N_CLIPS)
    ]


def per_run(found: list[int]) -> list[set[int]]:
    return [set(found[start : start + N_CLIPS]) for start in range(0, len(found), N_CLIPS)]


def test_rinks_are_told_apart_without_scoreboard(tmp_path: Path) -> None:
    first, second, third = per_run(games(broadcasts(tmp_path, (BLUE_RINK, ""), (RED_RINK, ""), (GREEN_RINK, "")), 3))
    assert len(first) == len(second) == len(third) == 1
    assert len(first | second | third) == 3


def test_runs_far_apart_with_one_scoreboard_are_one_game(tmp_path: Path) -> None:
    shown = broadcasts(tmp_path, (BLUE_RINK, BOSTON), (RED_RINK, DALLAS), (GREEN_RINK, BOSTON))
    first, second, third = per_run(games(shown, 3))
    assert first == third
    assert len(first | second) == 2


def test_one_stray_clip_with_anothers_scoreboard_joins_no_games(tmp_path: Path) -> None:
    shown = broadcasts(tmp_path, (BLUE_RINK, BOSTON), (RED_RINK, DALLAS))
    stray = hockey_games.Look(shown[-4].colours, shown[0].board)
    first, second = per_run(games([*shown[:-4], stray, *shown[-3:]], 2))
    assert not first & second


def test_a_clip_between_two_rinks_leaves_no_cut_beside_it(tmp_path: Path) -> None:
    shown = broadcasts(tmp_path, (BLUE_RINK, ""), (RED_RINK, ""))
    colours = np.sqrt((np.square(shown[0].colours) + np.square(shown[-1].colours)) / 2)
    between = hockey_games.Look(colours, shown[0].board)
    assert len(set(games(shown, 2))) == 2
    assert len(set(games([*shown[:N_CLIPS], between, *shown[N_CLIPS:]], 2))) == 1


def clip(name: str) -> Clip:
    return Clip(Path(name), name, frozenset({"violence"}), (Segment("violence"),), name, "hockey-fights")


def test_what_eyes_saw_corrects_the_games() -> None:
    (stray, of_game), (one, other) = next(iter(hockey_games.STRAYS.items())), hockey_games.ONE_GAME[0]
    names = [of_game, "among", stray, one, "beside", other]
    found = grouped([clip(name) for name in names], [4, 7, 7, 2, 9, 9])
    assert [clip.group for clip in found] == ["game01", "game02", "game01", "game03", "game03", "game03"]


@pytest.mark.parametrize("protocol", [SCENES, RANDOM_CLIPS])
def test_other_protocols_take_their_sets_own_groups(protocol) -> None:
    assert protocol.fold_file is None


def test_the_shipped_games_stand_on_one_side() -> None:
    assert GAMES.fold_file == GAMES_CSV
    rows = read_rows(GAMES_CSV, required=COLUMNS)
    folds: dict[str, set[str]] = {}
    for row in rows:
        folds.setdefault(row["group"], set()).add(row["fold"])
    assert len(rows) == len({row["path"] for row in rows}) == 997
    assert len(folds) == 25
    assert all(len(found) == 1 for found in folds.values())
    assert {(row["label"], row["fold"]) for row in rows} == {
        (label, fold) for label in ("normal", "violence") for fold in "01234"
    }
    group_of = {row["path"]: row["group"] for row in rows}
    assert all(
        group_of[one] == group_of[other] for one, other in [*hockey_games.STRAYS.items(), *hockey_games.ONE_GAME]
    )


def test_the_shipped_games_are_exactly_the_sets_clips(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / GAMES.dataset
    if not folder.is_dir():
        pytest.skip(f"no {GAMES.dataset} in {data_dir}")
    clips = read_dataset(folder, groups=GAMES_CSV)
    assert GAMES.read(Setting(tmp_path, data_dir, tmp_path, short=False)) == (clips, read_folds(GAMES_CSV, clips))
    order = [clip.name for clip in in_order(folder)]
    assert sorted(order) == sorted(clip.name for clip in clips)
    assert order[:3] == ["fight/(500).mp4", "fight/(1).mp4", "fight/(2).mp4"]  # fi1, fi2, fi3
