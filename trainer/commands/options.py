"""Options that several commands of `trainer` share, and how their values are read."""

import argparse
from pathlib import Path
from typing import NoReturn

from edge.bundle import STREAMS
from edge.errors import ConfigurationError
from trainer.commands.shared import BACKBONE_NAMES, RECIPE_NAMES

MAX_SEED = 2**32 - 1
MAX_HELD_OUT = 0.5


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see {self.prog} --help")


def add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", metavar="R", help=f"one of {', '.join(RECIPE_NAMES)}")
    parser.add_argument(
        "--backbone",
        choices=BACKBONE_NAMES,
        help="what looks at frames, for recipes with EfficientNetB0: that (the default), or EfficientNet-Lite0, which "
        "loses less in int8",
    )
    parser.add_argument("--seed", type=seed, help="default: 0; equal seeds and settings give equal models")
    parser.add_argument("--epochs", type=positive, metavar="N", help="at most this many (default: the recipe's)")
    parser.add_argument("--stream", choices=tuple(STREAMS), help="instead of the recipe's")
    parser.add_argument(
        "--devices", type=devices, metavar="N", help="GPUs of this machine that share each batch, or all (default: 1)"
    )
    parser.add_argument("--rate-hz", type=float, metavar="HZ", help="samples a second, instead of the recipe's")
    parser.add_argument(
        "--set",
        nargs="+",
        default=None,
        metavar="KEY=VALUE",
        help="other hyper-parameters than the recipe's; beside those: class_weights=balanced or LABEL:WEIGHT,..., "
        "focal_gamma=2, label_smoothing=0.1, plateau=5 with plateau_factor=0.2, schedule=cosine, keep=last (learns "
        "from the validation clips too), augment=flip,crop,light,noise,speed with augment_copies=1, "
        "mixed_precision=true on a GPU; efficientnetb0-*: finetune_blocks=1; efficientnetb0-mean: momentum=0.9",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="weights of the backbone without classifier (default: EDGEWATCH_WEIGHTS, ../shared/weights, the package "
        "that carries EfficientNet-Lite0's, else Keras downloads imagenet); imagenet and none are understood too",
    )


def add_data(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--data", type=Path, nargs="+", action="extend", required=required, metavar="DIR", help="data sets, see below"
    )
    parser.add_argument("--groups", type=Path, metavar="CSV", help="groups (path,group) of a folder of clips")
    parser.add_argument(
        "--positive",
        nargs="+",
        action="extend",
        default=None,
        metavar="CLASS=LABEL",
        help="label of a class; all others are normal",
    )


def add_work(parser: argparse.ArgumentParser) -> None:
    add_reading(parser)
    parser.add_argument(
        "--tensorboard",
        type=Path,
        metavar="DIR",
        help="log each epoch there, a folder a run; to look: pip install tensorboard, tensorboard --logdir DIR",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=positive, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="feature cache (default: ~/.cache/edgewatch)")
    parser.add_argument(
        "--max-broken", type=count, metavar="N", help="broken clips to leave out at most (default: one in 20)"
    )


def add_hold_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hold-out",
        type=share,
        metavar="SHARE",
        help="leave this share of the clips, such as 0.2, in whole groups for trainer tune and evaluate",
    )


def add_dask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="extract features on the workers of a Dask cluster, such as tcp://scheduler:8786 (extra dask)",
    )


def count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return number


def share(text: str) -> float:
    share = float(text)
    if not 0 < share <= MAX_HELD_OUT:
        raise argparse.ArgumentTypeError(f"{text} is not over 0 and at most {MAX_HELD_OUT}")
    return share


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def folds(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"{text} is not 2 or more")
    return number


def devices(text: str) -> str:
    return text if text == "all" else str(positive(text))


def seed(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {MAX_SEED}")
    return number
