"""`scripts/setup-env`: what it finds done, and what it says where it cannot go on. The fresh root tries the rest."""

import os
import subprocess
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SCRIPT = SCRIPTS / "setup-env"
PATIENCE_S = 60

Programs = Callable[..., Path]


@pytest.fixture
def setup_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, at work in a checkout of its own, where it may start nothing."""
    loader = SourceFileLoader("setup_env", str(SCRIPT))
    spec = spec_from_loader("setup_env", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    requirements = tmp_path / "scripts" / "requirements"
    requirements.mkdir(parents=True)
    for name in ("setup", "box", "demo", "dev", "tflite-runtime"):
        (requirements / f"{name}.txt").write_text(f"{name}==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "REQUIREMENTS", requirements)

    def refuse(*words: object, **_: str) -> None:
        raise AssertionError(f"would run {words}")

    monkeypatch.setattr(module, "run", refuse)
    return module


def install(module: ModuleType, environment: str, name: str) -> None:
    """Leave an environment as an installation does."""
    folder = module.ROOT / environment
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "bin" / "pip").touch()
    (folder / f".installed-{name}").write_text(module.fingerprint(name))


def test_nothing_is_done_twice(setup_env: ModuleType) -> None:
    install(setup_env, ".venv", "box")
    setup_env.main(["box"])


def test_the_whole_set_holds_the_smaller_ones(setup_env: ModuleType) -> None:
    install(setup_env, ".venv", "dev")
    setup_env.main(["demo"])


def test_the_whole_set_does_not_hold_tflite_runtime(setup_env: ModuleType) -> None:
    install(setup_env, ".venv", "dev")
    install(setup_env, ".venv-tflite-runtime", "dev")
    with pytest.raises(AssertionError, match="would run"):
        setup_env.main(["tflite-runtime"])


@pytest.mark.parametrize(
    "changed", ["scripts/requirements/box.txt", "scripts/requirements/setup.txt", "pyproject.toml"]
)
def test_a_change_is_installed(setup_env: ModuleType, changed: str) -> None:
    install(setup_env, ".venv", "box")
    (setup_env.ROOT / changed).write_text("box==2\n")
    with pytest.raises(AssertionError, match="would run"):
        setup_env.main(["box"])


@pytest.mark.parametrize("arguments", [[], ["everything"], ["box", "demo"]])
def test_usage(setup_env: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        setup_env.main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("setup-env: usage: scripts/setup-env box|demo|")


def test_without_python_311_tflite_runtime_is_refused_with_its_own_code(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_env, "python_version", lambda _: (3, 12))
    with pytest.raises(SystemExit) as end:
        setup_env.main(["tflite-runtime"])
    assert end.value.code == 3
    assert "needs Python 3.11" in capsys.readouterr().err


def test_the_first_fitting_python_is_taken(setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"python3": (3, 10), "python3.12": (3, 12), "python3.11": (3, 11)}
    monkeypatch.setattr(setup_env, "python_version", found.get)
    assert setup_env.find_python("box") == "python3.12"
    assert setup_env.find_python("tflite-runtime") == "python3.11"


def test_without_root_it_says_what_to_type(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_env, "as_root", lambda: None)
    with pytest.raises(SystemExit) as end:
        setup_env.apt_get_install("a virtual environment", "python3.11-venv")
    assert end.value.code == 1
    assert "sudo apt-get install python3.11-venv" in capsys.readouterr().err


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """Programs that note how they are called and then do a line of shell, in a folder that stands first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def write(**lines: str) -> Path:
        for name, line in lines.items():
            path = folder / name.replace("_", "-")
            path.write_text(f'#!/bin/sh\necho "$(basename "$0") $*" >>{tmp_path}/calls\n{line}\n')
            path.chmod(0o755)
        return folder

    write(which="true", dpkg="true")  # all packages are there
    return write


@pytest.fixture
def without_init(
    setup_env: ModuleType, programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """A machine with the packages of `images`, where nothing has mounted binfmt_misc, and a root who may do it."""
    (tmp_path / "binfmt_misc").mkdir()
    folder = programs(
        arch_test=f"test -e {tmp_path}/binfmt_misc/qemu-aarch64",
        mount=f"touch {tmp_path}/binfmt_misc/register",
        update_binfmts=f"test -e {tmp_path}/binfmt_misc/register && touch {tmp_path}/binfmt_misc/qemu-aarch64",
    )
    monkeypatch.setattr(setup_env, "SYSTEM_PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(setup_env, "BINFMT_MISC", str(tmp_path / "binfmt_misc"))
    monkeypatch.setattr(setup_env, "as_root", list)
    return setup_env


def calls(tmp_path: Path) -> list[str]:
    """What was called since the last time, but for the looks at packages."""
    path = tmp_path / "calls"
    found = path.read_text().splitlines()
    path.unlink()
    return [line for line in found if not line.startswith(("which ", "dpkg "))]


def test_where_no_init_runs_arm64_is_enabled_once(without_init: ModuleType, tmp_path: Path) -> None:
    mount = f"mount -t binfmt_misc binfmt_misc {tmp_path}/binfmt_misc"
    enable = "update-binfmts --enable qemu-aarch64"
    without_init.main(["images"])
    assert calls(tmp_path) == ["arch-test arm64", mount, enable, "arch-test arm64"]
    without_init.main(["images"])
    assert calls(tmp_path) == ["arch-test arm64"]
    (tmp_path / "binfmt_misc" / "qemu-aarch64").unlink()  # as where somebody has disabled it
    without_init.main(["images"])
    assert calls(tmp_path) == ["arch-test arm64", enable, "arch-test arm64"]


def test_what_boots_and_signs_images_does_not_need_arm64(without_init: ModuleType, tmp_path: Path) -> None:
    without_init.main(["emulator"])
    without_init.main(["updates"])
    assert calls(tmp_path) == []


def test_arm64_without_root_says_what_to_type(
    without_init: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(without_init, "as_root", lambda: None)
    with pytest.raises(SystemExit) as end:
        without_init.main(["images"])
    assert end.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    mount = f"mount -t binfmt_misc binfmt_misc {tmp_path}/binfmt_misc"
    assert f"sudo sh -c '{mount} && update-binfmts --enable qemu-aarch64'" in line
    assert calls(tmp_path) == ["arch-test arm64"]


@pytest.mark.skipif(os.geteuid() != 0, reason="scripts/build-image runs as root alone")
def test_an_image_is_not_begun_where_arm64_cannot_run(programs: Programs, tmp_path: Path) -> None:
    """As in a container that may not mount: one line, and not mmdebstrap's own."""
    refused = "echo permission denied >&2; false"
    folder = programs(arch_test="false", mount=refused, update_binfmts=refused, mmdebstrap="false")
    work = tmp_path / "work"
    changed = {"PATH": f"{folder}:{os.environ['PATH']}", "EDGEWATCH_IMAGE_WORK": str(work)}
    command = [SCRIPTS / "build-image", str(tmp_path / "edgewatch.img")]
    ended = subprocess.run(
        command, env={**os.environ, **changed}, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith("setup-env: making images needs programs for arm64 to run here: sudo sh -c '")
    assert not any(call.startswith("mmdebstrap") for call in calls(tmp_path))
    assert not work.exists()
