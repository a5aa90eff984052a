"""Small clips and data sets made on the spot."""

import contextlib
import dataclasses
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:  # they bring Keras, which most tests here do not need
    from trainer.clips.splits import Split
    from trainer.features.cache import Cache
    from trainer.fitting.recipe import Recipe, Workshop
    from trainer.fitting.run import Run

WriteClip = Callable[..., Path]
README = Path(__file__).resolve().parents[2] / "README.md"
SMALLEST_PX = {"EfficientNetB0": 64, "VGG16": 32, "InceptionV3": 75, "": 32}
SMALL = {"n_units": "4", "n_hidden": "4", "batch_size": "4", "n_steps": "5"}
"""TensorFlow's graphs of 20 steps take five times as long to make as those of 5, and nothing here depends on it."""


def write_video(path: Path, *, frames: int = 15, rate_hz: float = 10, lively: bool = False, seed: int = 0) -> Path:
    """A square on noise, 64 x 48; it jumps about where `lively`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    background = random.integers(60, 100, (48, 64, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, (64, 48))
    assert writer.isOpened()
    for _ in range(frames):
        picture = background.copy()
        left = int(random.integers(0, 40)) if lively else 20
        picture[10:30, left : left + 20] = 230
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture(scope="session")
def write_clip() -> WriteClip:
    return write_video


@pytest.fixture(scope="session")
def fights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per class, 10 clips in 5 groups, every group with both classes."""
    root = tmp_path_factory.mktemp("data") / "fights"
    rows = ["path,label,group"]
    for number in range(10):
        name = f"{'fight' if number % 2 else 'noFight'}/{number}.avi"
        write_video(root / name, lively=bool(number % 2), seed=number)
        rows.append(f"{name},{name.split('/', maxsplit=1)[0]},scene{number // 2}")
    (root / "groups.csv").write_text("\n".join(rows) + "\n")
    return root


def reduced_recipe(name: str) -> "Recipe":
    """A recipe with the smallest pictures that its backbone takes."""
    from trainer.recipes.catalogue import RECIPES

    recipe = RECIPES[name]
    size_px = SMALLEST_PX[recipe.network]
    spec = recipe.input.model_copy(update={"height_px": size_px, "width_px": size_px})
    few = {"person_bodies": 20, "person_epochs": 1, "person_further_epochs": 1} if name == "edgewatch" else {}
    return dataclasses.replace(recipe, input=spec, hyperparameters={**recipe.hyperparameters, **few})


@pytest.fixture(scope="session")
def reduced() -> Callable[[str], "Recipe"]:
    return reduced_recipe


@pytest.fixture(scope="session")
def new_cache(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[], Cache]":
    """`new_cache()`: without a clip, but with the backbones that other tests have exported, in this worker or another.

    An export takes ten seconds, and is the same for the same weights, seed and size, which its name tells."""
    from trainer.features.cache import Cache

    alone = "PYTEST_XDIST_WORKER" not in os.environ
    base = tmp_path_factory.getbasetemp()
    shared = (base if alone else base.parent) / "backbones"
    shared.mkdir(exist_ok=True)
    made: list[Path] = []

    def link(source: Path, target: Path) -> None:
        for file in source.glob("*.tflite"):
            with contextlib.suppress(FileExistsError):
                (target / file.name).hardlink_to(file)

    def make() -> Cache:
        for folder in made:
            link(folder, shared)
        made.append(tmp_path_factory.mktemp("cache"))
        link(shared, made[-1])
        return Cache(made[-1])

    return make


@pytest.fixture(scope="module")
def paper_cache(new_cache: "Callable[[], Cache]") -> "Cache":
    """A feature cache that the tests of a file share."""
    return new_cache()


@pytest.fixture
def train_small(paper_cache: "Cache", tmp_path: Path) -> "Callable[..., tuple[Run, Workshop]]":
    """`train_small(name, split, epochs, **changes)`: a run with few units on tiny pictures, and what it was made
    with."""
    from trainer.features.backbone import RANDOM, Weights
    from trainer.fitting.recipe import Workshop
    from trainer.studies.training import Wishes, train

    def make(name: str, split: "Split", epochs: int, **changes: str) -> "tuple[Run, Workshop]":
        recipe = reduced_recipe(name)
        known = {key: value for key, value in SMALL.items() if key in {**recipe.hyperparameters, **recipe.optional}}
        wishes = Wishes(epochs=epochs, hyperparameters={**known, **changes})
        weights = Weights(RANDOM, RANDOM) if recipe.network else Weights("", "")
        workshop = Workshop(paper_cache, weights, 1)
        return train(recipe, wishes, split, tmp_path / "run", workshop), workshop

    return make


