"""Splits that keep a group on one side unless told otherwise: folds, and validation clips of the training clips."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from edge.errors import DatasetError
from trainer.clips.manifest import Clip, column_by_clip, read_lines, read_rows, write_rows

COLUMNS = ("path", "label", "group", "fold")
SPLIT_COLUMN, UNGROUPED = "split", "ungrouped"
"""A column that only fold files without regard to groups have, and what it says in every row."""
TRAIN_ONLY = -1
"""Instead of a fold: the clip is learned from and never judged."""
UNUSED = -2
"""Instead of a fold: an official split leaves the clip out."""
OFFICIAL_FOLDS = {"test": 0, "train": TRAIN_ONLY, "validation": TRAIN_ONLY}
"""The fold of each side of an official split."""
OF_FIVE = 5
OF_FIVE_NAME = "of-five"
MIN_GROUPS = 2
"""Of a class: one to learn from, one to choose by."""
RESTARTS = 50
"""Random assignments of which the best balanced one is kept."""
VALIDATION_FOLDS = 5
"""One fold of five is the papers' 20 % of validation clips."""


@dataclass(frozen=True, slots=True)
class Split:
    """Clips to learn from and clips to judge by."""

    train: list[Clip]
    held_out: list[Clip]
    as_published: frozenset[str] = frozenset()
    """Data sets whose own official split this is, or whose folds disregard groups, so that a group may stand on both
    sides."""

    def __post_init__(self) -> None:
        refuse_leak(self.train, self.held_out, self.as_published)


def refuse_leak(train: Iterable[Clip], held_out: Iterable[Clip], as_published: Collection[str] = ()) -> None:
    """Refuse clips of one group on both sides, but in the data sets that are split as published.

    Raises:
        DatasetError: as said; the message names the group.
    """
    both = {_group_key(clip) for clip in train} & {_group_key(clip) for clip in held_out}
    if own := sorted(key for key in both if key[0] not in as_published):
        dataset, group = own[0]
        raise DatasetError(
            f"{dataset}: group {group} stands on both sides of the split; "
            "put all clips of a group into one fold (trainer folds writes such files)"
        )


def _group_key(clip: Clip) -> tuple[str, str]:
    return clip.dataset, clip.group


def refuse_few_groups(clips: Iterable[Clip], n_needed: int, what_for: str) -> None:
    """Refuse classes that cannot be on every side.

    Raises:
        DatasetError: a class has fewer groups than are needed; the message does the sum.
    """
    for label, groups, n_clips in few_groups(clips, n_needed):
        raise DatasetError(
            f"class {label}: {_clips_in(groups, n_clips)}, but {what_for} need at least {n_needed}, since a group "
            "stays whole; give more footage or finer groups"
        )


def few_groups(clips: Iterable[Clip], n_needed: int) -> list[tuple[str, int, int]]:
    """Classes with fewer groups than are needed: label, number of groups, number of clips."""
    return [counts for counts in _count_groups(clips) if counts[1] < n_needed]


def _count_groups(clips: Iterable[Clip]) -> list[tuple[str, int, int]]:
    groups: dict[str, Counter[tuple[str, str]]] = {}
    for clip in clips:
        groups.setdefault(clip.label, Counter())[_group_key(clip)] += 1
    return [(label, len(own), own.total()) for label, own in sorted(groups.items())]


def _clips_in(groups: int, n_clips: int) -> str:
    return f"{n_clips} {'clip' if n_clips == 1 else 'clips'} in {groups} {'group' if groups == 1 else 'groups'}"


def refuse_unlearned(train: Iterable[Clip], held_out: Iterable[Clip], fold: int) -> None:
    """Refuse a fold that judges a class which nothing outside it shows.

    Raises:
        DatasetError: as said; the message does the sum.
    """
    learned = {segment.label for clip in train for segment in clip.segments}
    for label, groups, n_clips in _count_groups(clip for clip in held_out if clip.label not in learned):
        raise DatasetError(
            f"class {label}: fold {fold} judges its {_clips_in(groups, n_clips)}, and 0 clips outside show it to learn "
            "from; spread its groups over the folds, give more footage of it, or leave the class out"
        )


