"""What the commands of `trainer` do."""

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import ConfigurationError, DatasetError
from trainer.labels import EVENT_LABELS, parse_positive

if TYPE_CHECKING:  # heavy; the commands import them when they run
    from collections.abc import Sequence

    from trainer.evaluation import Judge
    from trainer.manifest import Clip
    from trainer.recipe import Recipe, Workshop
    from trainer.run import Run
    from trainer.scoring import ClipScores
    from trainer.training import Wishes

RECIPE_NAMES = (
    "edgewatch",
    "efficientnetb0-mean",
    "efficientnetb0-gru",
    "efficientnetb0-lstm",
    "efficientnetb0-bilstm",
    "convlstm",
    "lrcn",
    "vgg16-lstm",
    "inceptionv3-lstm-binary",
    "inceptionv3-lstm",
    "inceptionv3-simplernn-tanh",
    "inceptionv3-simplernn-relu",
)
BACKBONE_NAMES = ("efficientnetb0", "efficientnet-lite0")
SCENE_NAME = "scene.mp4"
KEPT_OPTIONS = (
    "recipe", "backbone", "data", "groups", "positive", "seed", "epochs", "stream", "rate_hz", "set", "weights",
)  # fmt: skip
"""Options of `trainer train` that `--resume` takes from the run."""


def train(options: argparse.Namespace) -> int:
    """`trainer train`."""
    from trainer.quiet import import_tensorflow  # noqa: PLC0415

    if options.resume is not None:
        _recall(options)
    recipe_name, data = _known(_required(options, "recipe")), _required(options, "data")
    clips = _read(data, options)
    import_tensorflow()
    from trainer.reports import summary  # noqa: PLC0415
    from trainer.run import Run  # noqa: PLC0415
    from trainer.splits import split_validation  # noqa: PLC0415
    from trainer.training import judge_run, make_settings, train, write_command  # noqa: PLC0415

    recipe, wishes = _recipe(recipe_name), _wishes(options)
    workshop = _workshop(options, _network(recipe, options))
    out = options.resume or options.out
    split = split_validation(clips, wishes.seed)
    Run.start(out, make_settings(recipe, wishes, split, workshop.weights))
    write_command(out, {key: _plain(getattr(options, key)) for key in KEPT_OPTIONS})
    run = train(recipe, wishes, split, out, workshop)
    figures = judge_run(run, split.held_out, workshop)
    what = "of the clips that it learned from; it" if recipe.learns_from_validation else "validation clips; it"
    print(f"{out}: trained; on {figures['n_clips']} {what} says:")
    print(summary(figures))
    if recipe.learns_from_validation:
        print(f"They prove nothing: trainer evaluate --recipe {recipe.name} --folds judges clips that it has not seen")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """`trainer evaluate`."""
    if (options.model is None) == (options.recipe is None):
        raise ConfigurationError("give either a bundle or run to judge, or --recipe with --folds")
    clips = _read(options.data, options)
    figures = _judge_model(options, clips) if options.model is not None else _cross_validate(options, clips)
    if options.report is not None:
        for precision, of_precision in figures.items():
            _write_report(options.report / precision, clips, of_precision)
    if options.json:
        print(json.dumps(figures, indent=2))
        return 0
    from trainer.reports import summary  # noqa: PLC0415

    for precision, of_precision in figures.items():
        print(f"{precision}:")
        print(summary(of_precision))
    return 0


def _write_report(folder: Path, clips: list["Clip"], figures: dict[str, Any]) -> None:
    """Everything that can be looked at: figures, confusion matrices, curves and the clips that were wrong."""
    from trainer.files import write_json  # noqa: PLC0415
    from trainer.gallery import write_gallery  # noqa: PLC0415
    from trainer.reports import write_confusions, write_curves  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "figures.json", figures)
    write_confusions(folder, figures)
    write_curves(folder, figures)
    write_gallery(folder, clips, figures)


