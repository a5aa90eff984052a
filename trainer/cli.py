"""The command `trainer`: where errors become one line and an exit code.

Heavy libraries are imported by the commands that need them, so that help and refusals are quick.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from edge.errors import INTERRUPTED_EXIT_CODE, EdgewatchError
from trainer.commands.parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    # A scheduler's SIGTERM ends a training run just as Ctrl-C does: checkpoints stay, nothing is half-written.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options = make_parser().parse_args(arguments)
        return options.command(options)
    except EdgewatchError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(
            "trainer: interrupted; what is finished is kept, and the same command goes on from there", file=sys.stderr
        )
        return INTERRUPTED_EXIT_CODE
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
