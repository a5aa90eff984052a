"""`trainer convert` on runs of tiny models: what it writes, what it says, what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle import AlertSpec, Bundle, InputSpec
from trainer.bundles.calibration import FILE_NAME
from trainer.cli import main
from trainer.files import file_sha256, write_json
from trainer.fitting.run import SETTINGS_NAME, Run, Settings, TrainedModel, write_command

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving on numpy 2

SIZE_PX = 32
LABELS = ("normal", "fall", "violence")
RED_AND_GREEN = np.array([[[[1000.0, 1000.0], [0.0, 1.0], [0.0, 0.0]]]])  # (height, width, colours, channels)
DIFFERENCE = np.array([[[[-1.0], [1.0]]]])


def noise(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)


def make_frame(*, cancels: bool):
    """A convolution of random weights; or two that leave of a thousand times red the green that was added to it, which
    8 bits cannot hold."""
    import keras

    keras.utils.set_random_seed(3)
    constant: Any = keras.initializers.Constant
    layers: Any = keras.layers
    entry = keras.Input((SIZE_PX, SIZE_PX, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(entry)
    if cancels:
        x = layers.Conv2D(2, 1, use_bias=False, kernel_initializer=constant(RED_AND_GREEN))(x)
        x = layers.Conv2D(1, 1, use_bias=False, kernel_initializer=constant(DIFFERENCE))(x)
    x = layers.Conv2D(8, 3, strides=2, activation="swish")(x)
    features = layers.GlobalAveragePooling2D()(x)
    return keras.Model(
        entry, {"features": features, "probabilities": layers.Dense(len(LABELS), activation="softmax")(features)}
    )


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """`make_run(cancels=False, representative=None, network="")`: a finished run."""

    def make(*, cancels: bool = False, representative: np.ndarray | None = None, network: str = "") -> Path:
        spec = InputSpec(height_px=SIZE_PX, width_px=SIZE_PX)
        settings = Settings(recipe="efficientnetb0-mean", seed=0, epochs=1, labels=LABELS, input=spec, network=network)
        run = Run.start(tmp_path / "run", settings)
        frame = make_frame(cancels=cancels)
        run.save_model(TrainedModel(frame, None, LABELS, spec, 1.0, {"fall": AlertSpec()}))
        chosen = noise(20, seed=1) if representative is None else representative
        np.savez(run.path / FILE_NAME, representative=chosen, held_out=noise(10, seed=2))
        return run.path

    return make


@pytest.fixture
def make_run_of_clips(make_run: Callable[..., Path], fights: Path) -> Callable[..., Path]:
    """`make_run_of_clips(hold_out=None, **hyperparameters)`: a run that learned from clips 0 to 5 of `fights`, chose by
    6 and 7, and left 8 and 9 out."""

    def make(hold_out: float | None = None, **hyperparameters: str) -> Path:
        run = Run.load(make_run())
        digests = {
            f"fights/{path.parent.name}/{path.name}": file_sha256(path)[:16] for path in sorted(fights.glob("*/*.avi"))
        }
        sides = {
            side: {name: digest for name, digest in digests.items() if int(Path(name).stem) in numbers}
            for side, numbers in (("train_clips", range(6)), ("validation_clips", (6, 7)))
        }
        settings = run.settings.model_copy(update={**sides, "hyperparameters": hyperparameters})
        write_json(run.path / SETTINGS_NAME, settings.model_dump(mode="json"))
        write_command(run.path, {"data": [str(fights)], "hold_out": hold_out})
        return run.path

    return make


def convert(run: Path, out: Path, *options: str) -> int:
    return main(["convert", str(run), "--out", str(out), *options])


def test_int8_is_integer_only_and_says_what_it_loses(make_run, tmp_path, capsys):
    from converters.graph import Graph

    assert convert(make_run(), tmp_path / "bundle", "--int8") == 0
    bundle = Bundle.load(tmp_path / "bundle")
    assert (bundle.spec.networks.scene.precision, bundle.spec.warning) == ("int8", "")
    graph = Graph(bundle.files["frame.tflite"])
    assert graph.float_tensors() == []
    assert set(graph.output_types()) == {"INT8"}
    said = capsys.readouterr()
    assert said.out.count("\n") == 1
    assert "run, int8, 0.0 MB" in said.out
    for figure in ("ranges, weights and biases from 20 pictures", "dB", "cosine", "same top label", "of float32", "MB"):
        assert figure in said.err


def test_a_loss_over_the_limit_is_refused_with_the_figures(make_run, tmp_path, capsys):
    run = make_run(cancels=True)
    assert convert(run, tmp_path / "bundle", "--int8") == 7
    said = capsys.readouterr()
    assert said.out == ""
    last = said.err.splitlines()[-1]
    assert last.startswith("trainer: int8 keeps ")
    assert "under the limit of 12 dB (cosine" in last
    assert "--accept-loss" in last
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_accepted_loss_is_in_the_bundle(make_run, tmp_path):
    assert convert(make_run(cancels=True), tmp_path / "bundle", "--int8", "--accept-loss") == 0
    spec = Bundle.load(tmp_path / "bundle").spec
    assert spec.warning.startswith("int8 keeps ")
    assert spec.verification["frame"]["features_snr_db"] < 12


def test_float32_of_the_same_model_needs_no_acceptance(make_run, tmp_path):
    assert convert(make_run(cancels=True), tmp_path / "bundle") == 0
    assert Bundle.load(tmp_path / "bundle").spec.warning == ""


@pytest.mark.parametrize(
    ("representative", "reason"),
    [
        (noise(0, 1), "representative pictures: 0,"),
        (noise(15, 1), "15 show more than one colour; give at least 16"),
        (np.full((40, SIZE_PX, SIZE_PX, 3), 90, np.uint8), "40, of which 0 show more than one colour"),
    ],
)
def test_useless_representative_pictures_are_refused(make_run, tmp_path, capsys, representative, reason):
    assert convert(make_run(representative=representative), tmp_path / "bundle", "--int8") == 7
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert reason in said
    assert not (tmp_path / "bundle").exists()


def test_a_run_that_is_half_there_is_refused(make_run, tmp_path, capsys):
    run = make_run()
    pictures = (run / FILE_NAME).read_bytes()
    for damage in (pictures[: len(pictures) // 2], b""):
        (run / FILE_NAME).write_bytes(damage)
        assert convert(run, tmp_path / "bundle", "--int8") == 2
        assert f"{FILE_NAME}: cannot be read" in capsys.readouterr().err
    (run / FILE_NAME).unlink()
    assert convert(run, tmp_path / "bundle", "--int8") == 2
    assert "calibration pictures are missing" in capsys.readouterr().err
    (run / FILE_NAME).write_bytes(pictures)
    frame = (run / "frame.keras").read_bytes()
    middle = len(frame) // 2
    for damage in (frame[:middle] + bytes(40) + frame[middle + 40 :], frame[:middle], None):
        (run / "frame.keras").unlink()
        if damage is not None:
            (run / "frame.keras").write_bytes(damage)
        assert convert(run, tmp_path / "bundle", "--int8") == 2
        said = capsys.readouterr().err
        assert "frame.keras: cannot be read" in said
        assert said.count("\n") == 1
    kept = json.loads((run / "model.json").read_text())
    assert kept["parts"] == ["frame.keras"]
    del kept["window_s"]
    for damage, reason in (('{"labels": ["nor', "Invalid JSON"), ("{}", "labels: "), (json.dumps(kept), "window_s: ")):
        (run / "model.json").write_text(damage)
        assert convert(run, tmp_path / "bundle", "--int8") == 2
        said = capsys.readouterr().err
        assert f"model.json: {reason}" in said
        assert said.count("\n") == 1


def test_for_the_edge_tpu_it_compiles_or_predicts(make_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    run = make_run()
    assert convert(run, tmp_path / "predicted", "--target", "edgetpu") == 0
    bundle = Bundle.load(tmp_path / "predicted")
    assert bundle.spec.networks.scene.precision == "int8"
    assert set(bundle.files) == {"frame.tflite"}
    assert bundle.spec.verification["edgetpu"]["predicted_mac_share"] == 1
    assert "a prediction (edgetpu_compiler is not installed)" in capsys.readouterr().err

    compiler = tmp_path / "edgetpu_compiler"
    compiler.write_text(
        '#!/bin/sh\nwhile [ "$1" != "--out_dir" ]; do shift; done; /bin/cp "$3" "$2/frame_edgetpu.tflite"\n'
        "echo CONV_2D 3 Mapped to Edge TPU; echo SOFTMAX 1 Operation not supported\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert convert(run, tmp_path / "refused", "--target", "edgetpu") == 7
    assert "1 of 4 operations run on the processor" in capsys.readouterr().err
    assert not (tmp_path / "refused").exists()
    assert convert(run, tmp_path / "compiled", "--target", "edgetpu", "--accept-loss") == 0
    bundle = Bundle.load(tmp_path / "compiled")
    assert set(bundle.files) == {"frame.tflite", "frame_edgetpu.tflite"}
    assert bundle.spec.warning.startswith("1 of 4 operations run on the processor")


def test_for_a_gpu_it_says_whether_it_could_try_one(make_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent.json")
    assert convert(make_run(), tmp_path / "bundle", "--target", "gpu") == 0
    spec = Bundle.load(tmp_path / "bundle").spec
    assert spec.networks.scene.precision == "float16"
    assert "No adapters found" in spec.verification["gpu"]["untested"]
    assert "GPU: not tested here" in capsys.readouterr().err


@pytest.mark.usefixtures("software_gpu")
def test_for_a_gpu_that_is_there_it_compares(make_run, tmp_path):
    assert convert(make_run(), tmp_path / "bundle", "--target", "gpu", "--precision", "float32") == 0
    figures = Bundle.load(tmp_path / "bundle").spec.verification["gpu"]
    assert figures["n_held_out"] == 8
    assert figures["difference_max"] <= 1e-3


def test_a_precision_that_a_target_does_not_run_is_refused(make_run, tmp_path, capsys):
    run = make_run()
    assert convert(run, tmp_path / "bundle", "--target", "edgetpu", "--precision", "mixed") == 2
    assert "--precision mixed: --target edgetpu does not run it; choose int8" in capsys.readouterr().err
    assert convert(run, tmp_path / "bundle", "--target", "gpu", "--int8") == 2
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("asked", "options", "counts", "said"),
    [
        ({}, (), (2, 2, 0), "clips: 2 of 2 validation clips, 0 of which the model has learned from"),
        ({"keep": "last"}, (), (2, 2, 2), "2 of 2 validation clips, 2 of which the model has learned from"),
        ({"hold_out": 0.2}, (), (2, 2, 0), "clips: 2 of 2 held-out clips"),
        ({}, ("--data",), (10, 10, 6), "10 of 10 clips of --data, 6 of which the model has learned from"),
    ],
)
def test_it_says_what_changes_about_clips(make_run_of_clips, fights, tmp_path, capsys, *, asked, options, counts, said):
    run, data = make_run_of_clips(**asked), (*options, str(fights)) if options else ()
    assert convert(run, tmp_path / "bundle", "--int8", "--workers", "1", *data) == 0
    clips = Bundle.load(tmp_path / "bundle").spec.verification["clips"]
    assert (clips["n_clips"], clips["n_found"], clips["learned_from"]) == counts
    assert clips["accuracy"] - clips["accuracy_float32"] == pytest.approx((clips["won"] - clips["lost"]) / counts[0])
    area = clips["labels"]["violence"]["auc_float32"]
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("clips: "))
    assert said in line
    assert f"right in float32, AUC of violence {area:.3f}; in int8 " in line
    assert f"({clips['lost']} lost, {clips['won']} won)" in line


def test_clips_of_no_avail_are_said_aloud(make_run_of_clips, fights, tmp_path, capsys):
    run = make_run_of_clips()
    write_command(run, {"data": [str(tmp_path / "gone")]})
    assert convert(run, tmp_path / "moved") == 0
    (run / "command.json").unlink()
    assert convert(run, tmp_path / "untold") == 0
    write_command(run, {"data": [str(fights)]})
    settings = Run.load(run).settings
    altered = settings.model_copy(update={"validation_clips": dict.fromkeys(settings.validation_clips, "0" * 16)})
    write_json(run / SETTINGS_NAME, altered.model_dump(mode="json"))
    assert convert(run, tmp_path / "altered") == 0
    reasons = [line for line in capsys.readouterr().err.splitlines() if line.startswith("clips: none watched: ")]
    assert "gone: no such folder" in reasons[0]
    assert "command.json, which says where its clips were, is missing; give --data" in reasons[1]
    assert "none of the 0 validation clips" in reasons[2]
    for name, reason in zip(("moved", "untold", "altered"), reasons, strict=True):
        untested = Bundle.load(tmp_path / name).spec.verification["clips"]["untested"]
        assert reason == f"clips: none watched: {untested}"


def test_clips_that_a_model_cannot_name_are_refused_before_the_work(make_run_of_clips, write_clip, tmp_path, capsys):
    write_clip(tmp_path / "set" / "brawl" / "a.avi")
    assert convert(make_run_of_clips(), tmp_path / "bundle", "--data", str(tmp_path / "set")) == 6
    assert "--positive brawl=violence" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_compare_measures_every_precision(make_run, tmp_path, capsys):
    run, out = make_run(), tmp_path / "compared"
    assert convert(run, out, "--compare") == 0
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert [row["precision"] for row in rows] == ["float32", "float16", "mixed", "int8"]
    by_precision = {row["precision"]: row for row in rows}
    assert by_precision["float32"]["latency_ratio"] == 1
    assert by_precision["float32"]["features_snr_db"] > by_precision["int8"]["features_snr_db"] > 12
    for precision, row in by_precision.items():
        frame = Bundle.load(run / "bundles" / precision).files["frame.tflite"]
        assert row["size_bytes"] == len(frame)
    picture = (out / "comparison.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [["run", "EfficientNetB0", name] for name in by_precision]
    assert "dB" in lines[1]
    assert convert(run, out, "--compare") == 2
    assert "comparison.json: exists" in capsys.readouterr().err
    assert convert(run, run / "run.json", "--compare") == 2
    assert "run.json/comparison.json: cannot be written (Not a directory)" in capsys.readouterr().err
    (out / "comparison.png").unlink()
    assert convert(run, out, "--compare", "--force") == 0
    assert (out / "comparison.png").exists()


def test_compare_lays_runs_of_both_backbones_together(make_run, tmp_path, capsys):
    first = make_run().rename(tmp_path / "first")
    second = make_run(network="EfficientNetLite0").rename(tmp_path / "second")
    out = tmp_path / "compared"
    assert main(["convert", str(first), str(second), "--compare", "--out", str(out)]) == 0
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert [(row["run"], row["backbone"]) for row in rows] == [("first", "EfficientNetB0")] * 4 + [
        ("second", "EfficientNetLite0")
    ] * 4
    assert [row["latency_ratio"] for row in rows if row["precision"] == "float32"] == [1, 1]
    assert Bundle.load(second / "bundles" / "int8").spec.provenance["network"] == "EfficientNetLite0"
    capsys.readouterr()
    assert main(["convert", str(first), str(second), "--out", str(tmp_path / "bundle")]) == 2
    assert "one run makes one bundle" in capsys.readouterr().err


def rows_of_two() -> list[dict[str, Any]]:
    row = {"size_bytes": 4_900_000, "latency_ms": 3.0, "latency_ratio": 0.5, "features_snr_db": 13.8}
    row |= {"run": "mine", "recipe": "edgewatch", "backbone": "EfficientNetB0", "warning": ""}
    int8 = {"accuracy": {"violence": 0.841, "fall": None}, "auc": {"violence": 0.9123, "fall": None}}
    mixed = {"accuracy": {"violence": 0.85, "fall": 0.9}, "auc": {"violence": 0.93, "fall": 0.95}}
    return [
        row | {"precision": "int8", "label_agreement": 0.9} | int8,
        row | {"precision": "mixed", "label_agreement": 0.95} | mixed,
    ]


def test_accuracy_and_auc_stand_in_the_comparison_where_they_were_judged(tmp_path):
    from trainer.bundles.precisions import plot, table

    rows = rows_of_two()
    head, first, second = table(rows).splitlines()
    assert head.split()[-4:] == ["fall", "AUC", "violence", "AUC"]
    assert first.split()[-4:] == ["-", "-", "84.1%", "0.912"]
    assert second.split()[-4:] == ["90.0%", "0.950", "85.0%", "0.930"]
    plot(tmp_path / "comparison.png", rows)
    one_panel = [{key: value for key, value in one.items() if key not in {"accuracy", "auc"}} for one in rows]
    plot(tmp_path / "plain.png", one_panel)
    wide, plain = (int.from_bytes((tmp_path / name).read_bytes()[16:20]) for name in ("comparison.png", "plain.png"))
    assert wide == 5 * plain  # pixels, of PNG's header: features, and of each label accuracy and AUC


def test_a_bundle_with_a_warning_is_marked_in_the_comparison():
    from trainer.bundles.precisions import table

    rows = rows_of_two()
    rows[0]["warning"] = "int8 keeps 9.0 dB"
    _, first, second, last = table(rows).splitlines()
    assert first.endswith(" !")
    assert not second.endswith("!")
    assert last == "! mine, int8: int8 keeps 9.0 dB"


def test_compare_judges_clips_of_data(make_run_of_clips, fights, tmp_path):
    run = make_run_of_clips()
    assert convert(run, tmp_path / "out", "--compare", "--workers", "1", "--data", str(fights)) == 0
    for row in json.loads((tmp_path / "out" / "comparison.json").read_text())["rows"]:
        assert set(row["accuracy"]) == set(row["auc"]) == {"violence"}
        assert 0 <= row["auc"]["violence"] <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--compare", "--target", "gpu"), "--compare measures on the processor"),
        (("--compare", "--int8"), "not allowed with argument"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(make_run, tmp_path, capsys, options, message):
    assert convert(make_run(), tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
