import math
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DatasetError
from trainer.clips.manifest import Clip, Segment, annotated, read_manifest, targets, write_manifest

FALL_AT_1 = Clip(
    Path("a.avi"), "g", frozenset({"fall"}), (Segment("normal", 0, 1), Segment("fall", 1)), "a.avi", "d", timed=True
)


def manifest(folder: Path, *rows: str, header: str = "path,label,group,start_s,end_s,annotates") -> Path:
    path = folder / "manifest.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_rows_of_one_path_make_one_clip(tmp_path, write_clip):
    write_clip(tmp_path / "a.avi", frames=20)
    write_clip(tmp_path / "b.avi")
    path = manifest(tmp_path, "a.avi,normal,room,0,0.8,", "a.avi,fall,room,0.8,,", "b.avi,ADL,hall,,,fall;violence")
    first, second = read_manifest(path)
    assert first.segments == (Segment("normal", 0, 0.8), Segment("fall", 0.8, math.inf))
    assert (first.label, first.group, first.timed, first.annotates) == ("fall", "room", True, {"fall"})
    assert (second.label, second.group, second.timed) == ("normal", "hall", False)
    assert second.annotates == {"fall", "violence"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("gone.avi,fall,,,,", "gone.avi: no such file"),
        ("a.avi,,,,,", "line 2: no label"),
        ("a.avi,fall,,1,9,", "an interval reaches 9 s, the clip ends at 1.5 s"),
        ("a.avi,fall,,9,,", "an interval reaches 9 s"),
        ("a.avi,fall,,1,0.5,", "does not run forwards"),
        ("a.avi,fall,,-1,,", "does not run forwards"),
        ("a.avi,fall,,soon,,", "are seconds"),
        ("a.avi,fall,,nan,,", "does not run forwards"),
    ],
)
def test_a_bad_row_is_refused_in_one_line(tmp_path, write_clip, row, said):
    write_clip(tmp_path / "a.avi")
    path = manifest(tmp_path, row)
    with pytest.raises(DatasetError, match=said) as refusal:
        read_manifest(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("labels", [("fall", "normal"), ("ADL", "fight")])
def test_two_labels_that_contradict_each_other_are_refused(tmp_path, write_clip, labels):
    write_clip(tmp_path / "a.avi", frames=20)
    first, second = labels
    path = manifest(tmp_path, f"a.avi,{first},,,,", "", f"a.avi,{second},,,,")
    with pytest.raises(DatasetError, match=r"manifest\.csv, line 4: a\.avi: is \w+ here and \w+ in line 2; remove one"):
        read_manifest(path)


def test_two_groups_of_one_clip_are_refused(tmp_path, write_clip):
    write_clip(tmp_path / "a.avi", frames=20)
    path = manifest(tmp_path, "a.avi,fall,x,0,1,", "a.avi,fall,,1,,", "a.avi,violence,y,1,,")
    with pytest.raises(DatasetError, match=r"manifest\.csv, line 4: a\.avi: has group 'y' here and 'x' in line 2"):
        read_manifest(path)


def test_labels_that_can_hold_together_and_one_within_another_are_taken(tmp_path, write_clip):
    write_clip(tmp_path / "a.avi", frames=20)
    rows = ("a.avi,fall,,0,1,", "a.avi,violence,,0,1,", "a.avi,normal,,,,", "a.avi,normal,,,,")
    (clip,) = read_manifest(manifest(tmp_path, *rows))
    assert clip.labels_at(0.5) == {"fall", "violence"}


def test_a_missing_column_and_an_empty_manifest_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no column 'label'"):
        read_manifest(manifest(tmp_path, "a.avi,1", header="path,class"))
    with pytest.raises(DatasetError, match="holds no clip"):
        read_manifest(manifest(tmp_path))


def test_what_is_written_is_read_again(tmp_path, write_clip):
    path = write_clip(tmp_path / "clips" / "a.avi", frames=20)
    clip = Clip(
        path, "room", frozenset({"fall", "violence"}), (Segment("normal", 0, 0.5), Segment("fall", 0.5)), timed=True
    )
    write_manifest(tmp_path / "manifest.csv", [clip])
    (again,) = read_manifest(tmp_path / "manifest.csv")
    assert (again.segments, again.group, again.annotates) == (clip.segments, clip.group, clip.annotates)
    assert again.path == path


def test_targets_and_annotations():
    labels = ["normal", "fall", "violence"]
    assert np.array_equal(
        targets(FALL_AT_1, [0.0, 0.99, 1.0, 5.0], labels), [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]]
    )
    assert annotated(FALL_AT_1, labels).tolist() == [0, 1, 0]
    assert annotated(FALL_AT_1, ["normal", "fall"]).tolist() == [1, 1]
    assert FALL_AT_1.start_s("fall") == 1
    assert FALL_AT_1.start_s("violence") is None


AS_SPREADSHEETS_WRITE_THEM = {
    "Excel, German": "\ufeffpath;label\r\nf 1.MOV;fall\r\n\u00fc.mp4;normal\r\n".encode(),
    "Excel, Unicode text": "path\tlabel\r\nf 1.MOV\tfall\r\n\u00fc.mp4\tnormal\r\n".encode("utf-16"),
    "Excel, old": "Path,Label\r\nf 1.MOV,fall\r\n\u00fc.mp4,normal\r\n".encode("cp1252"),
    "macOS": "path,label\nf 1.MOV,fall\nu\u0308.mp4,normal\n".encode(),
    "quoted": b'"path","label"\n"f 1.MOV","fall"\n"\xc3\xbc.mp4","normal"\n',
}


@pytest.mark.parametrize("content", AS_SPREADSHEETS_WRITE_THEM.values(), ids=AS_SPREADSHEETS_WRITE_THEM.keys())
def test_manifests_are_read_as_spreadsheets_write_them(tmp_path, content):
    for name in ("f 1.MOV", "\u00fc.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "m.csv").write_bytes(content)
    assert {clip.name: clip.label for clip in read_manifest(tmp_path / "m.csv")} == {
        "f 1.MOV": "fall",
        "\u00fc.mp4": "normal",
    }


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    path = manifest(tmp_path, "", "", "missing.mp4,fall", header="path,label")
    with pytest.raises(DatasetError, match=r"manifest\.csv, line 4: missing\.mp4: no such file"):
        read_manifest(path)


@pytest.mark.parametrize("name", ["semi", "nfd"])
def test_manifests_that_were_once_refused(cases_dir, tmp_path, name):
    for clip in ("f 1.MOV", "\u00fc.mp4"):
        (tmp_path / clip).touch()
    (tmp_path / "m.csv").write_bytes((cases_dir / "csv" / f"{name}.csv").read_bytes())
    assert [clip.label for clip in read_manifest(tmp_path / "m.csv")] == ["fall", "normal"]
