"""Shared libraries that behave, and misbehave, as accelerators' drivers do."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "libraries"


@pytest.fixture
def build_library(tmp_path: Path) -> Callable[..., Path]:
    """`build_library(name, *definitions)`: a shared library of `libraries/NAME.c`."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler is not installed (Debian package gcc)")

    def build(name: str, *definitions: str) -> Path:
        library = tmp_path / f"{'-'.join((name, *definitions))}.so"
        flags = ["-shared", "-fPIC", "-nostdlib", "-Wall", "-Werror", *(f"-D{text}" for text in definitions)]
        subprocess.run([compiler, *flags, "-o", library, SOURCES / f"{name}.c"], check=True)
        return library

    return build


@pytest.fixture
def bad_driver(
    tmp_path: Path,
    build_library: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    software_gpu: None,  # noqa: ARG001 - where that runs, other drivers are loaded too
) -> Callable[[str], None]:
    """`bad_driver("CRASH")`: the only Vulkan driver dies when it is loaded; `"HANG"`: never ends."""

    def use(what: str) -> None:
        manifest = tmp_path / "driver.json"
        driver = {"library_path": str(build_library("driver", what)), "api_version": "1.1.0"}
        manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": driver}))
        monkeypatch.setenv("VK_DRIVER_FILES", str(manifest))

    return use
