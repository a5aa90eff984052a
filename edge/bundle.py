"""The bundle: a directory, or the same as one `.zip`, with `bundle.json` and the TFLite files that it describes.

Tensors are found by their signature names:

- `frame.tflite`: one input, uint8 (1, height, width, 3) RGB, scale 1 and zero point 0; outputs `features`
  (1, n_features) and `probabilities` (1, n_labels). It runs once per stream; features are concatenated,
  probabilities averaged.
- `head.tflite` (kind `frame+head`): one recurrent step. Inputs `features` (1, n_streams * n_features) and `state`
  (1, n_state); outputs `probabilities` (1, n_labels) and `next_state` (1, n_state). The state begins at zero.
- `frame_edgetpu.tflite` (optional): `frame.tflite` as Coral's compiler has made it for the Edge TPU.
- `window.tflite` (kind `window`): input `steps` (1, n_steps, n_streams * n_features), the last samples, oldest first:
  features of `frame.tflite` where there is one, else the pixels as they are; output `probabilities` (1, n_labels).
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

FORMAT_VERSION = 1
MANIFEST = "bundle.json"
FRAME_FILE = "frame.tflite"
HEAD_FILE = "head.tflite"
WINDOW_FILE = "window.tflite"
EDGETPU_FILE = "frame_edgetpu.tflite"
FILES_OF_KIND = {
    "frame": [{FRAME_FILE}],
    "frame+head": [{FRAME_FILE, HEAD_FILE}],
    "window": [{WINDOW_FILE}, {FRAME_FILE, WINDOW_FILE}],
}
"""The sets of files that make each kind."""
BUILTIN = Path(__file__).parent / "builtin"
MEMBER_ERRORS = (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)
"""What zipfile raises for members that are absent, damaged, encrypted or packed in an unknown way."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]

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


class BundleSpec(_Strict):
    """The content of `bundle.json`."""

    format_version: Literal[1]
    name: Name
    created_at: datetime
    kind: Literal["frame", "frame+head", "window"]
    labels: list[Name] = Field(min_length=2)
    input: InputSpec
    precision: Literal["float32", "float16", "mixed", "int8"]
    n_features: int = Field(ge=1)
    """Features of the frame model for one stream; the numbers of a picture where a window model sees the pixels."""
    n_state: int = Field(default=0, ge=0)
    """Size of the head's state; 0 without a head."""
    window_s: float = Field(gt=0)
    """What a score speaks of: the window of the mean, or the head's memory as it was trained."""
    alerts: dict[Name, AlertSpec]
    """Alert defaults of the labels that alert."""
    files: dict[str, Sha256]
    verification: dict[str, Any]
    """Figures of the conversion: agreement with Keras, accuracy float and quantized, on what data."""
    provenance: dict[str, Any]
    """Data sets, recipe, versions, seed."""
    warning: str = ""
    """What the box prints when it opens the bundle: a conversion lost more than its limit, and was accepted."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        files = set(self.files) - ({EDGETPU_FILE} if FRAME_FILE in self.files else set[str]())
        if files not in FILES_OF_KIND[self.kind]:
            needed = " or ".join(str(sorted(files)) for files in FILES_OF_KIND[self.kind])
            raise ValueError(f"files: kind {self.kind!r} needs exactly {needed}")
        if unknown := sorted(set(self.alerts) - set(self.labels)):
            raise ValueError(f"alerts: {unknown} are not among the labels {self.labels}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels: {self.labels} repeat")
        if (self.kind == "frame+head") != (self.n_state > 0):
            raise ValueError(f"n_state: {self.n_state} does not fit kind {self.kind!r}")
        return self


class Bundle:
    """A verified bundle in memory: its spec, its files' bytes and its digest."""

    def __init__(self, spec: BundleSpec, files: dict[str, bytes], digest: str) -> None:
        self.spec = spec
        self.files = files
        self.digest = digest  # SHA-256 of bundle.json, which holds the digests of all others

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a bundle directory or `.zip` and check version, fields and digests.

        Raises:
            ModelError: the bundle is absent, damaged or does not fit; the message names the field.
        """
        read = reader(path)
        manifest = read(MANIFEST)
        spec = _parse(manifest, path)
        files = {name: read(name) for name in spec.files}
        for name, expected in spec.files.items():
            found = hashlib.sha256(files[name]).hexdigest()
            if found != expected:
                raise ModelError(
                    f"{path}: files.{name}: SHA-256 is {found[:12]}…, bundle.json says {expected[:12]}…; "
                    "copy the bundle again"
                )
        return cls(spec, files, hashlib.sha256(manifest).hexdigest())


def _parse(manifest: bytes, path: Path) -> BundleSpec:
    try:
        return BundleSpec.model_validate_json(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or MANIFEST
        if field == "format_version":
            raise ModelError(
                f"{path}: format_version {first['input']!r} is not {FORMAT_VERSION}; "
                "convert the model again with this version of edgewatch, or update the box"
            ) from error
        raise ModelError(f"{path}: {field}: {first['msg']}; convert the model again") from error


def reader(path: Path) -> Callable[[str], bytes]:
    """Return a function from a file's name in the bundle to its bytes; both raise ModelError."""
    if path.is_dir():

        def read_file(name: str) -> bytes:
            try:
                return (path / name).read_bytes()
            except OSError as error:
                raise ModelError(f"{path}: {name}: {error.strerror}; copy the bundle again") from error

        return read_file
    try:
        archive = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ModelError(f"{path}: not a bundle directory or .zip ({error}); give the path of a bundle") from error

    def read_member(name: str) -> bytes:
        try:
            return archive.read(name)
        except MEMBER_ERRORS as error:
            raise ModelError(f"{path}: {name}: missing or damaged in the .zip; copy the bundle again") from error

    return read_member