def refuse_unlearned_folds(clips: Sequence[Clip], folds: Sequence[int]) -> None:
    """Refuse folds of which one judges a class that no other clip shows; errors as of `refuse_unlearned`."""
    for fold in sorted(number for number in set(folds) if number > TRAIN_ONLY):
        refuse_unlearned(*sides_of(clips, folds, fold), fold)


def sides_of(clips: Sequence[Clip], folds: Sequence[int], fold: int) -> tuple[list[Clip], list[Clip]]:
    """The clips to learn from and those to judge, of one fold; what an official split leaves out is on neither side."""
    placed = list(zip(clips, folds, strict=True))
    return (
        [clip for clip, number in placed if number not in {fold, UNUSED}],
        [clip for clip, number in placed if number == fold],
    )


def assign_folds(clips: Sequence[Clip], n_folds: int, seed: int) -> list[int]:
    """Give each clip a fold: groups whole, labels spread as evenly as the groups allow.

    Raises:
        DatasetError: there are fewer groups than folds.
    """
    groups = ["\n".join(_group_key(clip)) for clip in clips]
    labels = [f"{clip.dataset}\n{clip.label}" for clip in clips]
    if len(set(groups)) < n_folds:
        raise DatasetError(f"{len(set(groups))} groups cannot make {n_folds} folds; give more groups or fewer folds")
    best: tuple[float, list[int]] | None = None
    for restart in range(RESTARTS):
        folds = _one_assignment(labels, groups, n_folds, seed * RESTARTS + restart)
        imbalance = _imbalance(labels, folds, n_folds)
        if best is None or imbalance < best[0]:
            best = (imbalance, folds)
    assert best is not None
    return best[1]


def ungrouped_folds(clips: Sequence[Clip], n_folds: int, seed: int) -> list[int]:
    """Give each clip a fold without regard to groups, labels spread evenly: plain k-fold cross-validation.

    Raises:
        DatasetError: a class has fewer clips than there are folds.
    """
    labels = [clip.label for clip in clips]
    for label, n_clips in sorted(Counter(labels).items()):
        if n_clips < n_folds:
            raise DatasetError(
                f"class {label}: {n_clips} clips cannot be in each of {n_folds} folds; give more footage or fewer folds"
            )
    return _numbers(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels))