def _judge_model(options: argparse.Namespace, clips: list["Clip"]) -> dict[str, Any]:
    """Figures of a bundle, or of a run in each precision that was asked for."""
    from trainer.run import SETTINGS_NAME  # noqa: PLC0415

    if (options.model / SETTINGS_NAME).is_file():
        return _judge_run(options, clips)
    figures = _judge_bundle(options.model, clips, _workers(options))
    return {figures["model"]["precision"]: figures}


def _judge_bundle(path: Path, clips: list["Clip"], workers: int) -> dict[str, Any]:
    from edge.bundle import Bundle  # noqa: PLC0415
    from trainer.judging import judge_of  # noqa: PLC0415
    from trainer.scoring import watch_clips  # noqa: PLC0415

    bundle = Bundle.load(path)
    judge = judge_of(path)
    _refuse_unknown(clips, judge.labels)
    results = list(watch_clips(path, clips, workers))
    model = {"name": bundle.spec.name, "sha256": bundle.digest, "precision": bundle.spec.precision}
    return {"model": model, **_figures(results, judge, bundle.spec.provenance.get("clips", ()))}


def _judge_run(options: argparse.Namespace, clips: list["Clip"]) -> dict[str, Any]:
    from trainer.quiet import import_tensorflow  # noqa: PLC0415

    import_tensorflow()
    from trainer.run import Run  # noqa: PLC0415
    from trainer.verdict import judge  # noqa: PLC0415

    run = Run.load(options.model)
    _refuse_unknown(clips, run.settings.labels)
    workshop = _workshop(options, run.settings.network or _recipe(run.settings.recipe).network)
    figures: dict[str, Any] = {}
    for precision in options.precision:
        verdict = judge(run, clips, precision, workshop)
        known = {*run.settings.train_clips.values(), *run.settings.validation_clips.values()}
        model = {"name": run.settings.recipe, "sha256": verdict.digest, "precision": precision}
        figures[precision] = {"model": model, **_figures(verdict.results, verdict.judge, sorted(known))}
    return figures


def _refuse_unknown(clips: list["Clip"], labels: "Sequence[str]") -> None:
    from trainer.evaluation import refuse_unknown  # noqa: PLC0415

    refuse_unknown(clips, labels)


def _figures(results: list["ClipScores"], judge: "Judge", learned: "Sequence[str]") -> dict[str, Any]:
    """All figures, and how many of the clips the model learned from, which is said aloud."""
    from trainer.evaluation import evaluate as figures_of  # noqa: PLC0415
    from trainer.judging import seen_in_training  # noqa: PLC0415

    seen = seen_in_training(learned, results)
    if seen:
        print(
            f"trainer: the model learned from {len(seen)} of the {len(results)} clips; figures on those prove nothing",
            file=sys.stderr,
        )
    return {"clips_seen_in_training": len(seen), **figures_of(results, judge)}


def _cross_validate(options: argparse.Namespace, clips: list["Clip"]) -> dict[str, Any]:
    from trainer.quiet import import_tensorflow  # noqa: PLC0415

    recipe_name, folds_of = _known(options.recipe), _required(options, "folds")
    import_tensorflow()
    from trainer.crossvalidation import cross_validate, plan, read_fold_files  # noqa: PLC0415

    recipe = _recipe(recipe_name)
    folds = read_fold_files(folds_of, clips)
    also = _read(options.also, options) if options.also else []
    tasks = plan(recipe, _wishes(options), clips, folds, also)
    workshop = _workshop(options, _network(recipe, options))
    name = "-".join(filter(None, (recipe.name, workshop.weights.network.lower(), "folds")))
    return cross_validate(tasks, options.out or Path("runs") / name, workshop, options.precision)


