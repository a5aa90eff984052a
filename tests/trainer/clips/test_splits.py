from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import DatasetError
from trainer.clips.manifest import Clip, Segment
from trainer.clips.splits import (
    TRAIN_ONLY,
    UNUSED,
    Split,
    assign_folds,
    hold_out,
    leave_one_group_out,
    of_five,
    official_folds,
    official_split,
    read_folds,
    refuse_few_groups,
    refuse_unlearned_folds,
    split_validation,
    torn_splits,
    ungrouped_folds,
    write_folds,
)

FOLDS = Path(__file__).resolve().parents[3] / "trainer" / "clips" / "folds"


def clip(number: int, group: str, label: str = "normal") -> Clip:
    return Clip(Path(f"{number}.avi"), group, frozenset({"fall"}), (Segment(label),), f"{number}.avi", "set")


def balanced(n_groups: int, per_group: int) -> list[Clip]:
    return [
        clip(number, f"g{number % n_groups}", "fall" if number // n_groups % 2 else "normal")
        for number in range(n_groups * per_group)
    ]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=12, max_size=40), st.integers(0, 5))
def test_groups_stay_whole(rows, seed):
    clips = [clip(number, f"g{group}", "fall" if fall else "normal") for number, (group, fall) in enumerate(rows)]
    if len({c.group for c in clips}) < 3:
        with pytest.raises(DatasetError, match="cannot make 3 folds"):
            assign_folds(clips, 3, seed)
        return
    folds_of = defaultdict(set)
    for item, fold in zip(clips, assign_folds(clips, 3, seed), strict=True):
        folds_of[item.group].add(fold)
    assert all(len(folds) == 1 for folds in folds_of.values())


def test_folds_are_balanced_and_repeat():
    clips = balanced(10, 4)
    folds = assign_folds(clips, 5, seed=3)
    assert folds == assign_folds(clips, 5, seed=3)
    assert Counter(folds) == dict.fromkeys(range(5), 8)
    assert Counter((fold, item.label) for fold, item in zip(folds, clips, strict=True)).most_common()[-1][1] == 4


def test_a_group_on_both_sides_is_refused():
    with pytest.raises(DatasetError, match="group g1 stands on both sides"):
        Split([clip(1, "g0"), clip(2, "g1")], [clip(3, "g1")])


def sided(number: int, group: str, side: str) -> Clip:
    return replace(clip(number, group), official=(("1", side),))


def test_an_official_split_is_used_as_published_and_its_torn_groups_counted():
    clips = [sided(1, "a", "train"), sided(2, "a", "test"), sided(3, "a", "test"), sided(4, "b", "test")]
    clips += [sided(5, "b", "unused"), sided(6, "c", "train")]
    folds = official_folds(clips, "1")
    assert official_split(clips, folds) == "1"
    (torn,) = torn_splits(clips, folds)
    assert (torn.split, torn.n_groups, torn.n_clips, torn.n_judged) == ("1", 1, 2, 3)
    assert "set: split 1 as published has 1 group on both sides (2 of 3 judged clips)" in str(torn)
    own = [*folds[:-1], 0]
    assert official_split(clips, own) is None
    assert torn_splits(clips, own) == []


def test_random_folds_of_a_set_judge_every_clip_and_tell_what_they_tear(tmp_path):
    clips = [replace(clip(number, f"g{number // 3}"), official=(("random", str(number % 2)),)) for number in range(6)]
    clips.append(clip(6, "g2"))
    folds = official_folds(clips, "random")
    assert folds == [0, 1, 0, 1, 0, 1, -2]
    (torn,) = torn_splits(clips, folds)
    assert (torn.split, torn.n_groups, torn.n_clips, torn.n_judged) == ("random", 2, 6, 6)
    write_folds(tmp_path / "folds.csv", clips, folds)
    assert read_folds(tmp_path / "folds.csv", clips) == folds
    with pytest.raises(DatasetError, match="--official random: no clips of it on both sides"):
        official_folds([clips[0], clips[2], clips[6]], "random")


def test_plain_folds_are_even_and_tell_what_they_tear(tmp_path):
    clips = balanced(4, 6)
    folds = ungrouped_folds(clips, 3, seed=1)
    assert folds == ungrouped_folds(clips, 3, seed=1) != ungrouped_folds(clips, 3, seed=2)
    of_label = Counter((item.label, fold) for item, fold in zip(clips, folds, strict=True))
    assert set(of_label.values()) == {4}
    (torn,) = torn_splits(clips, folds, {"set"})
    assert (torn.split, torn.n_groups, torn.n_clips, torn.n_judged) == ("ungrouped", 4, 24, 24)
    assert str(torn).startswith("set: split ungrouped has 4 groups on both sides (24 of 24 judged clips): figures on")
    write_folds(tmp_path / "plain.csv", clips, folds, ungrouped=True)
    assert read_folds(tmp_path / "plain.csv", clips) == folds
    write_folds(tmp_path / "unsaid.csv", clips, folds)
    with pytest.raises(DatasetError, match="stands in folds"):
        read_folds(tmp_path / "unsaid.csv", clips)
    with pytest.raises(DatasetError, match="class fall: 12 clips cannot be in each of 13 folds"):
        ungrouped_folds(clips, 13, seed=0)


