"""`trainer convert` and `trainer tune`: what makes and changes bundles."""

import argparse
from functools import partial
from typing import TYPE_CHECKING

from edge.errors import ConfigurationError, DatasetError
from trainer.commands.evaluation import judge_bundle
from trainer.commands.shared import cache_of, read_clips, sound, workers_of
from trainer.commands.training import KEPT_OPTIONS, recall

if TYPE_CHECKING:  # heavy; the commands import it when they run
    from collections.abc import Sequence

    from converters import ClipJudge
    from trainer.clips.manifest import Clip
    from trainer.fitting.run import Run


def convert(options: argparse.Namespace) -> int:
    """`trainer convert`."""
    from trainer.commands.quiet import import_tensorflow  # noqa: PLC0415
    from trainer.fitting.run import Run  # noqa: PLC0415

    runs = [Run.load(path) for path in options.run]
    if len(runs) > 1 and not options.compare:
        raise ConfigurationError(f"{options.run[1]}: one run makes one bundle; give --compare to lay several together")
    import_tensorflow()
    if options.compare:
        return _compare_precisions(runs, options)
    from converters.write import refuse_existing  # noqa: PLC0415
    from trainer.bundles.conversion import convert_run  # noqa: PLC0415

    refuse_existing(options.out, force=options.force)
    bundle = convert_run(
        runs[0],
        options.precision,
        options.out,
        target=options.target,
        name=options.name,
        force=options.force,
        accept_loss=options.accept_loss,
        judge=_clip_judge(runs[0], options),
    )
    size_mb = sum(len(content) for content in bundle.files.values()) / 1e6
    precision = bundle.spec.networks.scene.precision
    print(f"{options.out}: {bundle.spec.name}, {precision}, {size_mb:.1f} MB, {bundle.digest[:12]}")
    return 0


def _clip_judge(run: "Run", options: argparse.Namespace) -> "ClipJudge":
    """What watches clips for a conversion: those of --data, else the run's own that are still where they were."""
    from trainer.bundles.changes import chosen, clip_judge  # noqa: PLC0415
    from trainer.features.soundness import without_broken  # noqa: PLC0415
    from trainer.judging.evaluation import refuse_unknown  # noqa: PLC0415

    if options.data:
        clips = read_clips(options.data, options)
        refuse_unknown(clips, run.settings.labels)
        watched = chosen(sound(clips, options), "clips of --data")
    else:
        try:
            clips, source = _own_clips(run)
        except (ConfigurationError, DatasetError) as error:
            reason = f"{error}; give --data"
            return lambda _: {"untested": reason}
        watched = chosen(without_broken(clips, len(clips), cache_of(options), workers_of(options)), source)
    if not watched.clips:
        reason = f"none of the {watched.n_found} {watched.source} is there or short enough; give --data"
        return lambda _: {"untested": reason}
    return clip_judge(run, watched, workers_of(options))


def _own_clips(run: "Run") -> tuple[list["Clip"], str]:
    """A run's clips of --hold-out, else its validation clips, and what they are.

    Raises:
        ConfigurationError: the run does not say where its clips were.
        DatasetError: they are there no longer.
    """
    from trainer.features.cache import content_sha256  # noqa: PLC0415
    from trainer.fitting.run import COMMAND_NAME  # noqa: PLC0415
    from trainer.studies.training import SHORT_DIGEST  # noqa: PLC0415

    if not (run.path / COMMAND_NAME).is_file():
        raise ConfigurationError(f"{run.path}: {COMMAND_NAME}, which says where its clips were, is missing")
    command = argparse.Namespace(resume=run.path, **dict.fromkeys(KEPT_OPTIONS))
    recall(command)
    by_name = {f"{clip.dataset}/{clip.name}": clip for clip in read_clips(command.data, command)}
    known = run.settings.train_clips | run.settings.validation_clips
    if command.hold_out is not None and (left := [clip for name, clip in by_name.items() if name not in known]):
        return left, "held-out clips"
    validation = run.settings.validation_clips.items()
    there = [(by_name[name], digest) for name, digest in validation if name in by_name]
    return [clip for clip, digest in there if content_sha256(clip.path)[:SHORT_DIGEST] == digest], "validation clips"


def _compare_precisions(runs: "Sequence[Run]", options: argparse.Namespace) -> int:
    """All precisions of one run or several beside each other."""
    from trainer.bundles.precisions import JSON_NAME, PLOT_NAME, compare, table  # noqa: PLC0415

    if options.target != "cpu":
        raise ConfigurationError(
            f"--target {options.target}: --compare measures on the processor; leave one of them out"
        )
    judge = None
    if options.data:
        judge = partial(judge_bundle, clips=read_clips(options.data, options), workers=workers_of(options))
    print(table(compare(runs, options.out, judge, force=options.force)))
    print(f"{options.out}: {JSON_NAME}, {PLOT_NAME}")
    return 0


def tune(options: argparse.Namespace) -> int:
    """`trainer tune`."""
    from converters.write import refuse_existing, write_bundle  # noqa: PLC0415
    from edge.bundle import Bundle  # noqa: PLC0415
    from trainer.bundles.tuning import draw, lines_of, tries_of, tune  # noqa: PLC0415
    from trainer.files import write_json  # noqa: PLC0415
    from trainer.judging.evaluation import refuse_unknown  # noqa: PLC0415
    from trainer.judging.judging import unseen  # noqa: PLC0415
    from trainer.judging.scoring import preceding, watch_clips  # noqa: PLC0415

    if options.max_false_alarms_per_day <= 0:
        raise ConfigurationError("--max-false-alarms-per-day: give a number over 0; none at all can never be proved")
    bundle = Bundle.load(options.bundle)
    refuse_existing(options.out, force=options.force)
    clips = sound(read_clips(options.data, options), options)
    refuse_unknown(clips, bundle.spec.labels)
    held_out = unseen(clips, bundle.spec.provenance.get("clips", ()))
    tries = tries_of(bundle.spec, held_out)
    before = preceding([clip for clip in held_out if clip.annotates - set(tries)])
    results = list(watch_clips(options.bundle, held_out, workers_of(options), tries=tries, before=before))
    spec, report = tune(bundle, results, options.max_false_alarms_per_day)
    write_bundle(spec, bundle.files, options.out, force=options.force)
    beside = options.out.with_name(f"{options.out.stem}-tuning.json")
    write_json(beside, report)
    draw(beside.with_suffix(".png"), report)
    print("\n".join([*lines_of(report), f"{options.out}: tuned; the trade-off is in {beside} and the .png beside it"]))
    return 0
