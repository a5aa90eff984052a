"""Arguments of the command `trainer`."""

import argparse
from pathlib import Path

from converters.targets import TARGETS
from trainer import commands
from trainer.commands.options import (
    Parser,
    add_dask,
    add_data,
    add_hold_out,
    add_reading,
    add_recipe,
    add_work,
    folds,
    positive,
    seed,
)

N_FOLDS = 5
PRECISIONS = ("float32", "float16", "mixed", "int8")

DATA_HELP = """\
A data set is a folder with one folder per class (fight/ noFight/, fall/ normal/, your own names), optionally with
groups.csv (path,group: clips of one scene or subject); or a manifest CSV (path,label[,group,start_s,end_s,annotates]);
or, as published, GMDCSA24, Le2i, URFD, UP-Fall, RWF-2000, Hockey Fight, Surveillance Camera Fight, UCF-11, UCF50,
UCF101, HMDB51, KTH, Kinetics (its CSV; one named danger*.csv is read as the five classes of Danger Kinetics), or names
such as 0_1.mp4 (0 dangerous, 1 safe). Of a published set at most 5 % of the videos may have other names; they are left
out. `trainer data check` tells what a folder is taken for.
Class names such as fight, violence, Fall, ADL, noFight and non_fall become the labels violence, fall and normal; other
names stay labels of their own, or are mapped with --positive CLASS=LABEL, which makes every class that it does not name
normal."""


def make_parser() -> argparse.ArgumentParser:
    """Describe every command and its options."""
    parser = Parser(prog="trainer", description="Train, judge and convert the models that the box runs.")
    commands_ = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_train(commands_)
    _add_evaluate(commands_)
    _add_convert(commands_)
    _add_tune(commands_)
    _add_compare(commands_)
    _add_sweep(commands_)
    _add_folds(commands_)
    _add_data_check(commands_)
    _add_synth(commands_)
    return parser


def _add_train(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(
        commands_,
        "train",
        "train a recipe on clips, into a run directory",
        "A fifth of the clips, in whole groups, chooses the best epoch. An interrupted run goes on with --resume RUN.",
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, metavar="RUN", help="run directory to write")
    target.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with an interrupted run, with its own settings"
    )
    add_recipe(parser)
    add_data(parser, required=False)
    add_hold_out(parser)
    add_work(parser)
    add_dask(parser)
    parser.set_defaults(command=commands.train)


def _add_evaluate(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(
        commands_,
        "evaluate",
        "judge a bundle or run on clips, or a recipe by cross-validation, through the box's pipeline",
        "With a bundle or run: judge it on all clips of --data, or with --held-out on those alone that it has not "
        "learned from. With --recipe and --folds: train without each fold, "
        "judge on it, and pool; stopped, the same command goes on.",
    )
    parser.add_argument("model", nargs="?", type=Path, metavar="BUNDLE_OR_RUN", help="bundle directory, .zip or run")
    add_recipe(parser)
    parser.add_argument(
        "--folds", type=Path, nargs="+", metavar="CSV", help="fold files, path,label,group,fold; see trainer folds"
    )
    parser.add_argument(
        "--also", type=Path, nargs="+", default=[], metavar="DIR", help="data sets that every fold learns from"
    )
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="leave out the clips that a bundle or run has learned from, as after training with --hold-out",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=PRECISIONS,
        default=["float32"],
        help="precisions to judge, of a run or recipe",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the folds' runs go (default: runs/RECIPE-folds)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON, clip by clip")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="also write figures.json, confusion matrices, ROC, precision-recall and reliability curves, and contact "
        "sheets of the clips that were wrong",
    )
    add_data(parser, required=True)
    add_work(parser)
    add_dask(parser)
    parser.set_defaults(command=commands.evaluate)


def _add_convert(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(
        commands_,
        "convert",
        "make a verified bundle for the box from a run",
        "What is lost is counted on clips too, through the box's pipeline: those of --data, else what the run held out "
        "or chose its best epoch by; at most 60, and 10 minutes of footage.",
    )
    parser.add_argument(
        "run", type=Path, nargs="+", metavar="RUN", help="finished run directory; several with --compare"
    )
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="default: what the target runs best: cpu float32, edgetpu int8, gpu float16",
    )
    for short, what in (("float32", "all of it"), ("float16", "half the size"), ("int8", "integers only")):
        precision.add_argument(
            f"--{short}", dest="precision", action="store_const", const=short, help=f"{what}, as --precision {short}"
        )
    precision.add_argument(
        "--compare",
        action="store_true",
        help="convert to every precision and write size, latency and loss of each into --out, as JSON and PNG, for "
        "runs of several backbones in one table; with --data also how often each is right",
    )
    parser.add_argument(
        "--target",
        choices=TARGETS,
        default="cpu",
        help="what is to run it (default: cpu); edgetpu takes edgetpu_compiler, or predicts what that would map",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="directory or .zip to write")
    parser.add_argument("--name", help="name of the model in bundle.json and events (default: recipe and run)")
    parser.add_argument("--force", action="store_true", help="replace what is at --out")
    parser.add_argument(
        "--accept-loss",
        action="store_true",
        help="convert also where more is lost than the limit; the bundle then carries a warning that the box prints",
    )
    add_data(parser, required=False)
    add_reading(parser)
    parser.set_defaults(command=commands.convert)


