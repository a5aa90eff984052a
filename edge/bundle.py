"""The bundle, format 2: a directory, or the same as one `.zip`, of `bundle.json` and the TFLite files that it names.

Two networks look at pictures: `scene` at what moves in all of it, `people` at bodies. Heads follow them in time:
`scene` once for a camera, `person` once for each track. Tensors are found by their signature names:

- the scene network: one input, uint8 (1, height, width, 3) RGB, scale 1 and zero point 0; outputs `features`
  (1, n_features) and `probabilities` (1, n_labels). It runs once per stream; features are concatenated,
  probabilities averaged. Without a file of its own the pixels are the features.
- the scene head, `mean`: no file, the mean of the network's probabilities over a window. `recurrent`: one step, inputs
  `features` (1, n_streams * n_features) and `state` (1, n_state); outputs `probabilities` (1, n_labels) and
  `next_state` (1, n_state); the state begins at zero. `window`: input `steps` (1, n_steps, n_streams * n_features), the
  last samples, oldest first; output `probabilities` (1, n_labels).
- the people network: one input as the scene network's; six maps as outputs, as `edge.people.decoding` reads them.
- the person head: as the recurrent scene head with a batch of six, one row for each track: features as
  `edge.people.features` has them, `probabilities` (6, 3) of `STATES`.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.errors import ModelError

FORMAT_VERSION = 2
MANIFEST = "bundle.json"
BUILTIN = Path(__file__).parent / "builtin"
MEMBER_ERRORS = (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)
"""What zipfile raises for members that are absent, damaged, encrypted or packed in an unknown way."""
BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of the ways to pack a member, those that zipfile unpacks no further than it is asked."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]

FileName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+\.tflite$")]
Precision = Literal["float32", "float16", "mixed", "int8"]
STATES = ("neither", "falling", "lying")
"""What the person head tells of a track, in this order."""

STREAMS: dict[str, tuple[str, ...]] = {
    "rgb": ("rgb",),
    "motion": ("motion",),
    "trail": ("trail",),
    "acceleration": ("acceleration",),
    "rgb+motion": ("rgb", "motion"),
    "motion+trail": ("motion", "trail"),
    "motion+trail+acceleration": ("motion", "trail", "acceleration"),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_Strict):
    """What the frame model is fed, in training as on the box."""

    height_px: int = Field(default=224, ge=32, le=1024)
    width_px: int = Field(default=224, ge=32, le=1024)
    stream: Literal[
        "rgb", "motion", "trail", "acceleration", "rgb+motion", "motion+trail", "motion+trail+acceleration"
    ] = "rgb"
    motion_interval_s: float = Field(default=0.1, gt=0, le=1)
    motion_gain: float = Field(default=3.0, gt=0, le=16)
    rate_hz: float = Field(default=5.0, gt=0, le=60)

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams in the order in which they are fed and their features concatenated."""
        return STREAMS[self.stream]


class AlertSpec(_Strict):
    """Default behaviour of one label's alert machine."""

    onset_threshold: Probability = 0.7
    offset_threshold: Probability = 0.4
    min_active_s: Seconds = 0.4
    """The score stays at or over the onset threshold this long before `started`."""
    min_quiet_s: Seconds = 2.0
    """The score stays under the offset threshold this long before `ended`."""
    refractory_s: Seconds = 5.0
    """No new `started` this long after `ended`."""
    update_interval_s: Seconds = 10.0
    """`updated` at most this often while active."""

    @model_validator(mode="after")
    def _offset_under_onset(self) -> Self:
        if self.offset_threshold > self.onset_threshold:
            raise ValueError(f"offset_threshold {self.offset_threshold} is over onset_threshold {self.onset_threshold}")
        return self


class NetworkSpec(_Strict):
    """A network that looks at pictures."""

    files: dict[Literal["cpu", "edgetpu"], FileName]
    """For each backend; the GPU takes the processor's."""
    precision: Precision
    input: InputSpec
    """Its rate is the wanted one."""
    least_rate_hz: float = Field(gt=0)
    """What it is trained for at the least: under it the camera is `slow`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.files and "cpu" not in self.files:
            raise ValueError("files: has none for the processor")
        if self.least_rate_hz > self.input.rate_hz:
            raise ValueError(f"least_rate_hz {self.least_rate_hz} is over input.rate_hz {self.input.rate_hz}")
        return self


class SceneNetworkSpec(NetworkSpec):
    """The network that looks at the whole picture."""

    fit: Literal["squash"] = "squash"
    """A picture is brought to the input's size without regard to its shape."""
    n_features: int = Field(ge=1)
    """Features of one stream; the numbers of a picture where the network has no file."""


