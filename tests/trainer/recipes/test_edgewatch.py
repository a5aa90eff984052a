"""The built-in recipe, whole, on small films and a backbone of random weights."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.errors import DatasetError
from trainer.bundles.calibration import FILE_NAME, PEOPLE_FILE_NAME, read_calibration
from trainer.clips.datasets import read_datasets
from trainer.clips.manifest import Clip, Segment
from trainer.clips.splits import Split, split_validation
from trainer.features.backbone import RANDOM, Weights
from trainer.features.cache import Cache
from trainer.features.features import Features
from trainer.fitting.recipe import Recipe, Workshop
from trainer.fitting.run import Run
from trainer.recipes.builtin.memory import signed_root
from trainer.recipes.builtin.watched import Watched, paced_spec
from trainer.recipes.catalogue import RECIPES
from trainer.recipes.edgewatch import fit_violence
from trainer.studies.training import Wishes, make_settings, train

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving on numpy 2

RATE_HZ = 20
FALL_START_S = 0.8


def film(path: Path, seed: int, *, falls: bool) -> Path:
    """A bright figure that sways for two seconds, or tips over to the floor after the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    wall = random.integers(60, 90, (96, 128, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, (128, 96))
    left = int(random.integers(20, 80))
    for step in range(2 * RATE_HZ):
        picture = wall.copy()
        fallen = min(max(step / RATE_HZ - FALL_START_S, 0.0) / 0.8, 1.0) if falls else 0.0
        height = int(60 - 45 * fallen)
        width = int(14 + 46 * fallen)
        sway = int(3 * np.sin(step / 3)) if fallen < 1 else 0
        picture[90 - height : 90, left - 10 + sway : left - 10 + sway + width] = 220
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture(scope="module", autouse=True)
def _one_other_size() -> Iterator[None]:
    """Each size takes a backbone that has to be exported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.recipes.builtin.watched.SCALES", (5 / 6, 1.0))
        yield


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, fights: Path) -> list[Clip]:
    """Falls of three people, timed; of others, not timed; and fights."""
    root = tmp_path_factory.mktemp("films")
    timed = ["path,label,group,start_s,end_s"]
    for number in range(6):
        name = f"{number}.avi"
        film(root / "timed" / name, number, falls=number % 2 == 0)
        group = f"person{number // 2}"
        timed.append(f"{name},fall,{group},{FALL_START_S},2" if number % 2 == 0 else f"{name},normal,{group},,")
    (root / "timed" / "manifest.csv").write_text("\n".join(timed) + "\n")
    for number in range(6, 10):
        folder = "fall" if number % 2 == 0 else "non_fall"
        film(root / "untimed" / folder / f"{number}.avi", number, falls=number % 2 == 0)
    return read_datasets([root / "timed", root / "untimed", fights])


@pytest.fixture(scope="module")
def workshop(new_cache: Callable[[], Cache]) -> Workshop:
    return Workshop(new_cache(), Weights(RANDOM, RANDOM), 1)


@pytest.fixture(scope="module")
def run(
    clips: list[Clip],
    workshop: Workshop,
    reduced: Callable[[str], Recipe],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    recipe = reduced("edgewatch")
    return train(recipe, Wishes(seed=0), split_validation(clips, 0), tmp_path_factory.mktemp("runs") / "run", workshop)


def test_it_learns_from_timed_untimed_and_violent_clips(run: Run) -> None:
    model = run.load_model()
    assert run.follows_people
    for name, size_px in ((FILE_NAME, 64), (PEOPLE_FILE_NAME, 256)):
        kept = read_calibration(run, name)
        assert kept is not None
        assert all(len(side) > 0 and side.shape[1:] == (size_px, size_px, 3) for side in kept)
    assert model.labels == ("normal", "fall", "violence")
    assert model.head is not None
    assert {tensor.name: tensor.shape[1:] for tensor in model.head.inputs} == {
        "features": (3 * 1280,),
        "state": (2 + 5 * 1280,),
    }
    assert model.thresholds["fall"] == model.alerts["fall"].onset_threshold
    assert 0.3 <= model.thresholds["fall"] <= 0.95
    (chosen,) = run.history()
    assert chosen["person_from_shipped"] == 1
    assert chosen["violence_strength"] in (30.0, 100.0, 300.0)
    assert chosen["inner_violence_auc_30"] > 0.8, "squares that jump about against squares that do not"
    assert chosen["inner_violence_auc_30_without_motion"] > 0.8


@pytest.mark.parametrize(
    ("telling", "n_streams", "without_motion"),
    [("motion", 3, False), ("the other streams", 3, True), ("the other streams", 2, False)],
)
def test_violence_is_read_from_motion_where_it_tells_or_one_other_is_left(
    run: Run, telling: str, n_streams: int, without_motion: bool
) -> None:
    random = np.random.default_rng(4)
    watched: list[Watched] = []
    for number in range(48):
        fights = number % 2 == 0
        values = random.normal(0, 1, (20, n_streams, 16)).astype(np.float32)
        values += random.normal(0, 1, (1, n_streams, 16))  # of the clip
        told = values[:, :1] if telling == "motion" else values[:, 1:]
        told += 0.3 if fights else -0.3
        path = Path(f"{number}.mp4")
        segments = (Segment("violence"),) if fights else ()
        clip = Clip(path, f"scene{number // 2}", frozenset({"violence"}), segments, dataset="street")
        watched.append(Watched(clip, Features(np.arange(20) / 10, values)))
    readout, chosen = fit_violence(watched, run)
    assert readout.kernel.shape == (16 * n_streams,)
    assert chosen["violence_without_motion"] == float(without_motion)
    assert (readout.kernel[:16] == 0).all() == without_motion
    means = np.stack([signed_root(item.features.values.mean(axis=0).reshape(-1)) for item in watched])
    right = (readout.logits(means) > 0) == [number % 2 == 0 for number in range(48)]
    assert right.mean() > 0.9


def test_clips_of_falls_are_taken_for_clips_of_no_violence(run: Run) -> None:
    """What moves most is violence to who knows fights and empty streets alone, and no longer where falls move too."""
    random = np.random.default_rng(5)
    watched: list[Watched] = []
    for number in range(72):
        kind = ("fight", "street", "fall")[number % 3]
        values = random.normal(0, 1, (20, 2, 16)).astype(np.float32)
        values[..., 0] += 0.5 if kind in {"fight", "fall"} else -0.5  # moves
        values[..., 1] += 0.5 if kind == "fight" else -0.5  # strikes
        annotates = "fall" if kind == "fall" else "violence"
        segments = {"fight": (Segment("violence"),), "fall": (Segment("fall"),), "street": ()}[kind]
        clip = Clip(Path(f"{number}.mp4"), f"{number // 2}", frozenset({annotates}), segments, dataset=annotates)
        watched.append(Watched(clip, Features(np.arange(20) / 10, values)))
    falls = [item for item in watched if "fall" in item.clip.annotates]
    means = np.stack([signed_root(item.features.values.mean(axis=0).reshape(-1)) for item in falls])
    knowing, chosen = fit_violence(watched, run)
    ignorant, _ = fit_violence([item for item in watched if "violence" in item.clip.annotates], run)
    assert knowing.logits(means).mean() < ignorant.logits(means).mean() - 1
    assert (knowing.logits(means) < 0).mean() > 0.9
    assert chosen["inner_violence_auc_30"] > 0.9


def test_clips_are_watched_at_other_sizes_paces_and_backwards(clips: list[Clip], workshop: Workshop, run: Run) -> None:
    from trainer.recipes.builtin.watched import watch

    for item in watch(clips, run, workshop):
        of_falls = "fall" in item.clip.annotates
        assert len(item.paced) == (2 if of_falls else 0)
        assert len(item.backwards) == (3 if of_falls and item.clip.timed else 0)
        assert len(item.resized) == (0 if of_falls else 2)
        assert item.features.values.shape[1:] == (3, 1280)
        assert all(found.values.shape[1:] == (1, 1280) for found in (*item.paced, *item.backwards))
        if item.clip.label == "fall":
            assert item.fall_start_s == pytest.approx(FALL_START_S, abs=0.0 if item.clip.timed else 0.6)
        else:
            assert item.fall_start_s is None


def test_another_pace_shows_the_same_speed_with_the_same_strength() -> None:
    spec = InputSpec(motion_interval_s=0.1, motion_gain=3.0)
    assert paced_spec(spec, 0.5).motion_interval_s == pytest.approx(0.05)
    assert paced_spec(spec, 0.5).motion_gain == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("label", "wished", "stream"),
    [
        ("violence", None, "motion+trail+acceleration"),
        ("fall", None, "motion"),
        ("fall", "motion+trail", "motion+trail"),
    ],
)
def test_clips_of_one_event_make_a_model_of_that_one(
    clips: list[Clip], label: str, wished: str | None, stream: str
) -> None:
    """What it learns then is tested with the README's commands, in `test_newcomer`."""
    split = Split([clip for clip in clips if clip.annotates == {label}], [])
    settings = make_settings(RECIPES["edgewatch"], Wishes(stream=wished), split, Weights(RANDOM, RANDOM))
    assert settings.labels == ("normal", label)
    assert settings.input.stream == stream


@pytest.mark.parametrize(
    ("shown", "said"),
    [("normal", "the clips show neither;"), ("fall", "clips with and without fall, and these have none without;")],
)
def test_clips_that_show_nothing_or_always_the_same_are_refused_before_any_work(
    workshop: Workshop, tmp_path: Path, shown: str, said: str
) -> None:
    path = film(tmp_path / shown / "1.avi", 1, falls=shown == "fall")
    clip = Clip(path, "x", frozenset({"fall", "violence"}), (Segment(shown),))
    with pytest.raises(DatasetError, match=said):
        train(RECIPES["edgewatch"], Wishes(), Split([clip], []), tmp_path / "run", workshop)
    assert not Run.load(tmp_path / "run").history()