def _numbers(splits: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> list[int]:
    """The fold of each clip, from the indices outside and inside every fold."""
    fold_of = {int(index): fold for fold, (_, held_out) in enumerate(splits) for index in held_out}
    return [fold_of[index] for index in range(len(fold_of))]


def _one_assignment(labels: list[str], groups: list[str], n_folds: int, seed: int) -> list[int]:
    # scikit-learn warns of, or refuses, labels with fewer clips than folds; stratifying by none of them is then right
    scarce = min(Counter(labels).values()) < n_folds
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        strata = [""] * len(labels) if scarce else labels
        return _numbers(splitter.split(labels, strata, groups))


def _imbalance(labels: list[str], folds: list[int], n_folds: int) -> float:
    """Sum over labels and folds of the squared relative deviation from an even spread."""
    counts = Counter(zip(labels, folds, strict=True))
    totals = Counter(labels)
    return sum(
        (counts[label, fold] * n_folds / total - 1) ** 2 for label, total in totals.items() for fold in range(n_folds)
    )


def leave_one_group_out(clips: Sequence[Clip]) -> list[int]:
    """Give each group a fold of its own, in the order of their names."""
    names = sorted({_group_key(clip) for clip in clips})
    return [names.index(_group_key(clip)) for clip in clips]


def official_folds(clips: Sequence[Clip], split: str) -> list[int]:
    """Fold 0 for the test clips of an official split, `TRAIN_ONLY` for its training clips; or its own folds.

    Raises:
        DatasetError: the data has no such split, or it leaves one side empty.
    """
    folds = _official_folds(clips, split)
    if set(folds) <= {UNUSED, TRAIN_ONLY} or len(set(folds) - {UNUSED}) < 2:
        known = _official_names(clips)
        raise DatasetError(
            f"--official {split}: no clips of it on both sides; the data knows {', '.join(known) or 'no such split'}"
        )
    return folds


def official_split(clips: Sequence[Clip], folds: Sequence[int]) -> str | None:
    """The official split, or that of paper 004, that these folds are, clip by clip; None where they are none."""
    found = (split for split in _official_names(clips) if _official_folds(clips, split) == list(folds))
    return next(found, OF_FIVE_NAME if _fifths(clips) == list(folds) else None)


def _official_folds(clips: Iterable[Clip], split: str) -> list[int]:
    sides = [dict(clip.official).get(split, "") for clip in clips]
    return [int(side) if side.isdigit() else OFFICIAL_FOLDS.get(side, UNUSED) for side in sides]


def _official_names(clips: Iterable[Clip]) -> list[str]:
    return sorted({name for clip in clips for name, _ in clip.official})


@dataclass(frozen=True, slots=True)
class TornSplit:
    """An official split, or folds without regard to groups, with groups on both sides: said wherever it is used."""

    dataset: str
    split: str
    """Its name, or `UNGROUPED`."""
    n_groups: int
    """On both sides."""
    n_clips: int
    """Judged clips of these groups."""
    n_judged: int

    def __str__(self) -> str:
        what = "split ungrouped" if self.split == UNGROUPED else f"split {self.split} as published"
        return (
            f"{self.dataset}: {what} has {self.n_groups} {'group' if self.n_groups == 1 else 'groups'} on both sides "
            f"({self.n_clips} of {self.n_judged} judged clips): figures on it flatter; folds by trainer folds --number "
            "keep groups whole"
        )


def torn_splits(clips: Sequence[Clip], folds: Sequence[int], ungrouped: Collection[str] = ()) -> list[TornSplit]:
    """The official splits among the folds of several data sets that have groups on both sides, and those of the sets
    whose folds are meant to disregard groups."""
    found: list[TornSplit] = []
    for dataset in sorted({clip.dataset for clip in clips}):
        own = [(clip, fold) for clip, fold in zip(clips, folds, strict=True) if clip.dataset == dataset]
        official = official_split([clip for clip, _ in own], [fold for _, fold in own])
        split = UNGROUPED if dataset in ungrouped else official
        folds_of: dict[str, set[int]] = {}
        for clip, fold in own:
            folds_of.setdefault(clip.group, set()).add(fold)
        judged = [clip for clip, fold in own if fold > TRAIN_ONLY]
        torn = [clip.group for clip in judged if len(folds_of[clip.group] - {UNUSED}) > 1]
        if split is not None and torn:
            found.append(TornSplit(dataset, split, len(set(torn)), len(torn), len(judged)))
    return found


def of_five(clips: Sequence[Clip]) -> list[int]:
    """Paper 004: of every five clips of a class, in the order of their names, four train and the fifth is judged.

    Raises:
        DatasetError: a class has fewer than five clips, so none of it would be judged.
    """
    for label, n_clips in sorted(Counter(clip.label for clip in clips).items()):
        if n_clips < OF_FIVE:
            raise DatasetError(
                f"class {label}: {n_clips} clips, of which no fifth one can be judged; give more footage"
            )
    return _fifths(clips)


def _fifths(clips: Sequence[Clip]) -> list[int]:
    """Fold 0 for every fifth clip of each class."""
    count: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        count[clip.label] += 1
        numbers[clip.name] = 0 if count[clip.label] % OF_FIVE == 0 else TRAIN_ONLY
    return [numbers[clip.name] for clip in clips]


def split_validation(clips: Sequence[Clip], seed: int) -> Split:
    """Set a fifth of the clips apart for validation, whole groups, labels balanced.

    Raises:
        DatasetError: there are fewer than two groups, of all clips or of a class.
    """
    n_groups = len({_group_key(clip) for clip in clips})
    if n_groups < 2:
        raise DatasetError("all clips are of one group, so none can validate; give a groups CSV or more footage")
    refuse_few_groups(clips, MIN_GROUPS, "clips to learn from and clips to choose by")
    return _set_apart(clips, VALIDATION_FOLDS, seed)


def hold_out(clips: Sequence[Clip], share: float, seed: int) -> Split:
    """Set about this share of the clips apart for who judges or tunes the model later, whole groups, labels balanced.

    Raises:
        DatasetError: a class has too few groups to be learned from, chosen by and held out.
    """
    refuse_few_groups(clips, MIN_GROUPS + 1, "clips to learn from, to choose by and to hold out")
    return _set_apart(clips, max(2, round(1 / share)), seed)


def _set_apart(clips: Sequence[Clip], n_folds: int, seed: int) -> Split:
    """One fold of so many, of those that groups allow the one whose size is nearest to its share."""
    n_groups = len({_group_key(clip) for clip in clips})
    folds = assign_folds(clips, min(n_folds, n_groups), seed)
    sizes = Counter(folds)
    held_out = min(sizes, key=lambda fold: (abs(sizes[fold] - len(clips) / n_folds), fold))
    return split_fold(clips, folds, held_out)


def split_fold(clips: Sequence[Clip], folds: Sequence[int], held_out: int) -> Split:
    """The clips outside and inside one fold."""
    sides = np.asarray(folds) == held_out
    return Split(
        [clip for clip, out in zip(clips, sides, strict=True) if not out],
        [clip for clip, out in zip(clips, sides, strict=True) if out],
    )


def write_folds(path: Path, clips: Sequence[Clip], folds: Sequence[int], *, ungrouped: bool = False) -> None:
    """Write a fold file: path,label,group,fold; paths relative to the data set's folder. Folds that are meant to
    disregard groups say so in every row, or else they would be refused."""
    rows = ((clip.name, clip.label, clip.group, fold) for clip, fold in zip(clips, folds, strict=True))
    if ungrouped:
        write_rows(path, (*COLUMNS, SPLIT_COLUMN), ((*row, UNGROUPED) for row in rows))
    else:
        write_rows(path, COLUMNS, rows)


def is_ungrouped(path: Path) -> bool:
    """Whether a fold file says in every row that its folds disregard groups.

    Raises:
        DatasetError: it cannot be read.
    """
    return all(row.get(SPLIT_COLUMN) == UNGROUPED for row in read_rows(path, required=COLUMNS[:1]))


def read_folds(path: Path, clips: Sequence[Clip]) -> list[int]:
    """Read the folds of exactly these clips.

    Raises:
        DatasetError: file and clips do not fit, or a group (of the file or of the clips) stands in two folds that are
            not the set's own official split, in a file that does not say that it disregards groups.
    """
    lines = read_lines(path, required=("path", "group", "fold"))
    said = column_by_clip(path, "fold", ((line, row["path"], row["fold"]) for line, row in lines))
    try:
        fold_of = {name: int(fold) for name, fold in said.items()}
    except ValueError as error:
        raise DatasetError(f"{path}: a fold is not a whole number ({error})") from error
    names = {clip.name for clip in clips}
    if missing := sorted(set(fold_of) ^ names):
        where = "the data" if missing[0] in fold_of else "the fold file"
        raise DatasetError(f"{path}: {missing[0]} is not in {where}; make the fold file again with trainer folds")
    folds = [fold_of[clip.name] for clip in clips]
    if official_split(clips, folds) is None and not is_ungrouped(path):
        _refuse_torn(str(path), ((row["group"], int(row["fold"])) for _, row in lines))
        refuse_torn(str(path), clips, folds)
    return folds


def refuse_torn(where: str, clips: Sequence[Clip], folds: Sequence[int]) -> None:
    """Refuse folds that tear a group apart.

    Raises:
        DatasetError: as said; the message names the group.
    """
    _refuse_torn(where, ((clip.group, fold) for clip, fold in zip(clips, folds, strict=True)))


def _refuse_torn(where: str, pairs: Iterable[tuple[str, int]]) -> None:
    fold_of: dict[str, int] = {}
    for group, fold in pairs:
        if fold != UNUSED and fold_of.setdefault(group, fold) != fold:
            raise DatasetError(
                f"{where}: group {group} stands in folds {fold_of[group]} and {fold}, so one scene would be on both "
                "sides; put all its clips into one fold"
            )
