"""What a bundle may say, and what is refused in one line that names the field."""

import json

import pytest

from edge.bundle import BUILTIN, Bundle
from edge.errors import ModelError
from tests.manifests import manifest, two_networks

FILES = {"frame.tflite": b"scene", "pose.tflite": b"people", "person.tflite": b"person"}
PERSON = {"file": "person.tflite", "n_state": 8, "features_version": 1}


def fields() -> dict:
    """Of a bundle that sees people."""
    found = manifest(FILES, combine={"fall": {"scene": 0.5, "person": 1.0}})
    found["networks"]["people"] = two_networks((32, 32), "rgb", (256, 256))["people"]
    found["heads"]["person"] = dict(PERSON)
    return found


@pytest.fixture
def load(tmp_path):
    """`load(fields)`: the bundle that says so."""

    def loaded(content: dict) -> Bundle:
        for name, file in FILES.items():
            (tmp_path / name).write_bytes(file)
        (tmp_path / "bundle.json").write_text(json.dumps(content))
        return Bundle.load(tmp_path)

    return loaded


def test_networks_heads_and_how_they_combine(load):
    bundle = load(fields())
    spec = bundle.spec
    assert spec.networks.people is not None
    assert (spec.networks.scene.fit, spec.networks.people.fit) == ("squash", "letterbox")
    assert spec.networks.rates_hz == {"scene": (5.0, 4.5), "people": (10.0, 4.0)}
    assert bundle.content(spec.networks.people) == b"people"
    assert bundle.content(spec.networks.people, "edgetpu") is None


def test_a_bundle_may_see_no_people(load):
    spec = load(manifest({"frame.tflite": b"scene"})).spec
    assert (spec.networks.people, spec.heads.person) == (None, None)
    assert list(spec.networks.rates_hz) == ["scene"]


def without(path: str):
    """Forget a field."""

    def change(content: dict) -> None:
        *inner, last = path.split(".")
        for key in inner:
            content = content[key]
        del content[last]

    return change


def having(path: str, value):
    """Say another value."""

    def change(content: dict) -> None:
        *inner, last = path.split(".")
        for key in inner:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (having("format_version", 1), "format_version 1 is not 2; convert the model again"),
        (having("format_version", 3), "format_version 3 is not 2"),
        (without("format_version"), "format_version is missing; convert the model again"),
        (without("networks.scene"), "networks.scene: Field required"),
        (without("networks.people"), "heads.person: goes with networks.people"),
        (without("heads.person"), "heads.person: goes with networks.people"),
        (having("combine.fall", {"person": 1.0, "crowd": 1.0}), "combine.fall.crowd"),
        (having("combine.fall", {"person": 1.5}), "combine.fall.person"),
        (having("combine.fall", {}), "combine: says heads of"),
        (having("combine.violence", {"scene": 1.0}), "combine: says heads of ['fall', 'violence'], alerts are"),
        (having("heads.scene.file", "other.tflite"), "heads.scene: Value error, file: 'other.tflite' does not fit"),
        (having("heads.person.file", "other.tflite"), "files: has"),
        (having("heads.scene.n_state", 3), "heads.scene: Value error, n_state: 3 does not fit kind 'mean'"),
        (having("networks.people.fit", "squash"), "networks.people.fit: Input should be 'letterbox'"),
        (having("networks.people.input.stream", "motion"), "networks.people: Value error, input.stream: is 'motion'"),
        (having("networks.people.files", {}), "networks.people: Value error, files: names none"),
        (having("networks.people.files", {"edgetpu": "pose.tflite"}), "files: has none for the processor"),
        (having("networks.people.least_rate_hz", 20.0), "least_rate_hz 20.0 is over input.rate_hz 10.0"),
        (having("networks.scene.files", {}), "networks.scene.files: names none, and only a head of kind 'window'"),
        (having("thresholds", {"fire": 0.5}), "thresholds: ['fire'] are not among the labels"),
        (having("labels", ["normal", "fall", "fall"]), "labels: ['normal', 'fall', 'fall'] repeat"),
        (having("heads.person.file", "../person.tflite"), "heads.person.file: String should match pattern"),
        (having("files.extra", "0" * 64), "files.extra"),
        (having("surprise", 1), "surprise: Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(load, change, message):
    content = fields()
    change(content)
    with pytest.raises(ModelError) as caught:
        load(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_built_in_bundle_is_whole():
    assert Bundle.load(BUILTIN).spec.labels == ["normal", "fall", "violence"]


def test_a_name_that_no_file_can_have_is_no_bundle(tmp_path):
    with pytest.raises(ModelError, match="File name too long"):
        Bundle.load(tmp_path / ("x" * 300))
    with pytest.raises(ModelError, match="null byte"):
        Bundle.load(tmp_path / "a\0b")
