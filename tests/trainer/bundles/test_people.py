"""`trainer convert` of runs that follow people: in which precision the people network goes with the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle import BUILTIN, AlertSpec, Bundle, InputSpec
from edge.people.features import N_TRACK_FEATURES
from trainer.bundles.calibration import FILE_NAME, PEOPLE_FILE_NAME, letterboxed
from trainer.cli import main
from trainer.clips.datasets import read_dataset
from trainer.features.cache import Cache
from trainer.fitting.run import Run, Settings, TrainedModel

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving on numpy 2

SIZE_PX, PEOPLE_PX = 32, 256
N_STATE = 4


def noise(n: int, size_px: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size_px, size_px, 3), dtype=np.uint8)


def make_frame() -> Any:
    import keras

    keras.utils.set_random_seed(3)
    entry = keras.Input((SIZE_PX, SIZE_PX, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(entry)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    features = keras.layers.GlobalAveragePooling2D()(x)
    said = keras.layers.Dense(2, activation="softmax")(features)
    return keras.Model(entry, {"features": features, "probabilities": said})


def make_person() -> Any:
    import keras

    features = keras.Input((N_TRACK_FEATURES,), name="features")
    state = keras.Input((N_STATE,), name="state")
    cell = keras.layers.GRUCell(N_STATE)
    _, (after,) = cell(features, [state])
    said = keras.layers.Dense(3, activation="softmax")(after)
    return keras.Model({"features": features, "state": state}, {"probabilities": said, "next_state": after})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Finished, with pictures of noise."""
    spec = InputSpec(height_px=SIZE_PX, width_px=SIZE_PX)
    labels = ("normal", "fall")
    run = Run.start(tmp_path / "run", Settings(recipe="edgewatch", seed=0, epochs=1, labels=labels, input=spec))
    trained = TrainedModel(
        make_frame(), None, labels, spec, 1.0, {"fall": AlertSpec()},
        person=make_person(), combine={"fall": {"person": 1.0}},
    )  # fmt: skip
    run.save_model(trained)
    for name, size_px in ((FILE_NAME, SIZE_PX), (PEOPLE_FILE_NAME, PEOPLE_PX)):
        np.savez(run.path / name, representative=noise(20, size_px, 1), held_out=noise(10, size_px, 2))
    return run.path


@pytest.fixture
def convert(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Bundle, str]]:
    """`convert(*options)`: the bundle, and what was said."""

    def make(*options: str) -> tuple[Bundle, str]:
        out = tmp_path / "bundle"
        assert main(["convert", str(run), "--out", str(out), *options]) == 0
        return Bundle.load(out), capsys.readouterr().err

    return make


@pytest.fixture
def _published(weights_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights_dir / "movenet_multipose_lightning.tflite"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {weights_dir}")
    monkeypatch.setenv("EDGEWATCH_WEIGHTS", str(weights_dir))


def test_in_integers_it_is_the_shipped_one_and_the_summary_names_both(convert) -> None:
    bundle, said = convert("--int8")
    people = bundle.spec.networks.people
    assert people is not None
    assert people.precision == "int8"
    assert bundle.files["pose.tflite"] == (BUILTIN / "pose.tflite").read_bytes()
    assert "people network, int8: 5.51 MB, " in said
    assert "; on an Edge TPU 100.00 % of its multiply-accumulates" in said
    assert "person head, float32: 0.0" in said
    parts = next(line for line in said.splitlines() if line.startswith("parts: "))
    assert "people int8 on cpu" in parts
    assert "person float32 on cpu, " in parts


def test_without_the_published_network_the_shipped_one_stays_and_that_is_said(convert, monkeypatch) -> None:
    monkeypatch.setenv("EDGEWATCH_WEIGHTS", "none")
    bundle, said = convert("--float16")
    assert bundle.spec.networks.scene.precision == "float16"
    people = bundle.spec.networks.people
    assert people is not None
    assert people.precision == "int8"
    assert "people network: stays the built-in one, in int8: movenet_multipose_lightning.tflite is not among" in said
    assert "people network, int8: " in said


@pytest.mark.usefixtures("_published")
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_both_networks_get_the_precision(convert, precision) -> None:
    bundle, said = convert(f"--{precision}")
    people = bundle.spec.networks.people
    assert people is not None
    assert (people.precision, bundle.spec.networks.scene.precision) == (precision, precision)
    pose = bundle.spec.verification["people"]["pose"]
    assert pose["n_held_out"] == 10
    assert f"people network, {precision}: {pose['size_bytes'] / 1e6:.2f} MB, " in said
    assert "on 10 held-out pictures: nobody is in them" in said
    assert f"people {precision} on cpu" in said


@pytest.mark.usefixtures("_published")
def test_a_run_that_kept_no_pictures_of_people_is_told(convert, run) -> None:
    (run / PEOPLE_FILE_NAME).unlink()
    bundle, said = convert("--float32")
    people = bundle.spec.networks.people
    assert people is not None
    assert people.precision == "int8"
    assert f"{PEOPLE_FILE_NAME} is missing; go on with trainer train --resume" in said


def test_for_the_edge_tpu_both_are_mapped_and_their_memory_is_told(convert, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    bundle, said = convert("--target", "edgetpu")
    assert "people network: Edge TPU, a prediction (edgetpu_compiler is not installed): " in said
    assert "Edge TPU, an estimate: parameters of 4.8 MB (people) and 0.0 MB (scene), " in said
    memory = bundle.spec.verification["edgetpu"]["memory"]
    assert memory["scene_bytes"] == 3 * 3 * 3 * 8 + 8 * 4 + 8 * 2 + 2 * 4  # weights of a byte, biases of four
    assert memory["over_bytes"] == 0
    assert "frame int8 on cpu" in said
    assert "people int8 on cpu" in said


def test_what_the_compiler_makes_of_both_is_in_the_bundle(convert, tmp_path, monkeypatch) -> None:
    compiler = tmp_path / "edgetpu_compiler"
    compiler.write_text(
        '#!/bin/sh\nfor last; do :; done\n/bin/cp "$last" "$(/usr/bin/dirname "$last")/frame_edgetpu.tflite"\n'
        "echo CONV_2D 3 Mapped to Edge TPU\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    bundle, said = convert("--target", "edgetpu")
    networks = bundle.spec.networks
    assert networks.people is not None
    assert networks.scene.files == {"cpu": "frame.tflite", "edgetpu": "frame_edgetpu.tflite"}
    assert networks.people.files == {"cpu": "pose.tflite", "edgetpu": "pose_edgetpu.tflite"}
    assert "parts: frame int8 on edgetpu, people int8 on edgetpu, person float32 on cpu, " in said


def test_pictures_for_it_keep_their_shape_and_are_spread_over_each_clip(tmp_path, write_clip) -> None:
    write_clip(tmp_path / "set/fall/0.avi", frames=60, rate_hz=10, lively=True)
    drawn = letterboxed(read_dataset(tmp_path / "set"), 4, seed=0, cache=Cache(tmp_path / "cache"), workers=1)
    assert drawn.shape == (4, PEOPLE_PX, PEOPLE_PX, 3)
    assert not drawn[:, :32].any()  # 64 x 48 in a square: black above and below
    assert not drawn[:, -32:].any()
    assert drawn[:, 33:-33].any(axis=(1, 2, 3)).all()
    assert len({picture.tobytes() for picture in drawn}) == 4
