"""What the commands of `trainer` do, one module for those that belong together."""

from trainer.commands.bundles import convert, tune
from trainer.commands.data import data_check, folds, synth
from trainer.commands.evaluation import evaluate
from trainer.commands.shared import BACKBONE_NAMES, RECIPE_NAMES
from trainer.commands.studies import compare, sweep
from trainer.commands.training import train

__all__ = [
    "BACKBONE_NAMES",
    "RECIPE_NAMES",
    "compare",
    "convert",
    "data_check",
    "evaluate",
    "folds",
    "sweep",
    "synth",
    "train",
    "tune",
]
