"""The checks of `edgewatch.toml`, `passwords` and `authorized_keys`, with the line of each mistake."""

import re
from pathlib import Path

from edge.config import Config, load
from edge.config.table import MAX_NAME_LETTERS
from edge.errors import ConfigurationError
from edge.firstboot.files import Mistake, MistakesError, read_settings, read_text

BROKER, CAMERA = "broker", "camera "
CAMERA_NAME = re.compile(rf"[a-z0-9_-]{{1,{MAX_NAME_LETTERS}}}")
SSH_KEY = re.compile(r"(\S+ )?(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]{40,}( .*)?")
HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?")
KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")
TOML_PLACE = re.compile(r" \(at line (\d+), column \d+\)")


def check_config(path: Path) -> Config:
    """Read the configuration, and ask for what a box needs.

    Raises:
        MistakesError: with the mistake's line.
    """
    text = read_text(path)
    try:
        config = load(path)
    except ConfigurationError as error:
        raise MistakesError([located(str(error).removeprefix(f"{path}: "), text, path.name)]) from None
    missing = [name for name in ("broker", "cameras") if not getattr(config, name)]
    if missing:
        raise MistakesError([Mistake(path.name, None, f"{name}: missing; add a table for it") for name in missing])
    return config


def located(fault: str, text: str, name: str) -> Mistake:
    """Find the line of which a message of the configuration speaks."""
    if place := TOML_PLACE.search(fault):
        return Mistake(name, int(place[1]), TOML_PLACE.sub("", fault))
    if "(at end of document)" in fault:
        return Mistake(name, len(text.rstrip("\n").split("\n")), fault)
    return Mistake(name, _line_of(fault.partition(":")[0].split("."), text), fault)


def _line_of(path: list[str], text: str) -> int | None:
    """Return the line that comes nearest to a key: its own, or else its table's header."""
    best: tuple[int, int | None] = (0, None)
    table: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if header := HEADER.match(line):
            table = _names(header[1])
            found = table
        elif key := KEY.match(line):
            found = [*table, *_names(key[1])]
        else:
            continue
        length = len(found) if path[: len(found)] == found else 0
        if length > best[0]:
            best = (length, number)
    return best[1]


def _names(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in dotted.split(".")]


def read_passwords(path: Path) -> dict[str, str]:
    """Return passwords by the name of their credential.

    Raises:
        MistakesError: with every mistake and its line.
    """
    settings = read_settings(path, (BROKER, CAMERA), secret=True)
    wrong = [
        Mistake(path.name, number, f"{key[:MAX_NAME_LETTERS]}: is no camera's name; use only a-z, 0-9, _ and -")
        for key, (number, _) in settings.items()
        if key != BROKER and not CAMERA_NAME.fullmatch(key.removeprefix(CAMERA))
    ]
    if wrong:
        raise MistakesError(wrong)
    return {_credential(key): value for key, (_, value) in settings.items()}


def _credential(key: str) -> str:
    return "mqtt-password" if key == BROKER else f"camera-{key.removeprefix(CAMERA)}-password"


def check_keys(path: Path) -> None:
    """Check `authorized_keys`.

    Raises:
        MistakesError: a line is no public key, or somebody put a private one there.
    """
    mistakes: list[Mistake] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if "PRIVATE KEY" in line:
            raise MistakesError([Mistake(path.name, number, "a private key; put the public one here (.pub)")])
        if line.strip() and not line.startswith("#") and not SSH_KEY.fullmatch(line.strip()):
            mistakes.append(Mistake(path.name, number, "is no public key; it begins with ssh- or ecdsa-"))
    if mistakes:
        raise MistakesError(mistakes)
