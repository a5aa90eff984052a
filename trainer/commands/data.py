"""`trainer folds`, `trainer data check` and `trainer synth`: clips before anything learns from them."""

import argparse
import json
import sys
from functools import partial

from edge.errors import ConfigurationError, DatasetError
from trainer.clips.labels import EVENT_LABELS, parse_positive
from trainer.commands.shared import read_clips, workers_of

SCENE_NAME = "scene.mp4"


def folds(options: argparse.Namespace) -> int:
    """`trainer folds`."""
    from trainer.clips.splits import (  # noqa: PLC0415
        TRAIN_ONLY,
        assign_folds,
        leave_one_group_out,
        of_five,
        official_folds,
        official_split,
        refuse_few_groups,
        refuse_torn,
        refuse_unlearned_folds,
        torn_splits,
        ungrouped_folds,
        write_folds,
    )

    clips = read_clips(options.data, options)
    if len(options.data) > 1:
        raise ConfigurationError("--data: a fold file is of one data set; write one for each")
    if options.official is not None:
        numbers = official_folds(clips, options.official)
    elif options.of_five:
        numbers = of_five(clips)
    elif options.ungrouped is not None:
        numbers = ungrouped_folds(clips, options.ungrouped, options.seed)
    elif options.leave_one_group_out:
        numbers = leave_one_group_out(clips)
    else:
        numbers = assign_folds(clips, options.number, options.seed)
        refuse_few_groups(clips, options.number, f"{options.number} folds")
    refuse_unlearned_folds(clips, numbers)
    ungrouped = options.ungrouped is not None
    for torn in torn_splits(clips, numbers, {clip.dataset for clip in clips} if ungrouped else ()):
        print(f"trainer: {torn}", file=sys.stderr)
    if not ungrouped and official_split(clips, numbers) is None:
        refuse_torn(", ".join(map(str, options.data)), clips, numbers)
    write_folds(options.out, clips, numbers, ungrouped=ungrouped)
    n_folds, n_judged = len({number for number in numbers if number > TRAIN_ONLY}), sum(n > TRAIN_ONLY for n in numbers)
    judged = "" if n_judged == len(clips) else f", {n_judged} of them judged"
    print(f"{options.out}: {len(clips)} clips in {n_folds} folds{judged}")
    return 0


def data_check(options: argparse.Namespace) -> int:
    """`trainer data check`."""
    from trainer.clips.datacheck import check, lines_of  # noqa: PLC0415
    from trainer.features.seen import people_seen  # noqa: PLC0415

    workers = workers_of(options)
    look = partial(people_seen, workers=workers)
    report = check(options.data, parse_positive(options.positive or ()), options.groups, workers, look)
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines_of(report)))
    return DatasetError.exit_code if report["broken"] or report["leaks"] else 0


def synth(options: argparse.Namespace) -> int:
    """`trainer synth`."""
    from trainer.clips.datasets import MANIFEST_NAME  # noqa: PLC0415
    from trainer.clips.manifest import Clip, write_manifest  # noqa: PLC0415
    from trainer.clips.pool import progress  # noqa: PLC0415
    from trainer.synth import render_dataset, render_scene  # noqa: PLC0415

    if options.scene:
        path = options.out / SCENE_NAME
        segments = render_scene(options.seed, path)
        clip = Clip(path, path.stem, frozenset(EVENT_LABELS), segments, path.name, options.out.name, timed=True)
        write_manifest(options.out / MANIFEST_NAME, [clip])
        print(f"{path}: a synthetic scene; what happens when is in {MANIFEST_NAME}")
        return 0
    with progress(None, "rendering", options.clips) as bar:
        clips = render_dataset(options.out, options.clips, options.seed, lambda _: bar.update())
    print(f"{options.out}: {len(clips)} synthetic clips")
    return 0
