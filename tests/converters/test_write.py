import errno
import json
import tempfile
import zipfile
from pathlib import Path

import pytest

from converters.write import refuse_existing, sha256, telling_refusals, temporary_folder, write_bundle
from edge.bundle import Bundle, BundleSpec
from edge.errors import ConfigurationError, ModelError
from tests.manifests import manifest


def spec_of(content, name="a"):
    return BundleSpec.model_validate(manifest({"frame.tflite": content}, name=name))


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


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_full_disk_leaves_the_old_bundle_and_nothing_else(tmp_path, full_disk, name):
    out, content = tmp_path / name, bytes(range(256)) * 256
    write_bundle(spec_of(b"one"), {"frame.tflite": b"one"}, out)
    message = rf"{name}: cannot be written \(File too large\); make room"
    with full_disk(200), pytest.raises(ConfigurationError, match=message):
        write_bundle(spec_of(content, "b"), {"frame.tflite": content}, out, force=True)
    assert Bundle.load(out).spec.name == "a"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("a file")
    for out, reason in (
        (tmp_path / "file" / "deep" / "bundle", "Not a directory"),
        (Path("/proc/bundles/bundle"), "No such file or directory"),
        (tmp_path / ("a" * 300), "File name too long"),
    ):
        with pytest.raises(ConfigurationError, match=rf"cannot be written \({reason}\); name another folder"):
            refuse_existing(out, force=False)
    refuse_existing(tmp_path / "new" / "bundle", force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_room_for_temporary_files(tmp_path, full_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    with full_disk(0), pytest.raises(ConfigurationError, match="No usable temporary directory"), temporary_folder():
        pass
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with full_disk(2), pytest.raises(ConfigurationError, match="File too large"), temporary_folder() as folder:
        (folder / "model").write_bytes(b"model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")]
)
def test_a_disk_that_takes_no_more(number, said):
    with (
        pytest.raises(ConfigurationError, match=rf"a/b: cannot be written \({said}\); make room"),
        telling_refusals(Path("a/b")),
    ):
        raise OSError(number, "wherever")


def test_other_errors_pass():
    with pytest.raises(FileNotFoundError), telling_refusals(Path("a")):
        raise FileNotFoundError(errno.ENOENT, "gone")
