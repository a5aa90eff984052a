"""What all tables of the configuration share: unknown keys are refused, and faults are told in one line."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from edge.bundle import Name
from edge.errors import ConfigurationError

Tables = TypeVar("Tables", bound="Table")

MAX_NAME_LETTERS = 100
"""Of what names files too: with what stands around it, a file's name has 255 bytes at most."""


def _short(name: str) -> str:
    if len(name) > MAX_NAME_LETTERS:
        raise ValueError(f"a name of {len(name)} letters; give one of at most {MAX_NAME_LETTERS}")
    return name


ShortName = Annotated[Name, AfterValidator(_short)]


class Table(BaseModel):
    """A table of the file: unknown keys are refused with the nearest known one named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, table: object) -> object:
        if isinstance(table, dict):
            for key in cast("dict[str, object]", table):
                if key not in cls.model_fields:
                    raise PydanticCustomError("unknown_key", "{key}", {"key": key, "hint": _nearest(key, cls)})
        return cast("object", table)


def _nearest(key: str, table: type[BaseModel]) -> str:
    known = list(table.model_fields)
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def first_fault(error: ValidationError) -> str:
    """Say what is wrong first, in a line that names the key and repeats no value that may be secret."""
    first = error.errors(include_url=False, include_context=True)[0]
    path = [str(part) for part in first["loc"] if part != "[key]"]
    if first["type"] == "unknown_key":
        context = first.get("ctx", {})
        return f"{'.'.join([*path, context['key']])}: unknown key; {context['hint']}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} is not a name; use only a-z, 0-9, _ and -"
    return ": ".join(part for part in (".".join(path), message) if part)


def read_tables(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigurationError: it is absent, not UTF-8 or not TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; give the path of a configuration file") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from error
    except ValueError as error:  # tomllib's, and Python's of a number with thousands of digits
        raise ConfigurationError(f"{path}: not TOML: {error}; correct that line") from error
    except RecursionError:
        raise ConfigurationError(f"{path}: not TOML: brackets within brackets without end; correct them") from None


def validated(model: type[Tables], tables: Mapping[str, Any], where: str) -> Tables:
    """Make a file's model of its tables.

    Raises:
        ConfigurationError: the message begins with `where` and names the key.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {first_fault(error)}") from None  # its text would repeat the values


def absolute_paths(table: Any, folder: Path, *keys: str) -> Any:
    """Make a table's relative paths relative to a folder. Values of wrong types are left for the model to refuse."""
    if not isinstance(table, dict):
        return table
    values = cast("dict[str, Any]", table)
    return values | {key: str(folder / values[key]) for key in keys if isinstance(values.get(key), str) and values[key]}
