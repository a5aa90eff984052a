"""`trainer sweep` and `trainer compare`: several runs beside each other."""

import argparse

from edge.errors import ConfigurationError
from trainer.commands.training import train


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
