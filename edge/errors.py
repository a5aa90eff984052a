"""One tree of errors. Each is raised where the fact is known, says in one line what is wrong (file, key or device) and
what to do, and is caught once, in a command line, which exits with its code."""

import errno
import re
from typing import Final

UNSHOWABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, turns its text round, or is no text at all."""
REPLACEMENT: Final = "\ufffd"
MAX_LETTERS: Final = 2000
"""Of a message."""
LAST_LETTERS: Final = 500
"""Of a longer one's end: it says what to do."""
DISK_ERRNOS: Final = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""What a disk says that is full, read-only or broken: no fault of a configuration."""


class EdgewatchError(Exception):
    """Base of all errors that a user can do something about."""

    exit_code = 1

    def __str__(self) -> str:
        """Return one line that can be shown: it names files, keys and topics, which others have named."""
        line = UNSHOWABLE.sub(REPLACEMENT, " ".join(super().__str__().splitlines()))
        if len(line) <= MAX_LETTERS:
            return line
        return f"{line[: MAX_LETTERS - LAST_LETTERS - 1]}…{line[-LAST_LETTERS:]}"


class ConfigurationError(EdgewatchError):
    """Usage, configuration file, environment or command-line values."""

    exit_code = 2


class SourceError(EdgewatchError):
    """A camera or video that cannot be opened or read."""

    exit_code = 3


class ModelError(EdgewatchError):
    """A bundle or backend that cannot be used."""

    exit_code = 4


class BrokerError(EdgewatchError):
    """The MQTT broker is absent, refuses us, or left events unacknowledged at the end of a file."""

    exit_code = 5


class DatasetError(EdgewatchError):
    """A data set, manifest or clip for training or evaluation that cannot be used."""

    exit_code = 6


class QualityError(EdgewatchError):
    """A conversion or proof that misses its stated limit."""

    exit_code = 7


INTERRUPTED_EXIT_CODE = 130