class PeopleNetworkSpec(NetworkSpec):
    """The network that finds bodies."""

    fit: Literal["letterbox"] = "letterbox"
    """A picture keeps its shape, black around it."""

    @model_validator(mode="after")
    def _looks_at_pictures(self) -> Self:
        if not self.files:
            raise ValueError("files: names none")
        if self.input.stream != "rgb":
            raise ValueError(f"input.stream: is {self.input.stream!r}, bodies are found in 'rgb'")
        return self


class NetworkSpecs(_Strict):
    """The networks of a bundle."""

    scene: SceneNetworkSpec
    people: PeopleNetworkSpec | None = None

    @property
    def rates_hz(self) -> dict[str, tuple[float, float]]:
        """By network, the wanted and the least rate."""
        named = {"scene": self.scene} | ({} if self.people is None else {"people": self.people})
        return {name: (network.input.rate_hz, network.least_rate_hz) for name, network in named.items()}


class SceneHeadSpec(_Strict):
    """What follows the scene network in time, once for a camera."""

    per: Literal["camera"] = "camera"
    kind: Literal["mean", "recurrent", "window"]
    file: FileName | None = None
    n_state: int = Field(default=0, ge=0)
    """Size of the state of a recurrent one."""
    window_s: float = Field(gt=0)
    """What a score speaks of: the window of the mean, or the head's memory as it was trained."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.kind == "mean") != (self.file is None):
            raise ValueError(f"file: {self.file!r} does not fit kind {self.kind!r}")
        if (self.kind == "recurrent") != (self.n_state > 0):
            raise ValueError(f"n_state: {self.n_state} does not fit kind {self.kind!r}")
        return self


class PersonHeadSpec(_Strict):
    """What follows each track in time."""

    per: Literal["track"] = "track"
    file: FileName
    n_state: int = Field(gt=0)
    features_version: int
    """`edge.people.features.FEATURES_VERSION` that it was trained with."""


class HeadSpecs(_Strict):
    """The heads of a bundle."""

    scene: SceneHeadSpec
    person: PersonHeadSpec | None = None


HeadName = Literal["scene", "person"]


class BundleSpec(_Strict):
    """The content of `bundle.json`."""

    format_version: Literal[2]
    name: Name
    created_at: datetime
    labels: list[Name] = Field(min_length=2)
    """What the scene head's probabilities are of."""
    networks: NetworkSpecs
    heads: HeadSpecs
    combine: dict[Name, dict[HeadName, Weight]]
    """For each label that alerts, the heads that tell it; their greatest score, times weight, is the label's own."""
    alerts: dict[Name, AlertSpec]
    """Alert defaults of the labels that alert."""
    thresholds: dict[Name, Probability] = {}
    """From which score on a whole clip counts as the label's, when clips are judged."""
    video_rules: dict[Name, str] = {}
    """How a clip's score is made of its steps' scores, as `trainer.judging.scoring` names the ways."""
    files: dict[FileName, Sha256]
    verification: dict[str, Any]
    """Figures of the conversion: agreement with Keras, accuracy float and quantized, on what data."""
    provenance: dict[str, Any]
    """Data sets, recipe, versions, seed."""
    warning: str = ""
    """What the box prints when it opens the bundle: a conversion lost more than its limit, and was accepted."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels: {self.labels} repeat")
        for field in ("alerts", "thresholds", "video_rules"):
            if unknown := sorted(set(getattr(self, field)) - set(self.labels)):
                raise ValueError(f"{field}: {unknown} are not among the labels {self.labels}")
        if set(self.combine) != set(self.alerts) or not all(self.combine.values()):
            raise ValueError(f"combine: says heads of {sorted(self.combine)}, alerts are of {sorted(self.alerts)}")
        if (self.networks.people is None) != (self.heads.person is None):
            raise ValueError("heads.person: goes with networks.people, and one is there without the other")
        if self.heads.person is None and any("person" in heads for heads in self.combine.values()):
            raise ValueError("combine: names the head 'person', which is not there")
        if not self.networks.scene.files and self.heads.scene.kind != "window":
            raise ValueError("networks.scene.files: names none, and only a head of kind 'window' takes pixels")
        if self.named_files != set(self.files):
            raise ValueError(f"files: has {sorted(self.files)}, networks and heads name {sorted(self.named_files)}")
        return self

    @property
    def named_files(self) -> set[str]:
        """The files that networks and heads name."""
        networks, heads = self.networks, self.heads
        named = {*networks.scene.files.values(), *(networks.people.files.values() if networks.people else ())}
        return named | {head.file for head in (heads.scene, heads.person) if head is not None and head.file is not None}


class Bundle:
    """A verified bundle in memory: its spec, its files' bytes and its digest."""

    def __init__(self, spec: BundleSpec, files: dict[str, bytes], digest: str) -> None:
        self.spec = spec
        self.files = files
        self.digest = digest  # SHA-256 of bundle.json, which holds the digests of all others

    def content(self, network: NetworkSpec, backend: Literal["cpu", "edgetpu"] = "cpu") -> bytes | None:
        """Return a network's file for a backend; None where there is none."""
        name = network.files.get(backend)
        return None if name is None else self.files[name]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a bundle directory or `.zip` and check version, fields and digests.

        Raises:
            ModelError: the bundle is absent, damaged or does not fit; the message names the field.
        """
        return cls.of(reader(path), str(path))

    @classmethod
    def of(cls, read: Callable[[str], bytes], where: str) -> Self:
        """Make a bundle of its files' bytes, and check it as `load` does.

        Args:
            read: gives a file by its name.
            where: what messages begin with.

        Raises:
            ModelError: as `load`.
        """
        manifest = read(MANIFEST)
        spec = _parse(manifest, where)
        files = {name: read(name) for name in spec.files}
        for name, expected in spec.files.items():
            found = hashlib.sha256(files[name]).hexdigest()
            if found != expected:
                raise ModelError(
                    f"{where}: files.{name}: SHA-256 is {found[:12]}…, bundle.json says {expected[:12]}…; "
                    "copy the bundle again"
                )
        return cls(spec, files, hashlib.sha256(manifest).hexdigest())


def _parse(manifest: bytes, where: str) -> BundleSpec:
    try:
        return BundleSpec.model_validate_json(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or MANIFEST
        if field == "format_version":
            found = "is missing" if first["type"] == "missing" else f"{first['input']!r} is not {FORMAT_VERSION}"
            raise ModelError(
                f"{where}: format_version {found}; "
                "convert the model again with this version of edgewatch, or update the box"
            ) from error
        raise ModelError(f"{where}: {field}: {first['msg']}; convert the model again") from error


def reader(path: Path) -> Callable[[str], bytes]:
    """Return a function from a file's name in the bundle to its bytes; both raise ModelError."""
    try:
        is_folder = path.is_dir()
        content = b"" if is_folder else path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a null byte is no name
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: {reason}; give the path of a bundle") from error
    if is_folder:

        def read_file(name: str) -> bytes:
            try:
                return (path / name).read_bytes()
            except OSError as error:
                raise ModelError(f"{path}: {name}: {error.strerror}; copy the bundle again") from error

        return read_file
    return unpacked(content, str(path))


def unpacked(content: bytes, where: str, most_bytes: int | None = None) -> Callable[[str], bytes]:
    """Return what `reader` does, for the bytes of a `.zip`. No member takes more memory than the archive says.

    Args:
        content: of the file.
        where: what messages begin with.
        most_bytes: that all members together may hold.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ModelError(f"{where}: not a bundle directory or .zip ({error}); give the path of a bundle") from error
    members = {member.filename: member for member in archive.infolist()}
    if most_bytes is not None and sum(member.file_size for member in members.values()) > most_bytes:
        raise ModelError(f"{where}: holds over {most_bytes >> 20} MiB; no bundle is as large")

    def read_member(name: str) -> bytes:
        try:
            member = members[name]
            if member.compress_type not in BOUNDED:
                raise ValueError(member.compress_type)
            with archive.open(member) as file:
                return file.read(member.file_size)  # without a number, a size that lies is unpacked whole
        except MEMBER_ERRORS as error:
            raise ModelError(f"{where}: {name}: missing or damaged in the .zip; copy the bundle again") from error

    return read_member
