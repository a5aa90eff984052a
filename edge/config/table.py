"""What all tables of the configuration share: unknown keys are refused, and faults are told in one line."""

import difflib
from typing import cast

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError


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
