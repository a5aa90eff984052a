"""`scripts/prove`: run proofs, print the figures of each as a JSON object, fail when one misses its limit."""

import argparse
import json
import sys
from collections.abc import Sequence

from edge.errors import INTERRUPTED_EXIT_CODE, ConfigurationError, EdgewatchError, QualityError
from proofs.catalogue import PROOFS
from proofs.frame import readme, record
from proofs.frame.proof import ROOT, Proof, say, setting


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="scripts/prove", description=__doc__)
    options.add_argument("names", metavar="NAME", nargs="*", help="the proofs to run, one after the other")
    options.add_argument("--short", action="store_true", help="a smaller measurement, in minutes; it is not recorded")
    options.add_argument("--record", action="store_true", help="write figures and evidence to tests/proofs/NAME.json")
    options.add_argument("--list", action="store_true", help="name the proofs and their limits")
    options.add_argument("--readme", action="store_true", help="write the tables of the README from the records")
    return options


def main(arguments: list[str]) -> int:
    chosen = parser().parse_args(arguments)
    try:
        if chosen.list:
            list_proofs()
        elif chosen.readme:
            write_readme()
        else:
            prove(chosen.names, short=chosen.short, recorded=chosen.record)
    except EdgewatchError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted; the same command goes on where it was stopped")
        return INTERRUPTED_EXIT_CODE
    return 0


def list_proofs() -> None:
    for proof in PROOFS.values():
        print(f"{proof.name}: {proof.summary}")
        for row in proof.table:
            if row.limit is not None:
                print(f"    {row.name} {row.limit}")


def write_readme() -> None:
    tables = {name: readme.table(proof, kept) for name, proof in PROOFS.items() if (kept := record.read(name))}
    readme.README.write_text(readme.with_tables(readme.README.read_text(), tables))


def prove(names: Sequence[str], *, short: bool, recorded: bool) -> None:
    """Run each proof, the others too when one misses its limits.

    Raises:
        ConfigurationError: no proof was named, or one that there is not.
        QualityError: limits were missed.
    """
    unknown = [name for name in names if name not in PROOFS]
    if unknown or not names:
        raise ConfigurationError(
            f"no proof {unknown[0] if unknown else ''!r}; scripts/prove --list names them: {', '.join(PROOFS)}"
        )
    if short and recorded:
        raise ConfigurationError("--record keeps whole measurements only; leave out --short")
    missed = {name: run(PROOFS[name], short=short, recorded=recorded) for name in names}
    told = [f"{name} misses its limits: {'; '.join(limits)}" for name, limits in missed.items() if limits]
    if told:
        raise QualityError(". ".join(told))


def run(proof: Proof, *, short: bool, recorded: bool) -> list[str]:
    """Measure, print, record; which limits are missed."""
    evidence = proof.measure(setting(proof, short=short))
    figures = proof.figures(evidence)
    held_to_limits = proof.short_keeps_limits or not short
    missed = proof.missed(figures) if held_to_limits else []
    print(json.dumps({"proof": proof.name, "short": short, "figures": figures, "missed": missed}, indent=1), flush=True)
    if recorded:
        say(f"recorded in {record.write(proof.name, figures, evidence).relative_to(ROOT)}")
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
