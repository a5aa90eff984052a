import dataclasses

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters import convert
from converters.convert import FRAME_FILE, HEAD_FILE, parts_of
from converters.graph import Graph
from converters.targets import EDGETPU_FILE, PRECISIONS
from edge.bundle import Bundle
from edge.errors import ConfigurationError, ModelError, QualityError


@pytest.fixture
def make(trained, representative, held_out, tmp_path):
    """Convert the small model with arguments that are right unless they are given."""

    def call(**changed):
        arguments = {
            "trained": trained,
            "name": "small",
            "precision": "float32",
            "representative": representative,
            "held_out": held_out,
            "out": tmp_path / "bundle",
            "provenance": {"seed": 5},
            "report": lambda _: None,
        } | changed
        return convert(arguments.pop("trained"), **arguments)

    return call


def signature(content):
    return Interpreter(model_content=content).get_signature_list()["serving_default"]


@pytest.mark.parametrize(
    ("precision", "least_db", "most_bytes"),
    [("float32", 80, 1.1), ("float16", 45, 0.9), ("int8", 10, 0.9), ("mixed", 10, 1.1)],
)
def test_each_precision_gives_a_verified_bundle(make, float32, precision, least_db, most_bytes):
    bundle = make(precision=precision)
    spec, content = bundle.spec, bundle.files[FRAME_FILE]
    scene = spec.networks.scene
    assert (spec.heads.scene.kind, scene.precision, scene.n_features) == ("mean", precision, 24)
    assert spec.labels == ["normal", "fall", "violence"]
    assert spec.provenance == {"seed": 5}
    assert spec.verification["frame"]["features_snr_db"] > least_db
    assert len(content) < most_bytes * len(float32)

    assert signature(content)["inputs"] == ["pixels"]
    assert set(signature(content)["outputs"]) == {"features", "probabilities"}
    entry = Interpreter(model_content=content).get_input_details()[0]
    assert (entry["dtype"], entry["quantization"], entry["shape"].tolist()) == (np.uint8, (1.0, 0), [1, 32, 32, 3])


def test_int8_is_integer_only(make):
    content = make(precision="int8").files[FRAME_FILE]
    assert Graph(content).float_tensors() == []
    interpreter = Interpreter(model_content=content)
    types = {np.dtype(detail["dtype"]).name for detail in interpreter.get_tensor_details()}
    assert types <= {"uint8", "int8", "int32"}


def test_int8_says_what_it_loses(make):
    lines = []
    make(precision="int8", report=lines.append)
    assert any(line.startswith("int8 loses") for line in lines)
    assert any("dB" in line for line in lines)


def losing(lost):
    """What a judge says of 60 clips of which so many are lost."""
    counts = {"source": "clips", "n_found": 60, "n_clips": 60, "n_real": 60, "learned_from": 0, "won": 0, "lost": lost}
    return counts | {"accuracy_float32": 0.9, "accuracy": 0.9 - lost / 60, "same_answer": 1 - lost / 60, "labels": {}}


def test_lost_clips_are_refused_with_the_figures_or_accepted_with_a_warning(make, tmp_path):
    seen, lines = [], []

    def judge(path):
        seen.append(Bundle.load(path).spec.networks.scene.precision)
        return losing(2)

    with pytest.raises(QualityError, match=r"int8 loses 2 of 60 clips net .*over the limit of 1; .* --accept-loss"):
        make(precision="int8", judge=judge, report=lines.append)
    assert seen == ["int8"]
    assert any("in int8 86.7 % (2 lost, 0 won)" in line for line in lines)
    assert list(tmp_path.iterdir()) == []
    spec = make(precision="int8", judge=judge, accept_loss=True).spec
    assert spec.warning == "int8 loses 2 of 60 clips net (2 lost, 0 won), over the limit of 1"
    assert spec.verification["clips"] == losing(2)
    assert make(precision="int8", judge=lambda _: losing(1), force=True).spec.warning == ""


def test_a_head_makes_a_bundle_with_head(make, trained, head_model):
    bundle = make(trained=dataclasses.replace(trained, head=head_model))
    head = bundle.spec.heads.scene
    assert (head.kind, head.n_state) == ("recurrent", 6)
    assert bundle.spec.verification["head"]["probability_difference_max"] < 1e-5
    assert set(signature(bundle.files[HEAD_FILE])["inputs"]) == {"features", "state"}
    assert set(signature(bundle.files[HEAD_FILE])["outputs"]) == {"probabilities", "next_state"}


@pytest.mark.parametrize(("target", "runs_on"), [("cpu", "cpu"), ("edgetpu", "cpu"), ("gpu", "gpu")])
def test_a_bundle_says_which_part_runs_where(make, trained, head_model, monkeypatch, *, target, runs_on):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent.json")
    lines, precision = [], PRECISIONS[target][0]
    spec = make(
        trained=dataclasses.replace(trained, head=head_model), target=target, precision=None, report=lines.append
    ).spec
    parts = spec.verification["parts"]
    assert parts["frame"] == {"precision": precision, "runs_on": runs_on}
    step_ms = parts["head"].pop("step_ms")
    assert 0 < step_ms < 5
    assert parts["head"] == {"precision": "float32", "runs_on": "cpu"}
    assert f"parts: frame {precision} on {runs_on}, head float32 on cpu, {step_ms:.2f} ms a step" in lines


