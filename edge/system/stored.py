"""JSON that another version of this program may have written: a later one too, where an update was taken back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kept = TypeVar("Kept", bound="DataclassInstance")


def from_fields(kind: type[Kept], stored: object) -> Kept:
    """Make a dataclass from JSON. Fields that this version does not know are passed over, missing ones get their
    defaults.

    Raises:
        ValueError: it is no JSON object, or lacks a field that has no default.
    """
    if not isinstance(stored, Mapping):
        raise ValueError(f"{kind.__name__}: is stored as {type(stored).__name__}, not as an object")  # noqa: TRY004 - JSON's
    known = {one.name for one in fields(kind)}
    values = {name: value for name, value in cast("Mapping[str, object]", stored).items() if name in known}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error
