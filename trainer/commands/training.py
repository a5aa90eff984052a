"""`trainer train`."""

import argparse
from pathlib import Path
from typing import Any

from trainer.commands.shared import known, network_of, read_clips, recipe_of, required, sound, wishes_of, workshop_of

KEPT_OPTIONS = (
    *("recipe", "backbone", "data", "groups", "positive", "seed", "epochs", "stream", "rate_hz", "set", "weights"),
    *("max_broken", "hold_out", "devices"),
)
"""Options of `trainer train` that `--resume` takes from the run."""


def train(options: argparse.Namespace) -> int:
    """`trainer train`."""
    from trainer.commands.quiet import import_tensorflow  # noqa: PLC0415

    if options.resume is not None:
        recall(options)
    recipe_name, data = known(required(options, "recipe")), required(options, "data")
    clips = sound(read_clips(data, options), options)
    import_tensorflow()
    from trainer.clips.splits import hold_out, split_validation  # noqa: PLC0415
    from trainer.fitting.rules import learns_from_validation  # noqa: PLC0415
    from trainer.fitting.run import Run, write_command  # noqa: PLC0415
    from trainer.judging.reports import summary  # noqa: PLC0415
    from trainer.studies.training import judge_run, make_settings, train  # noqa: PLC0415

    recipe, wishes = recipe_of(recipe_name), wishes_of(options)
    workshop = workshop_of(options, recipe, network_of(recipe, options))
    out = options.resume or options.out
    if options.hold_out is not None:
        clips = hold_out(clips, options.hold_out, wishes.seed).train
    split = split_validation(clips, wishes.seed)
    Run.start(out, make_settings(recipe, wishes, split, workshop.weights))
    write_command(out, {key: _plain(getattr(options, key)) for key in KEPT_OPTIONS})
    run = train(recipe, wishes, split, out, workshop)
    figures = judge_run(run, split.held_out, workshop)
    learned = learns_from_validation(recipe, run.settings.hyperparameters)
    what = "of the clips that it learned from; it" if learned else "validation clips; it"
    print(f"{out}: trained; on {figures['n_clips']} {what} says:")
    print(summary(figures))
    if learned:
        print(f"They prove nothing: trainer evaluate --recipe {recipe.name} --folds judges clips that it has not seen")
    return 0


def recall(options: argparse.Namespace) -> None:
    """Fill in what the interrupted command said; what is given again must not differ, which the run checks."""
    from trainer.fitting.run import read_command  # noqa: PLC0415

    for key, value in read_command(options.resume).items():
        if getattr(options, key) is None:
            setattr(options, key, _typed(key, value))


def _typed(key: str, value: Any) -> Any:
    if key == "data":
        return [Path(item) for item in value]
    return Path(value) if key == "groups" and value is not None else value


def _plain(value: Any) -> Any:
    """A value for JSON; paths absolute, since a run may be resumed from another folder."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value.resolve()) if isinstance(value, Path) else value
