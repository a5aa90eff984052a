"""The lock files: every version with hashes, no address, and all that pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "scripts" / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
EXTRAS_OF_SET = {
    "box": ("updates",),
    "demo": ("demo", "dashboard"),
    "trainer": ("trainer",),
    "dev": ("trainer", "dask", "demo", "dashboard", "notify", "updates", "dev"),
}


def entries(path: Path) -> list[str]:
    """Each requirement with its hashes, on one line."""
    joined = path.read_text().replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]


def versions(path: Path) -> dict[str, set[Version]]:
    """Locked versions by name; several where they depend on the Python version."""
    found: dict[str, set[Version]] = {}
    for entry in entries(path):
        requirement = Requirement(HASH.sub("", entry))
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        found.setdefault(requirement.name, set()).add(Version(pin.version))
    return found


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_line_is_a_version_with_hashes_and_no_address(path: Path) -> None:
    assert entries(path)
    for entry in entries(path):
        assert HASH.search(entry), entry
        assert not re.search(r"://|@|--(extra-)?index-url|--find-links|/", HASH.sub("", entry)), entry


@pytest.mark.parametrize("name", EXTRAS_OF_SET)
def test_lock_holds_what_the_project_asks_for(name: str) -> None:
    locked = versions(ROOT / "scripts" / "requirements" / f"{name}.txt")
    asked = [*PROJECT["dependencies"]]
    for extra in EXTRAS_OF_SET[name]:
        asked += PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, asked):
        assert requirement.name in locked, f"{requirement} is not in {name}.txt: run scripts/lock"
        assert all(version in requirement.specifier for version in locked[requirement.name]), requirement


@pytest.mark.parametrize("name", ["box", "demo", "trainer"])
def test_smaller_sets_are_part_of_the_tested_one(name: str) -> None:
    tested = versions(ROOT / "scripts" / "requirements" / "dev.txt")
    for package, found in versions(ROOT / "scripts" / "requirements" / f"{name}.txt").items():
        assert found <= tested[package], package


def test_the_box_gets_no_training_stack() -> None:
    for name in ("box", "demo"):
        locked = set(versions(ROOT / "scripts" / "requirements" / f"{name}.txt"))
        assert not locked & {"tensorflow", "keras", "torch", "matplotlib", "pandas", "scikit-learn"}


def test_tflite_runtime_comes_with_numpy_1_and_no_second_runtime() -> None:
    locked = versions(ROOT / "scripts" / "requirements" / "tflite-runtime.txt")
    assert locked["tflite-runtime"] == {Version("2.14.0")}
    assert max(locked["numpy"]) < Version("2")
    assert "ai-edge-litert" not in locked
