from collections import Counter
from pathlib import Path

import pytest

from edge.errors import ConfigurationError, DatasetError
from trainer.clips.datasets import read_dataset, read_datasets
from trainer.clips.datasets.gmdcsa24 import fall_start_s
from trainer.clips.datasets.hockey import hockey_sides
from trainer.clips.labels import is_known_class, label_of_class, ordered, parse_positive


def test_folders_with_groups(fights):
    clips = read_dataset(fights)
    assert Counter(clip.label for clip in clips) == {"violence": 5, "normal": 5}
    assert Counter(clip.group for clip in clips) == {f"scene{number}": 2 for number in range(5)}
    assert all(clip.annotates == {"violence"} for clip in clips)
    assert {clip.name for clip in clips} >= {"fight/1.avi", "noFight/0.avi"}


def test_a_folder_without_groups_makes_each_clip_a_group(tmp_path):
    for name in ("yoga/a.avi", "dance/a.avi", "dance/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    clips = read_dataset(tmp_path)
    assert [(clip.label, clip.group) for clip in clips] == [("dance", "dance/a.avi"), ("yoga", "yoga/a.avi")]
    assert clips[0].annotates == {"dance", "yoga"}


def test_hockey_names_make_blocks(tmp_path):
    for name in ("fight/(1).mp4", "fight/(2).mp4", "nofight/(1).mp4", "nofight/(9).mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    rows = ["label,file,original", "fight,(1).mp4,fi5_xvid.avi", "fight,(2).mp4,fi25_xvid.avi"]
    (tmp_path / "name_map.csv").write_text("\n".join([*rows, "nofight,(1).mp4,no7_xvid.avi"]))
    clips = read_dataset(tmp_path)
    assert [clip.group for clip in clips] == ["fi0", "fi1", "no0", "nofight/(9).mp4"]
    names = ("fi5.avi", "fi25.avi", "no7.avi", "nofight/(9).mp4")
    assert [clip.official for clip in clips] == [hockey_sides(name) for name in names]


def test_a_folder_of_normal_footage_annotates_every_event(tmp_path):
    (tmp_path / "normal").mkdir()
    (tmp_path / "normal" / "a.avi").touch()
    (clip,) = read_dataset(tmp_path / "normal")
    assert (clip.label, clip.annotates) == ("normal", {"fall", "violence"})


def test_positive_maps_classes(tmp_path):
    for name in ("brawl/a.avi", "quiet/a.avi", "fight/a.avi"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    clips = read_dataset(tmp_path, parse_positive(["brawl=violence"]))
    assert {clip.name: clip.label for clip in clips} == {
        "brawl/a.avi": "violence",
        "fight/a.avi": "normal",
        "quiet/a.avi": "normal",
    }
    with pytest.raises(ConfigurationError, match="CLASS=LABEL"):
        parse_positive(["brawl"])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "no such folder"),
        (lambda path: path.mkdir(), "holds no video"),
        (lambda path: (path / "fight").mkdir(parents=True), "holds no video"),
        (lambda path: (path.mkdir(), (path / "a.mp4").touch()), "holds videos but no class"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path, make, said):
    make(tmp_path / "set")
    with pytest.raises(DatasetError, match=said):
        read_dataset(tmp_path / "set")


def test_groups_and_folders_must_fit(tmp_path, fights):
    groups = tmp_path / "groups.csv"
    groups.write_text("path,group\nfight/1.avi,a\nfight/gone.avi,a\n")
    with pytest.raises(DatasetError, match=r"fight/gone\.avi: no such file"):
        read_dataset(fights, groups=groups)
    groups.write_text("path,group\nfight/1.avi,a\n")
    with pytest.raises(DatasetError, match="has no group"):
        read_dataset(fights, groups=groups)


def test_a_name_that_no_file_can_have_names_no_file(tmp_path, fights):
    groups = tmp_path / "groups.csv"
    for name in ("x" * 5000, "a\0b"):
        groups.write_text(f"path,group\n{name},a\n")
        with pytest.raises(DatasetError, match="no such file"):
            read_dataset(fights, groups=groups)


def test_groups_that_contradict_each_other_are_refused_with_both_lines(tmp_path, fights):
    groups = tmp_path / "groups.csv"
    rows = (fights / "groups.csv").read_text()
    groups.write_text(f"{rows}\nfight/1.avi,fight,other\n")
    said = r"groups\.csv, line 13: fight/1\.avi: has group 'other' here and 'scene0' in line 3; remove one of them"
    with pytest.raises(DatasetError, match=said):
        read_dataset(fights, groups=groups)
    groups.write_text(f"{rows}fight/1.avi,fight,scene0\n")
    assert read_dataset(fights, groups=groups) == read_dataset(fights)


def test_a_clip_may_not_stand_in_the_data_twice(fights):
    with pytest.raises(DatasetError, match="twice"):
        read_datasets([fights, fights])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("fight", "violence"), ("noFight", "normal"), ("nofight", "normal"), ("Fall", "fall"), ("ADL", "normal"),
        ("non_fall", "normal"), ("NonViolence", "normal"), ("Punching Bag", "punching_bag"), ("noFights", "normal"),
        ("no_fight", "normal"), ("Non-Fighting", "normal"), ("not violent", "normal"), ("without falls", "normal"),
        ("Normal_Videos", "normal"), ("fights", "violence"), ("abnormal", "abnormal"), ("nothing", "nothing"),
        ("notfalse", "notfalse"), ("non_normal", "non_normal"),
    ],
)  # fmt: skip
def test_class_names(name, label):
    assert label_of_class(name) == label
    assert is_known_class(name) == (label in {"normal", "fall", "violence"})


