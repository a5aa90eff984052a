"""What a data set was taken for, what it holds, and what would spoil training: broken files, duplicates, names."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.errors import EdgewatchError
from trainer.clips.choosing import chosen_samples
from trainer.clips.datasets import MANIFEST_NAME, identify
from trainer.clips.labels import alike
from trainer.clips.manifest import Clip, read_rows
from trainer.clips.pool import map_clips
from trainer.clips.splits import MIN_GROUPS, few_groups

HASHED_FRAMES = "evenly-20"
HASH_SPEC = InputSpec(height_px=64, width_px=64)
N_HASHES = 5
HASH_BITS = 64
MAX_DIFFERENCE = 0.08
"""Share of the bits that differ, over all hashes of two clips, up to which they count as showing the same."""
CHUNK = 256
MOST_NAMED = 5
"""Clips in which nobody is found that are named."""

Hashes = NDArray[np.uint64]
"""Perceptual hashes (n_hashes,) of a clip."""
Look = Callable[[Sequence[Clip]], Mapping[str, Any]]
"""Tells in which clips people are found."""


def check(
    paths: Sequence[Path], positive: Mapping[str, str], groups: Path | None, workers: int, look: Look | None = None
) -> dict[str, Any]:
    """Read data sets and look into every file.

    Args:
        paths: of the sets.
        positive: label of a class, by name.
        groups: table of the groups of a folder of clips.
        workers: processes.
        look: for people, in the clips that can be read; None: nobody does.

    Raises:
        DatasetError: a path holds no data set.
    """
    sets: list[dict[str, Any]] = []
    clips: list[Clip] = []
    for path in paths:
        it = identify(path, groups)
        found = it.read(positive or None)
        sets.append(
            {
                "path": str(path),
                "recognised_as": it.title,
                "named_after": it.named_after,
                "strays": it.strays,
                "remark": it.remark,
                **contents(found),
                "similar_names": similar_names(path),
            }
        )
        clips += found
    hashes: list[Hashes | str] = list(map_clips(hash_clip, [clip.path for clip in clips], workers, "data check"))
    good = [(clip, value) for clip, value in zip(clips, hashes, strict=True) if not isinstance(value, str)]
    broken = [(clip, value) for clip, value in zip(clips, hashes, strict=True) if isinstance(value, str)]
    return {
        "sets": sets,
        "broken": [{"path": _name(clip), "reason": reason} for clip, reason in broken],
        "leaks": leaks(clips),
        "few_groups": [
            {"label": label, "groups": groups, "clips": n_clips, "needed": MIN_GROUPS}
            for label, groups, n_clips in few_groups(clips, MIN_GROUPS)
        ],
        "similar_labels": alike(clip.label for clip in clips),
        "duplicates": duplicates([clip for clip, _ in good], [value for _, value in good]),
        **({"people": dict(look([clip for clip, _ in good]))} if look is not None else {}),
    }


def contents(clips: Sequence[Clip]) -> dict[str, Any]:
    """Counts of clips: by label, by official split, side and label, and by group and label.

    Readers make a clip of which no group is known a group of its own, named as the clip.
    """
    splits = sorted({split for clip in clips for split, _ in clip.official})
    return {
        "clips": len(clips),
        "timed": sum(clip.timed for clip in clips),
        "labels": dict(sorted(Counter(clip.label for clip in clips).items())),
        "official": {
            split: _labels_by((side, clip.label) for clip in clips for own, side in clip.official if own == split)
            for split in splits
        },
        "without_group": sum(clip.group == clip.name for clip in clips),
        "groups": _labels_by((clip.group, clip.label) for clip in clips),
    }


def _labels_by(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Of pairs of anything and a label: how often each label comes with each."""
    counts: dict[str, Counter[str]] = {}
    for key, label in sorted(pairs):
        counts.setdefault(key, Counter())[label] += 1
    return {key: dict(found) for key, found in counts.items()}


