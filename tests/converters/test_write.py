import json
import zipfile
from datetime import UTC, datetime

import pytest

from converters.write import refuse_existing, sha256, write_bundle
from edge.bundle import Bundle, BundleSpec, InputSpec
from edge.errors import ConfigurationError, ModelError


def spec_of(content, name="a"):
    return BundleSpec(
        format_version=1,
        name=name,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        kind="frame",
        labels=["normal", "fall"],
        input=InputSpec(),
        precision="float32",
        n_features=4,
        window_s=2.0,
        alerts={},
        files={"frame.tflite": sha256(content)},
        verification={},
        provenance={},
    )


def test_the_digest_is_the_known_one():
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_directory_and_zip_hold_the_same(tmp_path):
    for out in (tmp_path / "deep" / "bundle", tmp_path / "bundle.zip"):
        bundle = write_bundle(spec_of(b"model"), {"frame.tflite": b"model"}, out)
        assert bundle.files == {"frame.tflite": b"model"}
    assert json.loads((tmp_path / "deep/bundle/bundle.json").read_text())["name"] == "a"
    assert sorted(zipfile.ZipFile(tmp_path / "bundle.zip").namelist()) == ["bundle.json", "frame.tflite"]


def test_a_bundle_that_the_box_would_refuse_is_never_put_in_place(tmp_path):
    out = tmp_path / "bundle"
    write_bundle(spec_of(b"good"), {"frame.tflite": b"good"}, out)
    with pytest.raises(ModelError):
        write_bundle(spec_of(b"expected", "b"), {"frame.tflite": b"other"}, out, force=True)
    assert Bundle.load(out).spec.name == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_force_replaces(tmp_path, name):
    out = tmp_path / name
    write_bundle(spec_of(b"one"), {"frame.tflite": b"one"}, out)
    with pytest.raises(ConfigurationError, match="--force"):
        write_bundle(spec_of(b"two", "b"), {"frame.tflite": b"two"}, out)
    write_bundle(spec_of(b"two", "b"), {"frame.tflite": b"two"}, out, force=True)
    assert Bundle.load(out).spec.name == "b"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_force_never_replaces_a_directory_that_is_no_bundle(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="not a bundle"):
        refuse_existing(tmp_path / "home", force=True)
