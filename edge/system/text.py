"""Text files as editors and spreadsheets of all systems leave them."""

import codecs
import csv
import io
from typing import Final

UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SEPARATORS: Final = ",;\t"

Rows = list[tuple[int, list[str]]]
"""Cells, each row's with the number of its line in the file, which may have blank lines."""


def decoded(content: bytes) -> str:
    """Return the text of UTF-8 or, where its mark says so, UTF-16; without the mark.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    return content.decode("utf-16" if content.startswith(UTF16_MARKS) else "utf-8-sig")


def read_csv(content: bytes, *, strict: bool = False) -> tuple[list[str], Rows]:
    """Read a table as spreadsheets write them: commas, semicolons or tabs between the columns, in UTF-8, UTF-16 or
    Windows-1252, whatever the case of the header.

    Args:
        content: of the file.
        strict: whether stray quotes are refused.

    Returns:
        the columns' names in lower case, and the rows after them.

    Raises:
        UnicodeDecodeError: it is no text.
        csv.Error: it is no CSV; the message names the line.
    """
    try:
        text = decoded(content)
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    rows: Rows = []
    try:
        rows.extend((reader.line_num, cells) for cells in reader if cells)
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from None
    columns = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    return columns, rows[1:]