@pytest.fixture
def trained(fights: Path, train_small: Callable[..., Any]) -> "Callable[..., tuple[Run, Workshop, list[Any]]]":
    """`trained(name, sampling, **changes)`: a run of two epochs, what it was made with, and its validation clips."""
    from trainer.clips.datasets import read_dataset
    from trainer.clips.splits import split_validation

    def make(name: str, sampling: str, **changes: str) -> "tuple[Run, Workshop, list[Any]]":
        split = split_validation(read_dataset(fights), 0)
        return *train_small(name, split, epochs=2, sampling=sampling, **changes), split.held_out

    return make


@pytest.fixture
def learns_from_whole_clips(trained: Callable[..., Any]) -> Callable[..., None]:
    """A check: a system is trained, judged, measured and, since it needs a clip's end, kept off the box."""
    from edge.errors import ConfigurationError
    from trainer.bundles.conversion import convert_run
    from trainer.studies.latency import latency_here
    from trainer.studies.training import judge_run

    def check(name: str, **changes: str) -> None:
        run, workshop, held_out = trained(name, "paper", **changes)
        assert len(run.history()) == 2
        figures = judge_run(run, held_out, workshop)
        assert figures["n_clips"] == len(held_out) == 2
        assert figures["labels"]["violence"]["events"] is None
        assert (run.path / "confusion_videos.png").is_file()
        assert all(0 <= clip["scores"]["violence"] <= 1 for clip in figures["clips"])
        assert (run.path / "latency.json").is_file()
        assert (latency_here(run) or 0) > 0
        with pytest.raises(ConfigurationError, match="whose end a camera never sees"):
            convert_run(run, "float32", run.path / "bundle")

    return check


@pytest.fixture
def runs_on_the_box(trained: Callable[..., Any]) -> Callable[[str, str], None]:
    """A check: a system is trained at a fixed rate and converted, and the bundle says what Keras says."""
    from edge.bundle import Bundle
    from trainer.studies.training import judge_run

    def check(name: str, kind: str) -> None:
        run, workshop, held_out = trained(name, "rate")
        assert judge_run(run, held_out, workshop)["n_clips"] == 2
        spec = Bundle.load(run.path / "bundles" / "float32").spec
        assert spec.heads.scene.kind == kind
        part = {"mean": "frame", "recurrent": "head", "window": "window"}[kind]
        assert spec.verification[part]["probability_difference_max"] < 1e-3

    return check


class Newcomer:
    """Somebody in a folder of their own who copies commands from the README."""

    def __init__(self, folder: Path, said: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._said = said

    @staticmethod
    def readme_commands() -> list[list[str]]:
        """The first block of the section, but for the line that sets up the environment."""
        section = README.read_text(encoding="utf-8").partition("\n## Train on your own clips\n")[2]
        block = section.partition("```sh\n")[2].partition("```")[0]
        setup, *commands = [shlex.split(line, comments=True) for line in block.splitlines()]
        assert setup == ["scripts/setup-env", "trainer"]
        return commands

    def follow(self, commands: list[list[str]]) -> None:
        import edge.cli
        import trainer.cli

        programs = {".venv/bin/trainer": trainer.cli.main, ".venv/bin/edge": edge.cli.main}
        for program, *arguments in commands:
            code = programs[program](arguments)
            said = self._said.readouterr().err
            assert code == 0, f"{shlex.join(arguments)}: {said}"
            assert "Warning" not in said
            assert "Traceback" not in said


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Newcomer]:
    """With a small `edgewatch`: pictures of 64 x 64 alone, few of them to calibrate with, random weights and one
    process, and for `tune` fewer thresholds to try."""
    from trainer.recipes.catalogue import RECIPES

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEWATCH_WEIGHTS", "none")
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setitem(RECIPES, "edgewatch", reduced_recipe("edgewatch"))
    monkeypatch.setattr("trainer.bundles.calibration.N_REPRESENTATIVE", 48)
    monkeypatch.setattr("trainer.bundles.tuning.ONSETS", (0.3, 0.5, 0.7))
    monkeypatch.setattr("trainer.recipes.builtin.watched.SCALES", (1.0, 1.0))
    kept = signal.getsignal(signal.SIGTERM)
    yield Newcomer(tmp_path, capfd)
    signal.signal(signal.SIGTERM, kept)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, new_cache: "Callable[[], Cache]") -> Iterator[None]:
    """Commands that are not told where their cache is leave the user's alone."""
    home = tmp_path_factory.mktemp("home-cache")
    (home / "edgewatch").symlink_to(new_cache().folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        yield