def _add_tune(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(
        commands_,
        "tune",
        "set a bundle's alerts by how many false alarms a day are borne",
        "Clips that the model learned from are left out. Writes the tuned bundle, and beside it the trade-off between "
        "events found and false alarms as JSON and PNG.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="bundle directory or .zip")
    parser.add_argument(
        "--max-false-alarms-per-day", type=float, default=0.5, metavar="N", help="of each label (default: 0.5)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="directory or .zip to write")
    parser.add_argument("--force", action="store_true", help="replace what is at --out")
    add_data(parser, required=True)
    add_work(parser)
    parser.set_defaults(command=commands.tune)


def _add_sweep(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(
        commands_,
        "sweep",
        "train a recipe with each of several values of one hyper-parameter, and compare",
        "Each value has its run directory below --out. Stopped, the same command goes on. Over numbers, the page draws "
        "accuracy and AUC.",
    )
    parser.add_argument(
        "--over",
        required=True,
        metavar="KEY=V,V",
        help="values to try of a hyper-parameter, such as n_units=160,320,360, or of seed, epochs, stream, rate_hz or "
        "backbone",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the runs and their page")
    add_recipe(parser)
    add_data(parser, required=True)
    add_hold_out(parser)
    add_work(parser)
    add_dask(parser)
    parser.set_defaults(command=commands.sweep)


def _add_compare(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(
        commands_,
        "compare",
        "lay finished runs side by side on one HTML page",
        "Rows of the same clips, judged the same way, and of the same backbone are ranked; those judged on clips that "
        "they learned from are not. Plots also as PNG, numbers as JSON.",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="finished run directories")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the page and its files")
    parser.set_defaults(command=commands.compare, swept=None)


def _add_folds(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(commands_, "folds", "write a fold file that keeps groups whole and labels even", "")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--number", type=folds, default=N_FOLDS, metavar="N", help=f"number of folds (default: {N_FOLDS})"
    )
    ways.add_argument(
        "--ungrouped",
        type=folds,
        nargs="?",
        const=N_FOLDS,
        metavar="N",
        help=f"plain k-fold, without regard to groups: so many folds (default: {N_FOLDS}); figures on it flatter",
    )
    ways.add_argument(
        "--official", metavar="SPLIT", help="the set's own split (official, 1, 2, 3, random), as published"
    )
    ways.add_argument(
        "--of-five", action="store_true", help="of every five clips of a class the fifth is judged, as in paper 004"
    )
    ways.add_argument("--leave-one-group-out", action="store_true", help="each group, such as a subject, its own fold")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="fold file to write")
    parser.add_argument("--seed", type=seed, default=0, help="default: 0")
    add_data(parser, required=True)
    parser.set_defaults(command=commands.folds)


def _add_data_check(commands_: "argparse._SubParsersAction[Parser]") -> None:
    data = _subparser(commands_, "data", "look at data sets before anything learns from them", "")
    actions = data.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
    parser = _subparser(
        actions,
        "check",
        "tell what a data set was taken for, what it holds, and what is wrong with it",
        "Clips per class, official split and group; broken files; groups on both sides of an official split; classes "
        "of too few groups; clips of different groups that show the same, by a perceptual hash of their frames; "
        "how many clips show people whom the built-in network finds, by a few looks at each, which are not cached. "
        "Broken files and torn groups end it with exit code 6.",
    )
    parser.add_argument("data", type=Path, nargs="+", metavar="DIR", help="data sets")
    parser.add_argument("--groups", type=Path, metavar="CSV", help="groups (path,group) of a folder of clips")
    parser.add_argument("--positive", nargs="+", metavar="CLASS=LABEL", help="label of a class; all others are normal")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(command=commands.data_check)


def _add_synth(commands_: "argparse._SubParsersAction[Parser]") -> None:
    parser = _subparser(
        commands_,
        "synth",
        "render synthetic labelled clips, for tests and trials",
        "The clips are drawn, not filmed: no accuracy is ever claimed on them.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for clips and manifest.csv")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--clips", type=positive, metavar="N", help="how many clips, each of one action")
    what.add_argument("--scene", action="store_true", help="one long scene with a fall and a fight, as the demo shows")
    parser.add_argument("--seed", type=seed, default=0, help="default: 0; renders the same clips again")
    parser.set_defaults(command=commands.synth)


def _subparser(
    commands_: "argparse._SubParsersAction[Parser]", name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    return commands_.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {description}",
        epilog=DATA_HELP if name in {"train", "evaluate", "convert", "folds", "tune"} else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