def test_normal_comes_first():
    assert ordered(["violence", "normal", "fall"]) == ["normal", "fall", "violence"]
    assert ordered(["b", "a"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("cell", "start_s"),
    [
        ("Falling (SW)[3.4 to 6]; Sitting[0 to 3.4]", 3.4),
        (" Falling (BW) [0.3 to 5]", 0.3),
        ("Sitting[ 0 to 2.8]; Falling (SW) [ 2.8 to 6]", 2.8),
        ("Falling (SW)[1.8 to 5]:; Walking[0 to 1.8]", 1.8),
        ("Falling (BW[5.9 to 10]", 5.9),
        ("Falling (BW)[2.3 6]", 2.3),
        ("Falling (BW)[2 to 4]; Falling (SW)[4 to 11]", 2.0),
        ("Standing[2.4 to 3.6; 6.6 to 7.9; Fall (FW)[5.2 to 9]", 5.2),
        ("Fall (FW)[0 to 3]", 0.0),
        ("Falling (FW); Sitting[0 to 1.7]", None),
        ("Sleeping[2 to 8]", None),
    ],
)
def test_hand_written_falls(cell, start_s):
    assert fall_start_s(cell) == start_s


def test_gmdcsa24_rows(tmp_path, write_clip):
    for name in ("Fall/01.mp4", "Fall/02.mp4", "ADL/01.mp4"):
        write_clip(tmp_path / "Subject 1" / name.replace("mp4", "avi"), frames=30).rename(tmp_path / "Subject 1" / name)
    header = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"
    (tmp_path / "Subject 1" / "Fall.csv").write_text(
        header + "01.mp4,03,Day,Shirt,falls, Falling (SW)[1.5 to 3]; Standing[0 to 1.5]\n"
        "02.mp4,03,Day,Shirt,falls, Falling (SW)\n09.mp4,03,Day,Shirt,not here,Fall (FW)[0 to 3]"
    )
    (tmp_path / "Subject 1" / "ADL.csv").write_text(header + "01.mp4,03,Day,Shirt,sits,Sitting[0 to 3]; ")
    normal, fall, untimed = read_dataset(tmp_path)
    assert [clip.group for clip in (normal, fall, untimed)] == ["Subject 1"] * 3
    assert (normal.label, fall.start_s("fall"), fall.timed) == ("normal", 1.5, True)
    assert (untimed.label, untimed.timed) == ("fall", False)


def test_real_sets(data_dir):
    counts = {
        "surveillance-fight": ({"violence": 122, "normal": 111}, 36),
        "gmdcsa24": ({"fall": 14, "normal": 9}, 4),
        "hockey-fights": ({"violence": 500, "normal": 497}, None),
        "t2v-bed-fall": ({"fall": 84, "normal": 85}, 169),
        "normal": ({"normal": 2}, 2),
    }
    for name, (labels, n_groups) in counts.items():
        if not (data_dir / name).is_dir():
            pytest.skip(f"no {name} in {data_dir}")
        clips = read_dataset(data_dir / name)
        assert Counter(clip.label for clip in clips) == labels
        assert n_groups is None or len({clip.group for clip in clips}) == n_groups


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_hidden_folders_and_files_are_no_data(tmp_path):
    touched(tmp_path, "fall/1.mp4", "normal/1.mp4", ".Trash/old.mp4", ".thumbnails/t.mp4", "fall/._1.mp4", "._a.mp4")
    assert [clip.name for clip in read_dataset(tmp_path)] == ["fall/1.mp4", "normal/1.mp4"]


def test_a_class_may_have_folders_of_its_own(tmp_path):
    touched(tmp_path, "fall/top.mov", "fall/subject1/b 2.MOV", "normal/subject1/n 1.mp4", "sit/top.mp4", "sit/a/b/1.ts")
    names = [clip.name for clip in read_dataset(tmp_path)]
    assert names == [
        "fall/subject1/b 2.MOV", "fall/top.mov", "normal/subject1/n 1.mp4", "sit/a/b/1.ts", "sit/top.mp4",
    ]  # fmt: skip


def test_folders_of_classes_are_not_taken_for_classes(tmp_path):
    touched(tmp_path, "subject1/fall/1.mp4", "subject1/normal/1.mp4", "subject2/fall/1.mp4")
    with pytest.raises(DatasetError, match="holds no video; it needs one folder per class"):
        read_dataset(tmp_path)


def test_groups_may_spell_letters_with_marks_otherwise_than_the_folder(tmp_path):
    touched(tmp_path, "fall/\u00fc.mp4", "normal/e\u0301.mp4")
    (tmp_path / "groups.csv").write_text("path,group\nfall/u\u0308.mp4,a\nnormal/\u00e9.mp4,b\n", encoding="utf-8")
    assert {clip.name: clip.group for clip in read_dataset(tmp_path)} == {
        "fall/\u00fc.mp4": "a",
        "normal/e\u0301.mp4": "b",
    }


@pytest.mark.parametrize(("name", "n_clips"), [("dataset-hidden", 6), ("dataset-half-nested", 4)])
def test_folders_that_were_once_misread(cases_dir, name, n_clips):
    clips = read_dataset(cases_dir / name)
    assert len(clips) == n_clips
    assert {clip.label for clip in clips} == {"fall", "normal"}