def test_the_split_of_paper_004_is_one_too():
    """Of every five clips the fifth, whatever group it is of."""
    clips = [clip(number, f"g{number // 3}") for number in range(10)]
    (torn,) = torn_splits(clips, of_five(clips))
    assert (torn.split, torn.n_groups, torn.n_clips, torn.n_judged) == ("of-five", 1, 1, 2)


def test_validation_is_a_fifth_in_whole_groups():
    split = split_validation(balanced(10, 4), seed=0)
    assert len(split.held_out) == 8
    assert not {item.group for item in split.train} & {item.group for item in split.held_out}
    with pytest.raises(DatasetError, match="one group"):
        split_validation([clip(1, "g"), clip(2, "g", "fall")], seed=0)


def test_a_class_of_too_few_groups_is_refused_with_the_sum():
    clips = [*balanced(6, 4), clip(98, "g0", "brawl"), clip(99, "g0", "brawl")]
    with pytest.raises(DatasetError, match="class brawl: 2 clips in 1 group, but clips to learn from and clips to cho"):
        split_validation(clips, seed=0)
    refuse_few_groups(clips[:-2], 6, "6 folds")
    with pytest.raises(DatasetError, match="class brawl: 2 clips in 1 group, but 6 folds need at least 6, since"):
        refuse_few_groups(clips, 6, "6 folds")


def test_a_class_that_is_judged_and_not_learned_is_refused_with_the_sum():
    alone = [clip(98, "g9", "brawl"), clip(99, "g9", "brawl")]
    clips = [*balanced(6, 4), *alone]
    refuse_unlearned_folds(clips[:-2], leave_one_group_out(clips[:-2]))
    with pytest.raises(DatasetError, match="class brawl: fold 6 judges its 2 clips in 1 group, and 0 clips outside"):
        refuse_unlearned_folds(clips, leave_one_group_out(clips))
    refuse_unlearned_folds(clips, [0] * 12 + [1] * 12 + [TRAIN_ONLY] * 2)
    with pytest.raises(DatasetError, match="class brawl: fold 1 judges its 1 clip in 1 group"):
        refuse_unlearned_folds(clips, [0] * 12 + [1] * 12 + [1, UNUSED])
    within = replace(clip(97, "g1"), segments=(Segment("normal"), Segment("brawl", 1.0)))
    refuse_unlearned_folds([*clips, within], [0] * 12 + [1] * 14 + [0])


def test_a_share_is_held_out_in_whole_groups():
    clips = balanced(12, 4)
    split = hold_out(clips, 0.25, seed=1)
    assert (len(split.train), len(split.held_out)) == (36, 12)
    assert split == hold_out(clips, 0.25, seed=1)
    with pytest.raises(
        DatasetError, match="class fall: 4 clips in 2 groups, but clips to learn from, to choose by and"
    ):
        hold_out(balanced(2, 4), 0.25, seed=1)


def test_one_group_a_fold():
    assert leave_one_group_out([clip(1, "b"), clip(2, "a"), clip(3, "b")]) == [1, 0, 1]


def test_fold_files(tmp_path):
    clips = balanced(4, 2)
    path = tmp_path / "folds.csv"
    folds = assign_folds(clips, 4, seed=0)
    write_folds(path, clips, folds)
    assert read_folds(path, clips) == folds
    with pytest.raises(DatasetError, match=r"7\.avi is not in the data"):
        read_folds(path, clips[:-1])
    with pytest.raises(DatasetError, match=r"9\.avi is not in the fold file"):
        read_folds(path, [*clips, clip(9, "g9")])


def test_a_clip_in_two_folds_is_refused(tmp_path):
    path = tmp_path / "folds.csv"
    path.write_text("path,label,group,fold\n1.avi,fall,a,0\n2.avi,fall,b,1\n1.avi,fall,a,1\n")
    with pytest.raises(DatasetError, match=r"folds\.csv, line 4: 1\.avi: has fold '1' here and '0' in line 2"):
        read_folds(path, [clip(1, "a"), clip(2, "b")])


def test_a_torn_group_is_refused_whoever_names_it(tmp_path):
    path = tmp_path / "folds.csv"
    path.write_text("path,label,group,fold\n1.avi,fall,g,0\n2.avi,fall,g,1\n")
    with pytest.raises(DatasetError, match="group g stands in folds 0 and 1"):
        read_folds(path, [clip(1, "a"), clip(2, "b")])
    path.write_text("path,label,group,fold\n1.avi,fall,a,0\n2.avi,fall,b,1\n")
    with pytest.raises(DatasetError, match="group g stands in folds 0 and 1"):
        read_folds(path, [clip(1, "g"), clip(2, "g")])


@pytest.mark.parametrize("name", ["surveillance-fight", "gmdcsa24"])
def test_committed_folds_fit_the_real_sets(data_dir, name):
    from trainer.clips.datasets import read_dataset

    if not (data_dir / name).is_dir():
        pytest.skip(f"no {name} in {data_dir}")
    clips = read_dataset(data_dir / name)
    folds = read_folds(FOLDS / f"{name}.csv", clips)
    assert set(folds) == set(range(5 if name == "surveillance-fight" else 4))
