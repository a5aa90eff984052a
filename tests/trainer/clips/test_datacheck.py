import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.errors import DatasetError
from trainer.cli import main
from trainer.clips.datacheck import check, contents, lines_of
from trainer.clips.datasets import read_dataset
from trainer.clips.splits import TRAIN_ONLY, UNUSED, of_five, official_folds, read_folds, refuse_torn
from trainer.features.seen import people_seen

TWINS = ("fight/a.avi", "normal/again.mp4")


def reencode(source: Path, target: Path) -> None:
    """The same frames at twice the size, by another codec."""
    capture = cv2.VideoCapture(str(source))
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), 10, (128, 96))
    while (answer := capture.read())[0]:
        writer.write(cv2.resize(answer[1], (128, 96)))
    writer.release()
    capture.release()


@pytest.fixture
def messy(tmp_path: Path, write_clip) -> Path:
    """Four clips that differ, one of them once more re-encoded, one broken file, a class spelled in two ways."""
    root = tmp_path / "messy"
    for number, name in enumerate(("fight/a.avi", "Fight /b.avi", "normal/c.avi", "normal/d.avi")):
        write_clip(root / name, lively=True, seed=number)
    reencode(root / "fight" / "a.avi", root / "normal" / "again.mp4")
    (root / "normal" / "broken.avi").write_bytes((root / "normal" / "c.avi").read_bytes()[:200])
    return root


def test_a_report_names_what_is_wrong(messy):
    report = check([messy], {}, None, 1)
    (found,) = report["sets"]
    assert found["recognised_as"] == "one folder per class"
    assert (found["clips"], len(found["groups"])) == (6, 6)
    assert found["labels"] == {"normal": 4, "violence": 2}
    assert found["similar_names"] == [["Fight ", "fight"]]
    assert [item["path"] for item in report["broken"]] == ["messy/normal/broken.avi"]
    assert [pair["clips"] for pair in report["duplicates"]] == [["messy/fight/a.avi", "messy/normal/again.mp4"]]
    assert "1 broken files, 1 pairs" in lines_of(report)[-1]


def test_clips_by_class_split_and_group(tmp_path, write_clip):
    """On the terminal the groups by their sizes, which double; in JSON each with its classes."""
    names = ("train/Fight/a_0.avi", "train/Fight/a_1.avi", "train/NonFight/a_2.avi", "val/Fight/b_0.avi")
    for number, name in enumerate((*names, "val/NonFight/c_0.avi")):
        write_clip(tmp_path / "rwf" / name, lively=True, seed=number)
    report = check([tmp_path / "rwf"], {}, None, 1)
    (found,) = report["sets"]
    both = {"normal": 1, "violence": 1}
    assert found["official"] == {"official": {"test": both, "train": {"normal": 1, "violence": 2}}}
    assert found["groups"] == {"a": {"normal": 1, "violence": 2}, "b": {"violence": 1}, "c": {"normal": 1}}
    lines = lines_of(report)
    assert "  official split official: train 3 (normal 1, violence 2)" in lines
    assert "  3 groups by clips: 2 of 1, 1 of 3; largest a (3), smallest b (1)" in lines


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([2, 2], "2 groups by clips: 2 of 2"),
        ([1, 1, 9, 2, 3, 12, 7], "7 groups by clips: 2 of 1, 2 of 2 to 3, 1 of 7, 2 of 9 to 12; largest 5 (12)"),
    ],
)
def test_groups_by_their_sizes(fights, sizes, said):
    (one, *_) = read_dataset(fights)
    clips = [replace(one, group=str(number)) for number, size in enumerate(sizes) for _ in range(size)]
    empty = {"broken": [], "leaks": [], "few_groups": [], "similar_labels": [], "duplicates": []}
    found = {"path": "set", "recognised_as": "", "remark": "", **contents(clips), "similar_names": []}
    assert lines_of({"sets": [found], **empty})[2].startswith(f"  {said}")


def test_videos_that_are_not_of_the_set(tmp_path, write_clip):
    drawn = write_clip(tmp_path / "drawn.avi")
    for name in (*(f"person{number:02}_boxing_d1_uncomp.avi" for number in range(1, 21)), "mine.avi"):
        (tmp_path / "kth").mkdir(exist_ok=True)
        shutil.copy(drawn, tmp_path / "kth" / name)
    report = check([tmp_path / "kth"], {}, None, 1)
    (found,) = report["sets"]
    assert (found["recognised_as"], found["clips"], found["strays"]) == ("KTH", 20, ("mine.avi",))
    assert "  left out, not named as KTH: mine.avi" in lines_of(report)


