"""Text files as people leave them: Windows line ends, byte-order marks, tabs, quotes or none."""

from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigurationError

QUOTES = "\"'"
TYPOGRAPHIC = dict.fromkeys(range(0x201C, 0x2020), '"') | dict.fromkeys(range(0x2018, 0x201B), "'")
"""What word processors make of quotes."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and where."""

    file: str
    line: int | None
    text: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.text}"


class MistakesError(ConfigurationError):
    """The files cannot be applied."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


def find(folder: Path, name: str) -> Path | None:
    """Return the file of this name, or the one that an editor of Windows made of it, `NAME.txt`; None without either.

    Raises:
        MistakesError: both are there.
    """
    found = [path for path in (folder / name, folder / f"{name}.txt") if path.is_file()]
    if len(found) > 1:
        raise MistakesError([Mistake(found[1].name, None, f"stands beside {name}; remove one of them")])
    return found[0] if found else None


def read_text(path: Path) -> str:
    """Read a file of the boot partition.

    Raises:
        MistakesError: it is no UTF-8 text, or cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise MistakesError([Mistake(path.name, None, f"cannot be read ({error.strerror})")]) from error
    except UnicodeDecodeError:
        raise MistakesError([Mistake(path.name, None, "not UTF-8 text; save the file as UTF-8")]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_settings(path: Path, keys: tuple[str, ...], *, secret: bool = False) -> dict[str, tuple[int, str]]:
    """Read lines `key = value`; quotes around values and `#` lines may be there.

    Args:
        path: of the file.
        keys: that it may hold; one that ends with a space stands for all that begin so.
        secret: whether a key that is not known may be part of a password, and is not repeated.

    Returns:
        line number and value by key.

    Raises:
        MistakesError: with every line that is none, an unknown key, or one that is there twice; else with those after
            whose key nothing stands.
    """
    settings: dict[str, tuple[int, str]] = {}
    mistakes: list[Mistake] = []
    empty: list[Mistake] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        key = " ".join(name.split())
        known = key in keys or any(key.startswith(start) and key != start for start in keys if start.endswith(" "))
        if not equals:
            mistakes.append(Mistake(path.name, number, "no `=` in it; write: key = value"))
        elif not known:
            listed = ", ".join(f"{start}NAME" if start.endswith(" ") else start for start in keys)
            said = "what stands before `=`" if secret else repr(key)
            mistakes.append(Mistake(path.name, number, f"{said} is not known; known are {listed}"))
        elif key in settings:
            mistakes.append(Mistake(path.name, number, f"{key!r} stands in line {settings[key][0]} already"))
        else:
            settings[key] = (number, _unquoted(value.strip()))
            if not value.strip():
                empty.append(Mistake(path.name, number, f'{key}: is empty; write "" if it is to be'))
    if mistakes or empty:
        raise MistakesError(mistakes or empty)
    return settings


def _unquoted(value: str) -> str:
    plain = value.translate(TYPOGRAPHIC) if ord(value[:1] or "x") in TYPOGRAPHIC else value
    if len(plain) >= 2 and plain[0] in QUOTES and plain[-1] == plain[0]:
        return plain[1:-1]
    return value
