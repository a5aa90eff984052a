"""The notifier's own TOML file: people, rules, quiet hours, digest.

state_dir = "/var/lib/edgewatch-notify"

[broker]
url = "mqtt://notify@broker.example"

[people.nurse]                       # where: EDGEWATCH_NOTIFY_NURSE or the credential notify-nurse
[people.doctor]
quiet = "22:00-06:00"                # what is not urgent waits until then

[[rules]]
name = "somebody fell"
when = ["fall"]
tell = ["nurse"]
urgent = true
escalate = [{ after_s = 120, tell = ["doctor"] }]

[[rules]]
name = "a box is blind"
when = ["offline", "lost", "stalled", "blind"]
after_s = 60
tell = ["nurse"]

[digest]
at = "07:00"
tell = ["doctor"]
"""

import re
from collections.abc import Iterator
from datetime import datetime, time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from edge.config import BrokerConfig
from edge.config.broker import BROKER_PATHS
from edge.config.passwords import secret
from edge.config.table import Table, absolute_paths, read_tables, validated
from edge.errors import ConfigurationError

TROUBLES: Final = frozenset({"offline", "lost", "stalled", "blind"})
"""Conditions of a camera; `offline` is the box's."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
PersonName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600, allow_inf_nan=False)]


def _checked_span(span: str | None) -> str | None:
    if span is not None and not SPAN.fullmatch(span):
        raise ValueError(f"{span!r} are no hours; write 22:00-06:00")
    return span


def within(span: str, moment: time) -> bool:
    """Whether a time of the day lies in a span such as `22:00-06:00`."""
    first, last = (time.fromisoformat(part) for part in span.split("-"))
    return first <= moment < last if first < last else moment >= first or moment < last


class PersonConfig(Table):
    """Somebody, or some place where somebody looks."""

    quiet: str | None = None
    """Local hours in which only urgent messages come; the others wait for their end, as one."""

    _hours = field_validator("quiet")(_checked_span)


class StepConfig(Table):
    """Who is told next when nobody answers."""

    after_s: Seconds
    """From the first message."""
    tell: list[PersonName] = Field(min_length=1)


class RuleConfig(Table):
    """What is told to whom."""

    name: str = Field(min_length=1, max_length=100)
    when: list[str] = Field(min_length=1)
    """Labels, and `offline`, `lost`, `stalled`, `blind`."""
    tell: list[PersonName] = Field(min_length=1)
    boxes: list[str] = Field(default=["*"])
    cameras: list[str] = Field(default=["*"])
    """Names, with `*` for any part."""
    hours: str | None = None
    """Local; default: always."""
    days: list[Day] = Field(default=[*DAYS])
    after_s: Seconds = 30.0
    """How long a trouble has to last; alarms are told at once."""
    urgent: bool = False
    """Quiet hours do not hold it back."""
    tests: bool = True
    """Also alarms of `edge test-alarm`, marked as such."""
    escalate: list[StepConfig] = Field(default=[])

    _hours = field_validator("hours")(_checked_span)

    def covers(self, what: str, box: str, camera: str | None, moment: datetime) -> bool:
        """Whether this rule speaks of it.

        Args:
            what: label or trouble.
            box: whose.
            camera: None for the box itself.
            moment: local time.
        """
        return (
            what in self.when
            and any(fnmatchcase(box, pattern) for pattern in self.boxes)
            and (camera is None or any(fnmatchcase(camera, pattern) for pattern in self.cameras))
            and DAYS[moment.weekday()] in self.days
            and (self.hours is None or within(self.hours, moment.time()))
        )


class DigestConfig(Table):
    """One message a day on the last 24 hours."""

    at: str = "07:00"
    """Local time."""
    tell: list[PersonName] = Field(min_length=1)

    @field_validator("at")
    @classmethod
    def _clock(cls, at: str) -> str:
        if not CLOCK.fullmatch(at):
            raise ValueError(f"{at!r} is no time of the day; write 07:00")
        return at


class NotifyConfig(Table):
    """The whole file."""

    broker: BrokerConfig
    state_dir: Path
    """Holds what is still to be told."""
    timezone: str | None = None
    """Of hours and quiet hours; default: this machine's."""
    people: dict[PersonName, PersonConfig] = Field(min_length=1)
    rules: list[RuleConfig] = Field(min_length=1)
    digest: DigestConfig | None = None
    page: str | None = Field(default=None, pattern=r"^https?://")
    """Where people can answer: the dashboard's address, which ends every message."""
    keep_days: float = Field(default=30.0, gt=0)
    """How long what was told is remembered."""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, timezone: str | None) -> str | None:
        try:
            return timezone and ZoneInfo(timezone).key
        except (ZoneInfoNotFoundError, ValueError, OSError):  # the last of a name that no file can have
            raise ValueError(f"{timezone!r} is no time zone; write Europe/Vienna") from None

    @model_validator(mode="after")
    def _people_are_known(self) -> Self:
        for where, name in self._told():
            if name not in self.people:
                raise ValueError(f"{where}: nobody is called {name!r}; people are {', '.join(self.people)}")
        return self

    def _told(self) -> Iterator[tuple[str, str]]:
        for number, rule in enumerate(self.rules):
            for names in (rule.tell, *(step.tell for step in rule.escalate)):
                yield from ((f"rules.{number}.tell", name) for name in names)
        if self.digest is not None:
            yield from (("digest.tell", name) for name in self.digest.tell)

    def local(self, now_s: float) -> datetime:
        """Return a Unix time as people's clocks show it."""
        zone = None if self.timezone is None else ZoneInfo(self.timezone)
        return datetime.fromtimestamp(now_s, zone).astimezone(zone)


def load(path: Path) -> NotifyConfig:
    """Read the file.

    Raises:
        ConfigurationError: the message names file and key.
    """
    tables: dict[str, Any] = absolute_paths(read_tables(path), path.parent, "state_dir")
    if "broker" in tables:
        tables["broker"] = absolute_paths(tables["broker"], path.parent, *BROKER_PATHS)
    return validated(NotifyConfig, tables, str(path))


def addresses(people: dict[str, PersonConfig]) -> dict[str, str]:
    """Return everybody's Apprise URLs, separated by spaces or commas: they hold tokens, so they are in no file.

    Raises:
        ConfigurationError: somebody has none.
    """
    found: dict[str, str] = {}
    for name in people:
        variable = f"EDGEWATCH_NOTIFY_{name.upper().replace('-', '_')}"
        url = secret(variable, f"notify-{name}")
        if not url:
            raise ConfigurationError(f"people.{name}: has no address; set {variable} to an Apprise URL")
        found[name] = url
    return found