def convert(options: argparse.Namespace) -> int:
    """`trainer convert`."""
    from trainer.quiet import import_tensorflow  # noqa: PLC0415
    from trainer.run import Run  # noqa: PLC0415

    runs = [Run.load(path) for path in options.run]
    if options.data and not options.compare:
        raise ConfigurationError("--data: judges precisions beside each other; give --compare too, or trainer evaluate")
    if len(runs) > 1 and not options.compare:
        raise ConfigurationError(f"{options.run[1]}: one run makes one bundle; give --compare to lay several together")
    import_tensorflow()
    if options.compare:
        return _compare_precisions(runs, options)
    from trainer.conversion import convert_run  # noqa: PLC0415

    bundle = convert_run(
        runs[0],
        options.precision,
        options.out,
        target=options.target,
        name=options.name,
        force=options.force,
        accept_loss=options.accept_loss,
    )
    size_mb = sum(len(content) for content in bundle.files.values()) / 1e6
    print(f"{options.out}: {bundle.spec.name}, {bundle.spec.precision}, {size_mb:.1f} MB, {bundle.digest[:12]}")
    return 0


def _compare_precisions(runs: "Sequence[Run]", options: argparse.Namespace) -> int:
    """All precisions of one run or several beside each other."""
    from trainer.precisions import JSON_NAME, PLOT_NAME, compare, table  # noqa: PLC0415

    if options.target != "cpu":
        raise ConfigurationError(
            f"--target {options.target}: --compare measures on the processor; leave one of them out"
        )
    judge = None
    if options.data:
        judge = partial(_judge_bundle, clips=_read(options.data, options), workers=_workers(options))
    print(table(compare(runs, options.out, judge, force=options.force)))
    print(f"{options.out}: {JSON_NAME}, {PLOT_NAME}")
    return 0


def tune(options: argparse.Namespace) -> int:
    """`trainer tune`."""
    from converters.write import refuse_existing, write_bundle  # noqa: PLC0415
    from edge.bundle import Bundle  # noqa: PLC0415
    from trainer.files import write_json  # noqa: PLC0415
    from trainer.judging import seen_in_training  # noqa: PLC0415
    from trainer.scoring import watch_clips  # noqa: PLC0415
    from trainer.tuning import draw, lines_of, tune  # noqa: PLC0415

    if options.max_false_alarms_per_day <= 0:
        raise ConfigurationError("--max-false-alarms-per-day: give a number over 0; none at all can never be proved")
    bundle = Bundle.load(options.bundle)
    refuse_existing(options.out, force=options.force)
    clips = _read(options.data, options)
    _refuse_unknown(clips, bundle.spec.labels)
    results = list(watch_clips(options.bundle, clips, _workers(options)))
    seen = set(seen_in_training(bundle.spec.provenance.get("clips", ()), results))
    held_out = [result for result in results if f"{result.clip.dataset}/{result.clip.name}" not in seen]
    if seen:
        print(
            f"trainer: {len(seen)} of {len(results)} clips are left out: the model learned from them", file=sys.stderr
        )
    spec, report = tune(bundle, held_out, options.max_false_alarms_per_day)
    write_bundle(spec, bundle.files, options.out, force=options.force)
    beside = options.out.with_name(f"{options.out.stem}-tuning.json")
    write_json(beside, report)
    draw(beside.with_suffix(".png"), report)
    print("\n".join([*lines_of(report), f"{options.out}: tuned; the trade-off is in {beside} and the .png beside it"]))
    return 0


def sweep(options: argparse.Namespace) -> int:
    """`trainer sweep`: a run for each value, then their comparison; what is finished is kept."""
    key, equals, listed = options.over.partition("=")
    values = [value for value in listed.split(",") if value]
    if not equals or not values:
        raise ConfigurationError(f"--over {options.over}: is not KEY=VALUE,VALUE,..., such as n_units=160,320")
    runs = [options.out / f"{key}={value}" for value in dict.fromkeys(values)]
    for run in runs:
        changed = {"out": run, "resume": None, "set": [*(options.set or ()), run.name]}
        train(argparse.Namespace(**{**vars(options), **changed}))
    return compare(argparse.Namespace(runs=runs, out=options.out))


def compare(options: argparse.Namespace) -> int:
    """`trainer compare`."""
    from trainer.quiet import import_tensorflow  # noqa: PLC0415

    import_tensorflow()
    from trainer.comparison import compare  # noqa: PLC0415

    print(f"{compare(options.runs, options.out)}: {len(options.runs)} runs; numbers and plots are beside it")
    return 0


