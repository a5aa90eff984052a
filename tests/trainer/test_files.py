"""What a disk refuses becomes one line; whatever else goes wrong stays what it is."""

import errno
from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from trainer.files import telling_refusals


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")]
)
def test_a_disk_that_takes_no_more(number, said):
    with (
        pytest.raises(ConfigurationError, match=rf"a/b: cannot be written \({said}\); make room"),
        telling_refusals(Path("a/b")),
    ):
        raise OSError(number, "wherever")


def test_other_errors_pass():
    with pytest.raises(FileNotFoundError), telling_refusals(Path("a")):
        raise FileNotFoundError(errno.ENOENT, "gone")
