"""What errors say to people."""

from edge.errors import MAX_LETTERS, DatasetError


def test_an_error_s_message_is_one_line_that_can_be_shown() -> None:
    """It names what others have named."""
    assert str(DatasetError("groups.csv: a\x1b[2J.mp4\nb\udcff: no such file")) == (
        "groups.csv: a\ufffd[2J.mp4 b\ufffd: no such file"
    )


def test_a_message_that_names_something_endless_is_cut_and_keeps_what_to_do() -> None:
    said = str(DatasetError(f"a.csv, line 3: {'x' * 100_000}: no such file; correct the path"))
    assert len(said) == MAX_LETTERS
    assert said.startswith("a.csv, line 3: xx")
    assert said.endswith("xx: no such file; correct the path")
