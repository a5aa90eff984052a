import os
from pathlib import Path

import numpy as np
import pytest

from trainer.synth.bodies.animations import motion_folder

pytest.importorskip("mujoco", reason="mujoco comes with the extra trainer")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.fixture
def motion_dir() -> Path:
    """The CC0 animations, which are not in the repository."""
    folder = motion_folder()
    if not folder.is_dir():
        pytest.skip(f"no motion at {folder}; set EDGEWATCH_MOTION to where it lies")
    return folder


@pytest.fixture
def without_animations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setitem(os.environ, "EDGEWATCH_MOTION", str(tmp_path / "none"))
    return tmp_path / "none"
