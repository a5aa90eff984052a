"""From a folder of own clips to a tuned bundle with the commands of the README, as somebody new would copy them.

The recipe that they name gets pictures of 64 x 64 alone, few of them to calibrate with, random weights
(EDGEWATCH_WEIGHTS=none) and one process, and `tune` fewer thresholds to try.
"""

import json
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import edge.cli
import trainer.cli
from edge.bundle import Bundle
from trainer.recipes.catalogue import RECIPES

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving on numpy 2

README = Path(__file__).resolve().parents[2] / "README.md"
PROGRAMS = {".venv/bin/trainer": trainer.cli.main, ".venv/bin/edge": edge.cli.main}


def readme_commands() -> list[list[str]]:
    """The first block of the section, but for the line that sets up the environment."""
    section = README.read_text(encoding="utf-8").partition("\n## Train on your own clips\n")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    setup, *commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert setup == ["scripts/setup-env", "trainer"]
    return commands


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reduced: Callable[[str], object]) -> Iterator[Path]:
    """A folder to stand in, with a small `edgewatch`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEWATCH_WEIGHTS", "none")
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setitem(RECIPES, "edgewatch", reduced("edgewatch"))
    monkeypatch.setattr("trainer.bundles.calibration.N_REPRESENTATIVE", 48)
    monkeypatch.setattr("trainer.bundles.tuning.ONSETS", (0.3, 0.5, 0.7))
    monkeypatch.setattr("trainer.recipes.builtin.watched.SCALES", (1.0, 1.0))
    kept = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, kept)


def follow(commands: list[list[str]], capfd: pytest.CaptureFixture[str]) -> None:
    for program, *arguments in commands:
        code = PROGRAMS[program](arguments)
        said = capfd.readouterr().err
        assert code == 0, f"{shlex.join(arguments)}: {said}"
        assert "Warning" not in said
        assert "Traceback" not in said


def test_the_readmes_commands_make_a_tuned_bundle_of_fights(
    small: Path, write_clip, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(24):
        lively = bool(number % 2)
        folder = small / ("my-clips" if number < 20 else "other-clips") / ("Fight" if lively else "no fight")
        write_clip(folder / f"IMG_{number:04}.avi", frames=25, lively=lively, seed=number)
    write_clip(small / "clip.avi", frames=25, lively=True).rename(small / "clip.mp4")
    follow(readme_commands(), capfd)
    bundle = Bundle.load(small / "tuned.zip")
    assert list(bundle.spec.labels) == ["normal", "violence"]
    assert bundle.spec.input.stream == "motion+trail+acceleration"
    assert set(json.loads((small / "tuned-tuning.json").read_text())) == {"violence"}


def test_the_same_commands_learn_falls_alone(small: Path, write_clip, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        falls = bool(number % 2)
        folder = small / "my-clips" / ("fall" if falls else "normal")
        write_clip(folder / f"{number}.avi", frames=25, lively=falls, seed=number)
    check, train, *_ = readme_commands()
    follow([check, train], capfd)
    spec = Bundle.load(small / "runs" / "mine" / "bundles" / "float32").spec  # that training judged
    assert list(spec.labels) == ["normal", "fall"]
    assert set(spec.alerts) == {"fall"}
    assert spec.input.stream == "motion"
