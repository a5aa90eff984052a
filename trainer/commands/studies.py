"""`trainer sweep` and `trainer compare`: several runs beside each other."""

import argparse
from collections.abc import Iterable
from typing import Any

from edge.errors import ConfigurationError
from trainer.commands.options import Parser, add_recipe
from trainer.commands.training import train

RUN_OPTIONS = ("seed", "epochs", "stream", "rate_hz", "backbone")
"""What `--over` tries beside hyper-parameters."""
SEED = "seed"
"""A number, but not more or less of anything."""


def sweep(options: argparse.Namespace) -> int:
    """`trainer sweep`: a run for each value, then their comparison; what is finished is kept."""
    key, equals, listed = options.over.partition("=")
    values = [value for value in listed.split(",") if value]
    if not equals or not values:
        raise ConfigurationError(f"--over {options.over}: is not KEY=VALUE,VALUE,..., such as n_units=160,320")
    tried = {options.out / f"{key}={value}": changes_of(key, value, options) for value in dict.fromkeys(values)}
    for run, changes in tried.items():
        train(argparse.Namespace(**{**vars(options), "out": run, "resume": None, **changes}))
    numbers = numbers_of(dict.fromkeys(values)) if key != SEED else None
    swept = None if numbers is None else (key, numbers)
    return compare(argparse.Namespace(runs=list(tried), out=options.out, swept=swept))


def numbers_of(values: Iterable[str]) -> list[float] | None:
    """The values as numbers; None where one is none."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return None


def changes_of(key: str, value: str, options: argparse.Namespace) -> dict[str, Any]:
    """What one run of a sweep is given, as the option of this name reads it, or else as a hyper-parameter."""
    name = key.replace("-", "_")
    if name not in RUN_OPTIONS:
        return {"set": [*(options.set or ()), f"{key}={value}"]}
    parser = Parser(prog="trainer train")
    add_recipe(parser)
    return {name: getattr(parser.parse_args([f"--{name.replace('_', '-')}={value}"]), name)}


def compare(options: argparse.Namespace) -> int:
    """`trainer compare`, and the end of `trainer sweep`."""
    from trainer.commands.quiet import import_tensorflow  # noqa: PLC0415

    import_tensorflow()
    from trainer.studies.comparison import compare  # noqa: PLC0415

    print(f"{compare(options.runs, options.out, options.swept)}: numbers and plots are beside it")
    return 0
