"""Published sets by the names that they have: tiny trees laid out as each is, and real files where they lie."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import DatasetError
from trainer.clips.datasets import identify, read_dataset, read_datasets
from trainer.clips.datasets.folders import read_class_folders
from trainer.clips.manifest import Clip
from trainer.clips.splits import TRAIN_ONLY, official_folds

Lay = Callable[..., Path]


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    """`lay(names..., lists={})`: empty files of these names in a folder `set`, and lists of these texts beside it."""

    def make(*names: str, lists: dict[str, str] | None = None) -> Path:
        for name in names:
            (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / name).touch()
        for name, text in (lists or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path / "set"

    return make


def rows(clips: list[Clip]) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    return [(clip.label, clip.group, tuple((split, side) for split, side in clip.official)) for clip in clips]


def test_ucf101_with_its_lists(lay):
    names = ["v_Basketball_g01_c01.avi", "v_Basketball_g08_c01.avi"]
    root = lay(
        *(f"Basketball/{name}" for name in names),
        "YoYo/v_YoYo_g25_c05.avi",
        lists={
            "ucfTrainTestlist/trainlist01.txt": "Basketball/v_Basketball_g08_c01.avi 8\n",
            "ucfTrainTestlist/testlist01.txt": "Basketball/v_Basketball_g01_c01.avi\n",
            "ucfTrainTestlist/testlist02.txt": "Basketball/v_Basketball_g08_c01.avi\n",
            "ucfTrainTestlist/classInd.txt": "8 Basketball\n",
        },
    )
    assert identify(root)[0] == "UCF50 or UCF101"
    assert rows(read_dataset(root)) == [
        ("basketball", "g01", (("1", "test"),)),
        ("basketball", "g08", (("1", "train"), ("2", "test"))),
        ("yoyo", "g25", ()),
    ]


def test_ucf11_has_25_groups_across_its_classes(lay):
    root = lay(
        "basketball/v_shooting_01/v_shooting_01_01.mpg",
        "basketball/v_shooting_01/v_shooting_01_02.mpg",
        "walking/v_walk_dog_25/v_walk_dog_25_01.mpg",
    )
    assert identify(root)[0] == "UCF-11"
    assert rows(read_dataset(root)) == [("basketball", "01", ())] * 2 + [("walking", "25", ())]


def test_hmdb51_with_its_three_splits(lay):
    names = [
        "cartwheel/(Rad)Schlag_die_Bank!_cartwheel_f_cm_np1_le_med_0.avi",
        "cartwheel/(Rad)Schlag_die_Bank!_cartwheel_f_cm_np1_le_med_3.avi",
        "ride_bike/Lord_Of_War_ride_bike_l_nm_np2_fr_goo_12.avi",
    ]
    said = "(Rad)Schlag_die_Bank!_cartwheel_f_cm_np1_le_med_0.avi {} \n"
    place = "testTrainMulti_7030_splits/cartwheel_test_split"
    root = lay(*names, lists={f"{place}{number}.txt": said.format(code) for number, code in enumerate((1, 2, 0), 1)})
    assert identify(root)[0] == "HMDB51"
    assert rows(read_dataset(root)) == [
        ("cartwheel", "(Rad)Schlag_die_Bank!", (("1", "train"), ("2", "test"), ("3", "unused"))),
        ("cartwheel", "(Rad)Schlag_die_Bank!", ()),
        ("ride_bike", "Lord_Of_War", ()),
    ]


def test_a_list_that_says_something_else_is_refused(lay):
    name = "cartwheel/A_cartwheel_f_cm_np1_le_med_0.avi"
    place = "testTrainMulti_7030_splits/cartwheel_test_split1.txt"
    root = lay(name, lists={place: "A_cartwheel_f_cm_np1_le_med_0.avi 7\n"})
    with pytest.raises(DatasetError, match=r"cartwheel_test_split1\.txt, line 1: ends in '7'"):
        read_dataset(root)


def test_kth_by_persons_and_sequences(lay):
    root = lay(
        "person01_boxing_d1_uncomp.avi",
        "walking/person22_walking_d4_uncomp.avi",
        lists={"set/00sequences.txt": "Info\nperson01_boxing_d1\t\tframes\t1-95, 96-185\n"},
    )
    assert identify(root)[0] == "KTH"
    clips = read_dataset(root)
    assert rows(clips) == [
        ("boxing", "person01", (("official", "train"),)),
        ("walking", "person22", (("official", "test"),)),
    ]
    assert [(segment.start_s, segment.end_s) for segment in clips[0].segments] == [(0.0, 3.8), (3.8, 7.4)]
    persons = [f"person{number:02}_boxing_d1_uncomp.avi" for number in range(1, 26)]
    sides = [dict(clip.official)["official"] for clip in read_dataset(lay(*persons)) if "boxing_d1" in clip.name]
    assert (sides.count("train"), sides.count("test")) == (16, 9)


def test_rwf2000_keeps_its_folders_apart(lay):
    root = lay("train/Fight/a-b_c_0.avi", "train/NonFight/x_1.avi", "val/Fight/a-b_c_3.avi", "val/NonFight/y_0.avi")
    assert identify(root)[0] == "RWF-2000"
    assert rows(read_dataset(root)) == [
        ("violence", "a-b_c", (("official", "train"),)),
        ("normal", "x", (("official", "train"),)),
        ("violence", "a-b_c", (("official", "test"),)),
        ("normal", "y", (("official", "test"),)),
    ]


@pytest.mark.parametrize(
    ("names", "title", "expected"),
    [
        (
            ("fi1_xvid.avi", "no41_xvid.avi"),
            "Hockey Fight",
            [("violence", "fi0", (("random", "2"),)), ("normal", "no2", (("random", "0"),))],
        ),
        (
            ("adl-02-cam0.mp4", "fall-01-cam0.mp4", "fall-01-cam1.mp4"),
            "URFD",
            [("normal", "adl-02", ()), ("fall", "fall-01", ()), ("fall", "fall-01", ())],
        ),
        (
            ("Subject1Activity5Trial1Camera1.mp4", "Subject1Activity6Trial1Camera1.mp4"),
            "UP-Fall",
            [("fall", "subject1", ()), ("normal", "subject1", ())],
        ),
        (
            ("0_1.mp4", "1_12.mp4"),
            "dangerous",
            [("dangerous", "0_1.mp4", (("random", "train"),)), ("normal", "1_12.mp4", (("random", "train"),))],
        ),
    ],
)
def test_sets_that_are_names_alone(lay, names, title, expected):
    root = lay(*names)
    assert identify(root)[0].startswith(title)
    clips = read_dataset(root)
    assert rows(clips) == expected
    assert {label for clip in clips for label in clip.annotates} == {expected[0][0], expected[-1][0]} - {"normal"}


def test_paper_003_tests_on_a_quarter_of_each_class(lay):
    """Whichever container the clips have, and by the digests that the standard tool prints."""
    root = lay(*(f"0_{number}.mp4" for number in range(1, 9)), *(f"1_{number}.avi" for number in range(1, 22)))
    clips = read_dataset(root)
    tested = {clip.name for clip in clips if clip.official == (("random", "test"),)}
    assert Counter(clip.label for clip in clips if clip.name in tested) == {"dangerous": 2, "normal": 5}
    assert {name for name in tested if name.startswith("0")} == {"0_1.mp4", "0_7.mp4"}
    assert set(official_folds(clips, "random")) == {0, TRAIN_ONLY}
    (root / "0_1.mp4").rename(root / "0_1.mkv")
    again = {clip.name for clip in read_dataset(root) if clip.official == (("random", "test"),)}
    assert {Path(name).stem for name in again} == {Path(name).stem for name in tested}


def urfd(folder: Path, write_clip) -> Path:
    """Two falls, one of them seen by both cameras, and a daily activity; 20 frames a second."""
    for number, name in enumerate(("fall-01-cam0", "fall-01-cam1", "fall-02-cam0-rgb", "adl-01-cam0")):
        write_clip(folder / f"{name}.avi", frames=40, rate_hz=20, seed=number)
    return folder


def test_urfd_by_its_tables_of_frames(tmp_path, write_clip):
    """The tables as they are published: no header, frames without a person left out, further figures in each row."""
    root = urfd(tmp_path / "urfd", write_clip)
    falls = ["fall-01,1,-1,0.5,1", "fall-01,3,-1,0.5,1", "fall-01,11,0,0.9,1", "fall-01,12,1,0.9,1", "fall-02,1,-1,2,1"]
    (root / "urfall-cam0-falls.csv").write_text("\n".join(falls) + "\n")
    (tmp_path / "urfall-cam0-adls.csv").write_text("adl-01,1,-1,0.5,1\nadl-01,30,1,0.5,1\n")
    assert identify(root)[0] == "URFD"
    activity, fall, from_above, unmarked = read_dataset(root)
    assert (fall.name, fall.start_s("fall"), fall.timed) == ("fall-01-cam0.avi", 0.5, True)
    assert fall.labels_at(0.4) == {"normal"}
    assert fall.labels_at(1.9) == {"fall"}
    assert (activity.label, activity.timed) == ("normal", True)
    for clip in (from_above, unmarked):
        assert (clip.label, clip.start_s("fall"), clip.timed) == ("fall", 0.0, False)


@pytest.mark.parametrize("row", ["fall-01,1,2,0.5", "fall-01,frame,0", "fall-01", "fall-01,1,"])
def test_a_table_of_urfd_that_says_something_else_is_refused(tmp_path, write_clip, row):
    root = urfd(tmp_path, write_clip)
    (root / "urfall-cam0-falls.csv").write_text(f"fall-01,1,-1\n{row}\n")
    with pytest.raises(DatasetError, match=r"urfall-cam0-falls\.csv, line 2: is not sequence, number of the frame"):
        read_dataset(root)


def test_le2i_by_frames(tmp_path, write_clip):
    place = tmp_path / "le2i" / "Home_01"
    for number in (1, 2, 3):
        write_clip(place / "Videos" / f"video ({number}).avi", frames=60, rate_hz=25, seed=number)
    notes = place / "Annotation_files"
    notes.mkdir()
    (notes / "video (1).txt").write_text("26\n50\n1,1,0,0,0,0\n")
    (notes / "video (2).txt").write_text("1,1,0,0,0,0\n2,1,0,0,0,0\n")
    assert identify(tmp_path / "le2i")[0] == "Le2i"
    fall, calm = read_dataset(tmp_path / "le2i")
    assert (fall.label, fall.start_s("fall"), fall.group) == ("fall", 1.0, "Home_01")
    assert (calm.label, calm.timed) == ("normal", True)


def test_kinetics_by_its_csv(tmp_path, write_clip):
    head = "label,youtube_id,time_start,time_end,split\n"
    lines = [
        "slapping,AAAAAAAAAAA,10,20,train",
        "slapping,BBBBBBBBBBB,1,2,validate",
        "yoga,AAAAAAAAAAA,30,40,test",
        "yoga,CCCCCCCCCCC,0,10,test",
    ]
    (tmp_path / "kinetics700.csv").write_text(head + "\n".join(lines))
    write_clip(tmp_path / "clips" / "AAAAAAAAAAA_000010_000020.avi")
    write_clip(tmp_path / "clips" / "AAAAAAAAAAA_000030_000040.avi")
    write_clip(tmp_path / "clips" / "BBBBBBBBBBB.avi", frames=40)
    assert identify(tmp_path / "kinetics700.csv")[0] == "Kinetics"
    clips = read_dataset(tmp_path / "kinetics700.csv")
    assert rows(clips) == [
        ("slapping", "AAAAAAAAAAA", (("official", "train"),)),
        ("yoga", "AAAAAAAAAAA", (("official", "test"),)),
        ("slapping", "BBBBBBBBBBB", (("official", "validation"),)),
    ]
    assert [(clip.timed, clip.segments[0].start_s) for clip in clips] == [(False, 0.0), (False, 0.0), (True, 1.0)]
    (tmp_path / "kinetics700.csv").write_text(head + lines[3])
    with pytest.raises(DatasetError, match="no clip of it lies below"):
        read_dataset(tmp_path / "kinetics700.csv")


DANGER = {
    "punching bag": "punching_bag",
    "punching person (boxing)": "punching_person_boxing",
    "slapping": "slapping",
    "throwing knife": "throwing_knife",
    "walking through snow": "walking_through_snow",
}


def test_danger_kinetics_is_five_classes_of_kinetics(lay):
    """Paper 000, section 4.2; the CSV is the published one, which names all 700 classes, under another name."""
    names = [*DANGER, "yoga"]
    ids = [f"{number:011}" for number in range(len(names))]
    lines = [f"{name},{film},10,20,train" for name, film in zip(names, ids, strict=True)]
    text = "\n".join(["label,youtube_id,time_start,time_end,split", *lines])
    root = lay(
        *(f"{film}_000010_000020.mp4" for film in ids),
        lists={"set/danger-kinetics.csv": text, "set/kinetics700.csv": text},
    )
    assert identify(root / "danger-kinetics.csv")[0] == "Danger Kinetics (paper 000)"
    clips = read_dataset(root / "danger-kinetics.csv")
    assert [clip.label for clip in clips] == list(DANGER.values())
    assert clips[0].annotates == set(DANGER.values())
    assert len(read_dataset(root / "kinetics700.csv")) == 6


def test_kinetics_in_folders(lay):
    root = lay(
        "train/slapping/-a_AAAAAAAA_000010_000020.mp4",
        "train/yoga/-a_AAAAAAAA_000030_000040.mp4",
        "val/slapping/BBBBBBBBBBB_000001_000011.mp4",
        "val/punching person (boxing)/CCCCCCCCCCC_000001_000011.mp4",
    )
    assert identify(root)[0] == "Kinetics"
    assert rows(read_dataset(root)) == [
        ("slapping", "-a_AAAAAAAA", (("official", "train"),)),
        ("yoga", "-a_AAAAAAAA", (("official", "train"),)),
        ("punching_person_boxing", "CCCCCCCCCCC", (("official", "validation"),)),
        ("slapping", "BBBBBBBBBBB", (("official", "validation"),)),
    ]
    assert rows(read_dataset(root / "train"))[0] == ("slapping", "-a_AAAAAAAA", ())


def test_surveillance_camera_fight_with_its_scenes(lay):
    root = lay("fight/fi001.mp4", "fight/fi002.mp4", "noFight/nofi001.mp4")
    assert identify(root)[0] == "Surveillance Camera Fight"
    assert rows(read_dataset(root)) == [
        ("violence", "fight/fi001.mp4", ()),
        ("violence", "fight/fi002.mp4", ()),
        ("normal", "noFight/nofi001.mp4", ()),
    ]
    scenes = "path,group\nfight/fi001.mp4,a\nfight/fi002.mp4,b\nnoFight/nofi001.mp4,a\n"
    lay(lists={"set/groups.csv": scenes})
    assert identify(root)[0] == "Surveillance Camera Fight"
    clips = read_dataset(root)
    assert [clip.group for clip in clips] == ["a", "b", "a"]
    assert all(clip.annotates == {"violence"} for clip in clips)


def test_the_real_surveillance_camera_fight(data_dir):
    """Clip by clip what its folders and groups.csv say."""
    root = data_dir / "surveillance-fight"
    if not root.is_dir():
        pytest.skip(f"no surveillance-fight at {root}")
    found = identify(root)
    assert (found.title, found.strays) == ("Surveillance Camera Fight", ())
    assert read_dataset(root) == read_class_folders(root)


def test_names_do_not_overrule_groups_that_are_given(lay):
    names = ("person01_boxing_d1_uncomp.avi", "person02_boxing_d1_uncomp.avi")
    root = lay(*names, lists={"set/groups.csv": f"path,group\n{names[0]},a\n{names[1]},a\n"})
    assert identify(root)[0] == "KTH"
    assert rows(read_dataset(root)) == [
        ("boxing", "a", (("official", "train"),)),
        ("boxing", "a", (("official", "test"),)),
    ]
    lay(lists={"elsewhere.csv": f"path,group\n{names[0]},b\n"})
    with pytest.raises(DatasetError, match=r"person02_boxing_d1_uncomp\.avi: has no group"):
        read_dataset(root, groups=root.parent / "elsewhere.csv")


def hmdb51(n_clips: int) -> list[str]:
    return [f"wave/A{number}_wave_f_cm_np1_fr_med_0.avi" for number in range(n_clips)]


def test_one_stray_in_twenty_is_left_out_and_named(lay, capsys):
    """The rest keeps its groups and splits."""
    root = lay(*hmdb51(19), "wave/mine.mp4", "notes.txt", lists={"wave_test_split1.txt": ""})
    found = identify(root)
    assert (found.title, found.strays) == ("HMDB51", ("wave/mine.mp4",))
    clips = read_datasets([root])
    assert sorted(clip.group for clip in clips) == sorted(f"A{number}" for number in range(19))
    assert f"trainer: {root}: left out, not named as HMDB51: wave/mine.mp4\n" == capsys.readouterr().err


def test_a_folder_with_more_strays_is_no_set_but_they_are_named(lay, capsys):
    strays = [f"wave/mine{number}.mp4" for number in range(11, 23)]
    root = lay(*hmdb51(19), *strays)
    found = identify(root)
    assert (found.title, found.named_after, found.strays) == ("one folder per class", "HMDB51", tuple(strays))
    assert len(read_datasets([root])) == 31
    said = capsys.readouterr().err
    assert "most videos are named as HMDB51, too few to be read as it" in said
    assert "move away or rename wave/mine11.mp4" in said
    assert "wave/mine20.mp4 and 2 more (data check --json names all)\n" in said
    assert identify(lay(*(f"wave/mine{number}.mp4" for number in range(30, 38)))).remark == ""


def test_a_stray_that_hides_a_set_of_files_is_named_in_the_refusal(lay):
    root = lay(*(f"fi{number}_xvid.avi" for number in range(9)), "fi9_copy.avi")
    with pytest.raises(
        DatasetError, match=r"holds videos but no class; .* named as Hockey Fight.* rename fi9_copy\.avi"
    ):
        read_dataset(root)


def test_the_real_names_of_three_sets(data_dir, tmp_path):
    """Linked into folders of their own: UCF101, HMDB51 and, with a CSV, Kinetics."""
    samples = data_dir / "action-samples"
    if not samples.is_dir():
        pytest.skip(f"no action-samples at {samples}")
    places = {"v_*_g*_c*.avi": "ucf", "*_np?_*.avi": "hmdb", "???????????.mp4": "kinetics"}
    for pattern, place in places.items():
        (tmp_path / place).mkdir()
        for path in samples.glob(pattern):
            (tmp_path / place / path.name.removeprefix("hmdb51_")).symlink_to(path)
    assert rows(read_dataset(tmp_path / "ucf")) == [("soccerjuggling", "g23", ()), ("soccerjuggling", "g24", ())]
    assert rows(read_dataset(tmp_path / "hmdb")) == [
        ("wave", "RATRACE", ()),
        ("wave", "SchoolRulesHowTheyHelpUs", ()),
        ("wave", "TrumanShow", ()),
        ("cartwheel", "Turnk_r_Pippi_Michel", ()),
    ]
    table = tmp_path / "kinetics.csv"
    table.write_text("label,youtube_id,time_start,time_end,split\narchery,R6llTwEh07w,2,12,train\n")
    (clip,) = read_dataset(table)
    assert (clip.label, clip.name) == ("archery", "kinetics/R6llTwEh07w.mp4")