def folds(options: argparse.Namespace) -> int:
    """`trainer folds`."""
    from trainer.splits import (  # noqa: PLC0415
        TRAIN_ONLY,
        assign_folds,
        leave_one_group_out,
        of_five,
        official_folds,
        write_folds,
    )

    clips = _read(options.data, options)
    if len(options.data) > 1:
        raise ConfigurationError("--data: a fold file is of one data set; write one for each")
    if options.official is not None:
        numbers = official_folds(clips, options.official)
    elif options.of_five:
        numbers = of_five(clips)
    elif options.leave_one_group_out:
        numbers = leave_one_group_out(clips)
    else:
        numbers = assign_folds(clips, options.number, options.seed)
    write_folds(options.out, clips, numbers)
    n_folds, n_judged = len({number for number in numbers if number > TRAIN_ONLY}), sum(n > TRAIN_ONLY for n in numbers)
    judged = "" if n_judged == len(clips) else f", {n_judged} of them judged"
    print(f"{options.out}: {len(clips)} clips in {n_folds} folds{judged}")
    return 0


def data_check(options: argparse.Namespace) -> int:
    """`trainer data check`."""
    from trainer.datacheck import check, lines_of  # noqa: PLC0415

    report = check(options.data, parse_positive(options.positive or ()), options.groups, _workers(options))
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines_of(report)))
    return DatasetError.exit_code if report["broken"] else 0


def synth(options: argparse.Namespace) -> int:
    """`trainer synth`."""
    from trainer.datasets import MANIFEST_NAME  # noqa: PLC0415
    from trainer.manifest import Clip, write_manifest  # noqa: PLC0415
    from trainer.pool import progress  # noqa: PLC0415
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


def _recall(options: argparse.Namespace) -> None:
    """Fill in what the interrupted command said; what is given again must not differ, which the run checks."""
    from trainer.training import read_command  # noqa: PLC0415

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


def _required(options: argparse.Namespace, key: str) -> Any:
    value = getattr(options, key)
    if value is None:
        raise ConfigurationError(f"--{key} is missing; see trainer --help")
    return value


def _known(name: str) -> str:
    if name not in RECIPE_NAMES:
        raise ConfigurationError(f"--recipe {name}: no such recipe; choose one of {', '.join(RECIPE_NAMES)}")
    return name


def _recipe(name: str) -> "Recipe":
    from trainer.recipes import RECIPES  # noqa: PLC0415

    return RECIPES[name]


def _read(paths: list[Path], options: argparse.Namespace) -> list["Clip"]:
    from trainer.datasets import read_datasets  # noqa: PLC0415

    return read_datasets(paths, parse_positive(options.positive or ()), options.groups)


def _wishes(options: argparse.Namespace) -> "Wishes":
    from trainer.training import Wishes  # noqa: PLC0415

    pairs = [text.partition("=") for text in options.set or ()]
    for key, equals, _ in pairs:
        if not equals:
            raise ConfigurationError(f"--set {key}: is not KEY=VALUE")
    changed = {key: value for key, _, value in pairs}
    return Wishes(options.seed or 0, options.epochs, options.stream, options.rate_hz, changed)


def _network(recipe: "Recipe", options: argparse.Namespace) -> str:
    from trainer.recipe import network_of  # noqa: PLC0415

    return network_of(recipe, options.backbone)


def _workshop(options: argparse.Namespace, network: str) -> "Workshop":
    from trainer.backbone import find_weights  # noqa: PLC0415
    from trainer.features import DEFAULT_FOLDER, Cache  # noqa: PLC0415
    from trainer.recipe import Workshop  # noqa: PLC0415

    weights = find_weights(options.weights, network)
    return Workshop(Cache(options.cache or DEFAULT_FOLDER), weights, _workers(options))


def _workers(options: argparse.Namespace) -> int:
    return options.workers or os.cpu_count() or 1
