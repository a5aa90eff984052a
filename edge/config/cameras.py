"""The tables of the cameras."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, ValidationError, field_validator

from edge.bundle import AlertSpec, BundleSpec, Name, Probability, Seconds
from edge.config.table import ShortName, Table, first_fault
from edge.errors import ConfigurationError, SourceError
from edge.frames.regions import Polygon
from edge.sources.addresses import is_stream, without_credentials

CONTRACT_NAMES = frozenset({"events", "stats", "availability", "fault", "update"})


def _camera_name(name: str) -> str:
    if name in CONTRACT_NAMES:
        raise ValueError(f"{name!r} is a topic of the MQTT contract and cannot name a camera; choose another name")
    return name


CameraName = Annotated[ShortName, AfterValidator(_camera_name)]


def _source_text(source: object) -> str:
    """Take what pydantic would refuse: names of files whose bytes are not UTF-8 hold surrogates."""
    if not isinstance(source, str) or not source or "\0" in source:
        raise ValueError("give a text: where the pictures come from")
    return source


SourceText = Annotated[str, PlainValidator(_source_text)]


class AlertOverride(Table):
    """What differs from the bundle's `AlertSpec` for one label of one camera."""

    onset_threshold: Probability | None = None
    offset_threshold: Probability | None = None
    min_active_s: Seconds | None = None
    min_quiet_s: Seconds | None = None
    refractory_s: Seconds | None = None
    update_interval_s: Seconds | None = None


class CameraConfig(Table):
    """One camera."""

    source: SourceText
    """`rtsp://user@host/path`, `http://user@host/path`, a V4L2 device, `picamera:0`, a video file, or a folder of
    pictures."""
    rate_hz: float | None = Field(default=None, gt=0, le=1000)
    """Pictures a second of a folder, or of a bare stream (`.h264`). Other sources know their own times."""
    realtime: bool = True
    """Play a file at its own speed. Cameras have no other."""
    alerts: dict[Name, AlertOverride] = Field(default={})
    masks: list[Polygon] = Field(default=[])
    """Privacy: black before anything looks at the picture."""
    rest_zones: list[Polygon] | None = None
    """Beds and sofas: no fall begins there. An empty list says that there are none; without it nobody knows, and
    `found_down` sleeps."""
    found_down_s: float = Field(default=20.0, ge=5, le=3600)
    """Report who lies still for so long outside the rest zones though nobody was seen falling."""
    still_down_s: float | None = Field(default=None, ge=5, le=3600)
    """Report who does not move for so long after a fall."""
    publish_people: bool = True
    """Whether it is published how many people are in the picture, and how many of them lie."""
    figures: bool = True
    """Whether events are followed by stick figures of who was in the picture."""
    publish_scores: bool = False
    """Whether the scores are published once a second."""

    @property
    def finds_down(self) -> bool:
        """Whether `found_down` is in force: a bed that nobody has drawn would be one alarm a night."""
        return self.rest_zones is not None

    @field_validator("source")
    @classmethod
    def _source_without_password(cls, source: str) -> str:
        if not is_stream(source.strip()):
            return source
        source = source.strip()  # of an address, blanks around it are no part
        try:
            without_credentials(source)
        except SourceError as error:
            raise ValueError(str(error)) from None
        if urlsplit(source).password is not None:
            raise ValueError("holds a password; remove it and set EDGEWATCH_CAMERA_<NAME>_PASSWORD")
        return source


def alert_specs(camera: str, config: CameraConfig, bundle: BundleSpec) -> dict[str, AlertSpec]:
    """Lay a camera's overrides over the bundle's alert defaults.

    Raises:
        ConfigurationError: a label does not alert in this bundle, or the result contradicts itself.
    """
    specs = dict(bundle.alerts)
    for label, override in config.alerts.items():
        key = f"cameras.{camera}.alerts.{label}"
        if label not in specs:
            raise ConfigurationError(f"{key}: labels that alert in bundle {bundle.name!r} are {', '.join(specs)}")
        values = specs[label].model_dump() | override.model_dump(exclude_none=True)
        try:
            specs[label] = AlertSpec.model_validate(values)
        except ValidationError as error:
            raise ConfigurationError(f"{key}: {first_fault(error)}") from None
    return specs