def test_what_is_compiled_for_an_edge_tpu_runs_there(make):
    spec = make(target="edgetpu", precision="int8").spec
    scene = spec.networks.scene.model_copy(update={"files": {"cpu": FRAME_FILE, "edgetpu": EDGETPU_FILE}})
    compiled = spec.model_copy(update={"networks": spec.networks.model_copy(update={"scene": scene})})
    assert parts_of(compiled, "edgetpu", {})["frame"] == {"precision": "int8", "runs_on": "edgetpu"}


def test_a_plan_is_used_again(make, tmp_path):
    kinds = ["float", "static-mse", "static-clip-1e-3", "dynamic", *["float"] * 12]
    lines = []
    bundle = make(precision="mixed", plan=tuple(kinds), report=lines.append)
    assert bundle.spec.verification["plan"] == kinds
    assert not any("search" in line for line in lines)
    with pytest.raises(ConfigurationError, match="another architecture"):
        make(precision="mixed", plan=("float",), out=tmp_path / "other")


def test_what_is_there_stays_without_force(make, tmp_path):
    make(name="first")
    with pytest.raises(ConfigurationError, match="exists"):
        make(name="second")
    assert Bundle.load(tmp_path / "bundle").spec.name == "first"
    assert make(name="second", force=True).spec.name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_path_that_cannot_be_written_is_said_before_the_work(make, tmp_path):
    (tmp_path / "file").write_text("a file")
    lines = []
    with pytest.raises(ConfigurationError, match="Not a directory"):
        make(out=tmp_path / "file" / "bundle", report=lines.append, representative=None)
    assert lines == []


def test_no_room_for_the_exported_model(make, tmp_path, full_disk):
    with full_disk(100), pytest.raises(ConfigurationError, match=r"cannot be written \(File too large.*set TMPDIR"):
        make()
    assert list(tmp_path.iterdir()) == []


def test_a_zip_is_one_file(make, tmp_path):
    bundle = make(out=tmp_path / "small.zip")
    assert Bundle.load(tmp_path / "small.zip").digest == bundle.digest


def black(n):
    return np.zeros((n, 32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"representative": black(0)}, "representative pictures: 0"),
        ({"representative": black(40)}, "of which 0 show more than one colour"),
        ({"held_out": black(40)}, "held-out pictures: 40"),
        ({"representative": np.zeros((20, 32, 32, 3), np.float32)}, "give uint8"),
        ({"held_out": np.zeros((20, 16, 32, 3), np.uint8)}, r"give uint8 \(n, 32, 32, 3\)"),
    ],
)
def test_useless_pictures_are_refused(make, tmp_path, changed, message):
    with pytest.raises(QualityError, match=message) as caught:
        make(**changed)
    assert caught.value.exit_code == 7
    assert list(tmp_path.iterdir()) == []


def test_too_few_pictures_are_refused(make, representative):
    with pytest.raises(QualityError, match="give at least 16"):
        make(representative=representative[:15])


def test_mostly_one_coloured_pictures_are_refused(make, representative):
    with pytest.raises(QualityError, match="240, of which only 16 show more than one colour"):
        make(representative=np.concatenate([black(224), representative[:16]]))
    make(representative=np.concatenate([black(48), representative[:16]]))


def test_copies_of_one_picture_are_refused(make, representative):
    with pytest.raises(QualityError, match="240, of which 1 differ; give at least 16 different ones"):
        make(representative=np.repeat(representative[:1], 240, axis=0))


def test_pictures_on_both_sides_are_refused(make, representative, held_out):
    with pytest.raises(QualityError, match="2 are also among the representative"):
        make(held_out=np.concatenate([held_out, representative[:2]]))


def test_a_model_without_the_two_outputs_is_refused(make, trained):
    import keras

    bare = keras.Model(trained.frame.input, trained.frame.output["features"])
    with pytest.raises(ModelError, match="frame model: its outputs are"):
        make(trained=dataclasses.replace(trained, frame=bare))


def test_a_head_with_other_inputs_is_refused(make, trained):
    import keras

    entry = keras.Input((3,), name="other")
    head = keras.Model(
        entry, {"probabilities": keras.layers.Dense(3)(entry), "next_state": keras.layers.Dense(3)(entry)}
    )
    with pytest.raises(ModelError, match="head: its inputs are named"):
        make(trained=dataclasses.replace(trained, head=head))


def test_what_the_bundle_cannot_say_is_said_before_the_work(make, trained):
    with pytest.raises(ConfigurationError, match=r"^name: "):
        make(name="No Good")
    with pytest.raises(ConfigurationError, match="alerts"):
        make(trained=dataclasses.replace(trained, labels=("normal", "violence")))