def test_scenes_that_are_not_known_are_said(tmp_path, write_clip):
    root = tmp_path / "surveillance"
    names = ("fight/fi001.avi", "fight/fi002.avi", "noFight/nofi001.avi")
    for number, name in enumerate(names):
        write_clip(root / name, lively=True, seed=number)
    report = check([root], {}, None, 1)
    (found,) = report["sets"]
    assert (found["recognised_as"], found["without_group"]) == ("Surveillance Camera Fight", 3)
    assert any("3 clips of no known group: those of one scene" in line for line in lines_of(report))
    (root / "groups.csv").write_text("\n".join(["path,group", *(f"{name},hall" for name in names)]))
    report = check([root], {}, None, 1)
    assert (report["sets"][0]["without_group"], report["broken"]) == (0, [])
    assert not any("no known group" in line for line in lines_of(report))


LISTS = {
    "ucfTrainTestlist/trainlist01.txt": "YoYo/v_YoYo_g01_c01.avi 1\n",
    "ucfTrainTestlist/testlist01.txt": "Punch/v_Punch_g02_c01.avi\n",
    "testTrainMulti_7030_splits/wave_test_split1.txt": "A_wave_f_cm_np1_fr_med_0.avi 2\n",
}


@pytest.fixture
def checked(tmp_path: Path, write_clip, capsys) -> Callable[[Sequence[str]], dict[str, Any]]:
    """`checked(names)`: what the command says of a set with one drawn second under every name, and lists beside it."""
    for name, text in LISTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    drawn = write_clip(tmp_path / "drawn.avi", frames=10, lively=True)

    def report_of(names: Sequence[str]) -> dict[str, Any]:
        for name in names:
            (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(drawn, tmp_path / "set" / name)
        assert main(["data", "check", str(tmp_path / "set"), "--json", "--workers", "1"]) == 0
        return json.loads(capsys.readouterr().out)

    return report_of


@pytest.mark.parametrize(
    ("title", "names", "expected"),
    [
        (
            "UCF50 or UCF101",
            ("YoYo/v_YoYo_g01_c01.avi", "Punch/v_Punch_g02_c01.avi"),
            ({"punch": 1, "yoyo": 1}, {"g01", "g02"}, {"1": {"test": {"punch": 1}, "train": {"yoyo": 1}}}),
        ),
        (
            "UCF-11",
            ("diving/v_diving_01/v_diving_01_01.mpg", "walking/v_walk_dog_25/v_walk_dog_25_01.mpg"),
            ({"diving": 1, "walking": 1}, {"01", "25"}, {}),
        ),
        (
            "HMDB51",
            ("wave/A_wave_f_cm_np1_fr_med_0.avi", "punch/B_punch_f_cm_np1_fr_med_1.avi"),
            ({"punch": 1, "wave": 1}, {"A", "B"}, {"1": {"test": {"wave": 1}}}),
        ),
        (
            "KTH",
            ("person01_boxing_d1_uncomp.avi", "person22_walking_d4_uncomp.avi"),
            (
                {"boxing": 1, "walking": 1},
                {"person01", "person22"},
                {"official": {"test": {"walking": 1}, "train": {"boxing": 1}}},
            ),
        ),
        (
            "UP-Fall",
            ("Subject1Activity5Trial1Camera1.mp4", "Subject2Activity6Trial1Camera2.mp4"),
            ({"fall": 1, "normal": 1}, {"subject1", "subject2"}, {}),
        ),
        (
            "Hockey Fight",
            ("fi1_xvid.avi", "no41_xvid.avi"),
            ({"normal": 1, "violence": 1}, {"fi0", "no2"}, {"random": {"0": {"normal": 1}, "2": {"violence": 1}}}),
        ),
        (
            "dangerous and safe activity (paper 003)",
            tuple(f"0_{number}.mp4" for number in range(1, 5)),
            (
                {"dangerous": 4},
                {f"0_{number}.mp4" for number in range(1, 5)},
                {"random": {"test": {"dangerous": 1}, "train": {"dangerous": 3}}},
            ),
        ),
        (
            "Kinetics",
            ("train/yoga/AAAAAAAAAAA_000010_000020.mp4", "val/slapping/BBBBBBBBBBB_000001_000011.mp4"),
            (
                {"slapping": 1, "yoga": 1},
                {"AAAAAAAAAAA", "BBBBBBBBBBB"},
                {"official": {"train": {"yoga": 1}, "validation": {"slapping": 1}}},
            ),
        ),
    ],
)
def test_published_sets_of_real_clips(checked, title, names, expected):
    (found,) = (report := checked(names))["sets"]
    assert (found["recognised_as"], found["strays"], report["broken"]) == (title, [], [])
    assert (found["labels"], set(found["groups"]), found["official"]) == expected


def test_clips_of_one_group_may_show_the_same(messy):
    (messy / "normal" / "broken.avi").unlink()
    names = [path.relative_to(messy).as_posix() for path in sorted(messy.rglob("*.*"))]
    groups = ["path,group", *(f"{name},{'one' if name in TWINS else name}" for name in names)]
    (messy / "groups.csv").write_text("\n".join(groups))
    assert check([messy], {}, None, 1)["duplicates"] == []


def test_the_command(messy, capsys):
    assert main(["data", "check", str(messy), "--json", "--workers", "1"]) == 6
    assert len(json.loads(capsys.readouterr().out)["broken"]) == 1
    (messy / "normal" / "broken.avi").unlink()
    assert main(["data", "check", str(messy), "--workers", "1"]) == 0
    text = capsys.readouterr().out
    assert "one class in several spellings: Fight , fight" in text
    assert "the same twice (different groups)" in text


def test_labels_in_several_spellings(tmp_path, write_clip, capsys):
    """A manifest: one class in two spellings becomes one label, another in two spellings becomes two."""
    spelled = ("Fight", "fight ", "Punching Bag", "PunchingBag", "Punching Bag", "PunchingBag")
    names = {f"{number}.avi": label for number, label in enumerate(spelled)}
    for number, name in enumerate(names):
        write_clip(tmp_path / "set" / name, lively=True, seed=number)
    rows = ["path,label", *(f"{name},{label}" for name, label in names.items())]
    (tmp_path / "set" / "manifest.csv").write_text("\n".join(rows))
    report = check([tmp_path / "set"], {}, None, 1)
    assert report["sets"][0]["similar_names"] == [["Fight", "fight "], ["Punching Bag", "PunchingBag"]]
    assert report["similar_labels"] == [["punching_bag", "punchingbag"]]
    assert main(["data", "check", str(tmp_path / "set"), "--workers", "1"]) == 0
    assert "labels that differ only in spelling: punching_bag, punchingbag" in capsys.readouterr().out
    folds = ["folds", "--data", str(tmp_path / "set"), "--out", str(tmp_path / "f.csv"), "--leave-one-group-out"]
    assert main(folds) == 0
    assert "trainer: labels punching_bag, punchingbag differ only in spelling" in capsys.readouterr().err


def test_a_class_of_too_few_groups(tmp_path, write_clip):
    for number, name in enumerate(("fight/a.avi", "fight/b.avi", "calm/c.avi")):
        write_clip(tmp_path / "set" / name, lively=True, seed=number)
    report = check([tmp_path / "set"], {}, None, 1)
    assert report["few_groups"] == [{"label": "calm", "groups": 1, "clips": 1, "needed": 2}]
    assert "class calm: 1 clips in 1 group, training needs 2, folds one for each" in lines_of(report)


def test_a_timed_set_with_a_broken_clip_is_read_all_the_same(tmp_path, write_clip):
    write_clip(tmp_path / "a.avi", frames=30)
    (tmp_path / "b.avi").write_bytes(b"no video")
    (tmp_path / "manifest.csv").write_text("path,label,start_s,end_s\na.avi,fall,1,2\nb.avi,fall,1,2\n")
    report = check([tmp_path], {}, None, 1)
    assert [item["path"] for item in report["broken"]] == [f"{tmp_path.name}/b.avi"]


def test_a_group_on_both_sides_of_an_official_split_is_said(tmp_path, write_clip, capsys):
    """It is what the literature reports, so its fold file is written, and read again, as published."""
    root = tmp_path / "rwf"
    names = ("train/Fight/a_0.avi", "train/NonFight/c_0.avi", "val/Fight/a_1.avi", "val/NonFight/b_0.avi")
    for number, name in enumerate(names):
        write_clip(root / name, lively=True, seed=number)
    assert main(["data", "check", str(root), "--workers", "1"]) == 6
    assert "rwf: group a leaks in split official: 1 clips train, 1 test" in capsys.readouterr().out
    out = tmp_path / "folds.csv"
    assert main(["folds", "--data", str(root), "--out", str(out), "--official", "official"]) == 0
    said = "rwf: split official as published has 1 group on both sides (1 of 2 judged clips)"
    assert said in capsys.readouterr().err
    clips = read_dataset(root)
    assert read_folds(out, clips) == [TRAIN_ONLY, TRAIN_ONLY, 0, 0]
    out.write_text(out.read_text().replace("b,0", "b,1"))
    with pytest.raises(DatasetError, match="group a stands in folds -1 and 0"):
        read_folds(out, clips)


def test_duplicates_across_an_official_split(tmp_path, write_clip):
    """One source video on both sides of RWF-2000's folders: named for the split that it spoils."""
    root = tmp_path / "rwf"
    write_clip(root / "train" / "Fight" / "source_0.avi", lively=True, seed=1)
    (root / "val" / "Fight").mkdir(parents=True)
    shutil.copy(root / "train" / "Fight" / "source_0.avi", root / "val" / "Fight" / "source_1.avi")
    report = check([root], {}, None, 1)
    assert report["sets"][0]["official"] == {"official": {"test": {"violence": 1}, "train": {"violence": 1}}}
    assert [pair["apart"] for pair in report["duplicates"]] == ["split official: train and test"]


def test_official_folds(tmp_path, capsys):
    root = tmp_path / "kth"
    root.mkdir()
    for person in (1, 2, 11):
        (root / f"person{person:02}_boxing_d1_uncomp.avi").touch()
    clips = read_dataset(root)
    assert official_folds(clips, "official") == [TRAIN_ONLY, 0, TRAIN_ONLY]
    out = tmp_path / "folds.csv"
    assert main(["folds", "--data", str(root), "--out", str(out), "--official", "official"]) == 0
    assert "3 clips in 1 folds, 1 of them judged" in capsys.readouterr().out
    assert [line.split(",")[-1] for line in out.read_text().splitlines()[1:]] == ["-1", "0", "-1"]
    assert main(["folds", "--data", str(root), "--out", str(out), "--official", "3"]) == 6
    assert "the data knows official" in capsys.readouterr().err


def test_clips_that_a_split_leaves_out(tmp_path):
    root = tmp_path / "hmdb"
    names = [f"wave/A{n}_wave_f_cm_np1_fr_med_0.avi" for n in range(3)]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    rows = [f"{name.split('/')[1]} {code}" for name, code in zip(names, (2, 1, 0), strict=True)]
    (root / "wave_test_split1.txt").write_text("\n".join(rows))
    clips = read_dataset(root)
    assert official_folds(clips, "1") == [0, TRAIN_ONLY, UNUSED]
    one_film = [replace(clip, group="film") for clip in clips[1:]]
    refuse_torn("hmdb", one_film, [TRAIN_ONLY, UNUSED])  # what is not used cannot leak


def test_of_every_five_the_fifth(tmp_path):
    for name in [f"yoga/{n}.avi" for n in range(7)] + [f"dance/{n}.avi" for n in range(5)]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    clips = read_dataset(tmp_path)
    judged = [clip.name for clip, fold in zip(clips, of_five(clips), strict=True) if fold == 0]
    assert judged == ["dance/4.avi", "yoga/4.avi"]
    with pytest.raises(DatasetError, match="class dance: 4 clips, of which no fifth one can be judged"):
        of_five(clips[1:])


def test_clips_in_which_nobody_is_found_are_counted_and_named(messy, capsys):
    """Squares on noise are no people; the broken clip is not asked."""
    assert main(["data", "check", str(messy), "--workers", "1", "--json"]) == DatasetError.exit_code
    people = json.loads(capsys.readouterr().out)["people"]
    assert (people["clips"], people["with_people"]) == (5, 0)
    assert people["labels"] == {
        "normal": {"clips": 3, "with_people": 0}, "violence": {"clips": 2, "with_people": 0},
    }  # fmt: skip
    assert "messy/normal/c.avi" in people["without"]
    assert "messy/normal/broken.avi" not in people["without"]


def test_of_people_a_few_clips_are_named(messy):
    def look(_):
        return {
            "looks": 8, "clips": 9, "with_people": 2, "labels": {"fall": {"clips": 9, "with_people": 2}},
            "without": [f"set/fall/{number}.avi" for number in range(7)],
        }  # fmt: skip

    (line,) = (line for line in lines_of(check([messy], {}, None, 1, look)) if line.startswith("people: "))
    assert "in 2 of 9 clips, looking at most 8 times at each: fall 2 of 9; none in set/fall/0.avi, " in line
    assert line.endswith("set/fall/4.avi and 2 more")


def test_people_of_real_clips_are_found(data_dir):
    clips = read_dataset(data_dir / "gmdcsa24")[:2]
    people = people_seen(clips, 1)
    assert (people["with_people"], people["without"]) == (2, [])