def similar_names(path: Path) -> list[list[str]]:
    """Classes, as the set itself spells them, that differ only in case, spaces or punctuation."""
    if path.is_dir() and not (path / MANIFEST_NAME).is_file():
        return alike(folder.name for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    table = path / MANIFEST_NAME if path.is_dir() else path
    return alike(row["label"] for row in read_rows(table, ["label"]))


def leaks(clips: Sequence[Clip]) -> list[dict[str, Any]]:
    """Groups that an official split has in its training clips and in its test clips, with how many clips of each."""
    sides: dict[tuple[str, str, str], Counter[str]] = {}
    for clip in clips:
        for split, side in clip.official:
            sides.setdefault((clip.dataset, clip.group, split), Counter())[side] += 1
    return [
        {"dataset": dataset, "group": group, "split": split, "train": count["train"], "test": count["test"]}
        for (dataset, group, split), count in sorted(sides.items())
        if count["train"] and count["test"]
    ]


def hash_clip(path: Path) -> Hashes | str:
    """Perceptual hashes of frames spread over a clip; what is wrong with it where it cannot be read."""
    import imagehash  # noqa: PLC0415  (with scipy, a second to import)
    from PIL import Image  # noqa: PLC0415

    try:
        samples = list(chosen_samples(path, HASH_SPEC, HASHED_FRAMES))
    except EdgewatchError as error:
        return str(error)
    chosen = np.linspace(0, len(samples) - 1, N_HASHES).round().astype(int)
    bits = [imagehash.phash(Image.fromarray(samples[index].streams[0])).hash for index in chosen]
    return np.stack([np.packbits(one.ravel()).view(np.uint64)[0] for one in bits])


def duplicates(clips: Sequence[Clip], hashes: Sequence[Hashes]) -> list[dict[str, Any]]:
    """Pairs of clips of different groups, or on different sides of an official split, that show the same."""
    if len(clips) < 2:
        return []
    table = np.stack(hashes)  # (n_clips, n_hashes)
    limit = MAX_DIFFERENCE * HASH_BITS * N_HASHES
    found: list[dict[str, Any]] = []
    starts = [*range(0, len(clips), CHUNK), len(clips)]
    for start, stop in pairwise(starts):
        differing = np.bitwise_count(table[start:stop, np.newaxis] ^ table[np.newaxis]).sum(axis=2, dtype=np.int64)
        for row, column in np.argwhere(differing <= limit):
            first, second = clips[start + row], clips[column]
            if start + row < column and (apart := _apart(first, second)):
                share = float(differing[row, column] / (HASH_BITS * N_HASHES))
                found.append({"clips": [_name(first), _name(second)], "apart": apart, "difference": round(share, 4)})
    return found


def _apart(first: Clip, second: Clip) -> str:
    """Why a split could put two clips on different sides; nothing where none can."""
    there = dict(second.official)
    torn = [split for split, side in first.official if {side, there.get(split, side)} == {"train", "test"}]
    if torn:
        return f"split {torn[0]}: train and test"
    return "" if (first.dataset, first.group) == (second.dataset, second.group) else "different groups"


def _name(clip: Clip) -> str:
    return f"{clip.dataset}/{clip.name}"


def lines_of(report: Mapping[str, Any]) -> list[str]:
    """The report for people."""
    lines = [line for found in report["sets"] for line in _lines_of_set(found)]
    lines += [f"labels that differ only in spelling: {', '.join(names)}" for names in report["similar_labels"]]
    lines += [f"broken: {item['path']}: {item['reason']}" for item in report["broken"]]
    for leak in report["leaks"]:
        where = f"{leak['dataset']}: group {leak['group']}"
        lines.append(f"{where} leaks in split {leak['split']}: {leak['train']} clips train, {leak['test']} test")
    for few in report["few_groups"]:
        count = f"{few['clips']} clips in {few['groups']} {'group' if few['groups'] == 1 else 'groups'}"
        lines.append(f"class {few['label']}: {count}, training needs {few['needed']}, folds one for each")
    for pair in report["duplicates"]:
        lines.append(f"the same twice ({pair['apart']}): {pair['clips'][0]} and {pair['clips'][1]}")
    if "people" in report:
        lines.append(_line_of_people(report["people"]))
    wrong = len(report["broken"]), len(report["duplicates"])
    lines.append(f"{wrong[0]} broken files, {wrong[1]} pairs that show the same in different groups or sides")
    return lines


def _lines_of_set(found: Mapping[str, Any]) -> list[str]:
    timed = f", {found['timed']} with times" if found["timed"] else ""
    lines = [
        f"{found['path']}: {found['recognised_as']}",
        f"  {found['clips']} clips{timed}: {_counted(found['labels'])}",
        f"  {_sizes({group: sum(labels.values()) for group, labels in found['groups'].items()})}",
    ]
    if found["without_group"]:
        lines.append(
            f"  {found['without_group']} clips of no known group: those of one scene or person can stand on both sides "
            "of a split; say which belong together in groups.csv (path,group) or a manifest's column group"
        )
    if found["remark"]:
        lines.append(f"  {found['remark']}")
    for split, sides in found["official"].items():
        lines += [
            f"  official split {split}: {side} {sum(labels.values())} ({_counted(labels)})"
            for side, labels in sides.items()
        ]
    return lines + [f"  one class in several spellings: {', '.join(names)}" for names in found["similar_names"]]


def _line_of_people(people: Mapping[str, Any]) -> str:
    of_labels = ", ".join(
        f"{label} {count['with_people']} of {count['clips']}" for label, count in people["labels"].items()
    )
    line = (
        f"people: the built-in network finds some in {people['with_people']} of {people['clips']} clips, looking at "
        f"most {people['looks']} times at each: {of_labels}"
    )
    named = people["without"][:MOST_NAMED]
    more = len(people["without"]) - len(named)
    rest = f" and {more} more" if more else ""
    return f"{line}; none in {', '.join(named)}{rest}" if named else line


def _counted(labels: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in labels.items())


def _sizes(clips_of: Mapping[str, int]) -> str:
    """How many groups there are of which size, sizes that double put together; and the largest and the smallest."""
    runs = [list(run) for _, run in groupby(sorted(clips_of.values()), int.bit_length)]
    spread = [f"{len(run)} of {run[0]}" + (f" to {run[-1]}" if run[-1] > run[0] else "") for run in runs]
    text = f"{len(clips_of)} groups by clips: {', '.join(spread)}"
    largest, smallest = max(clips_of, key=clips_of.__getitem__), min(clips_of, key=clips_of.__getitem__)
    if clips_of[largest] == clips_of[smallest]:
        return text
    return f"{text}; largest {largest} ({clips_of[largest]}), smallest {smallest} ({clips_of[smallest]})"
