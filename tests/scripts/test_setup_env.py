"""`scripts/setup-env`: what it finds done, and what it says where it cannot go on. The fresh root tries the rest."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "setup-env"


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
