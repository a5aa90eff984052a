"""A run directory: what was asked, how it went, and what came out. Everything in it is written whole or not at all.

`run.json` settings; `history.json` figures of each epoch; `checkpoints/` what a resumed run goes on from;
`frame.keras`, `head.keras` and `window.keras` the trained models, those that there are; `metrics.json`,
`confusion_frames.png` and `confusion_videos.png` what they are worth on the validation clips.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from edge.bundle import AlertSpec, HeadName, InputSpec
from edge.errors import ConfigurationError
from trainer.files import write_atomically, write_json

if TYPE_CHECKING:
    import keras

SETTINGS_NAME = "run.json"
HISTORY_NAME = "history.json"
METRICS_NAME = "metrics.json"
FRAME_NAME = "frame.keras"
HEAD_NAME = "head.keras"
WINDOW_NAME = "window.keras"
PERSON_NAME = "person.keras"
MODEL_NAME = "model.json"
COMMAND_NAME = "command.json"
N_STEPS = "n_steps"
"""Name of the hyper-parameter by which a system takes another number of steps than its paper."""
FEATURES = "features"
"""Name of the hyper-parameter that chooses among the backbones of a system that has several."""
MAX_SHOWN = 5
"""Differences between settings that one line shows."""
SAMPLING = "sampling"
PAPER = "paper"
RATE = "rate"
"""Values of the hyper-parameter `sampling`: frames chosen over a whole clip, as the paper has it, or so many a second,
as a camera does."""
_HISTORY = TypeAdapter(list[dict[str, float]])


class Settings(BaseModel):
    """What decides a run's outcome: two runs with equal settings on one machine give the same model, bit for bit.

    Processors of another kind round sums otherwise, as do other versions of the libraries.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str
    seed: int
    epochs: int
    labels: tuple[str, ...]
    input: InputSpec
    hyperparameters: dict[str, float | int | str | bool] = {}
    data: tuple[str, ...] = ()
    """Names of the data sets."""
    train_clips: dict[str, str] = {}
    """Clips to learn from, as dataset/name, and the beginning of their SHA-256."""
    validation_clips: dict[str, str] = {}
    network: str = ""
    """What takes the place of the recipe's own backbone; empty where nothing does."""
    weights: str = ""
    """Where the backbone's weights come from, with their digest."""
    devices: int = 1
    """How many share each batch."""
    versions: dict[str, str] = {}

    @property
    def judges_whole_clips(self) -> bool:
        """Whether the model needs the end of a clip, so that no box can run it."""
        return self.hyperparameters.get(SAMPLING) == PAPER

    @property
    def learned(self) -> list[str]:
        """The beginnings of the digests of all clips that the model was trained or chosen on."""
        return sorted({*self.train_clips.values(), *self.validation_clips.values()})


class Kept(BaseModel):
    """The content of `model.json`: what the Keras files do not say."""

    labels: tuple[str, ...]
    input: InputSpec
    window_s: float
    alerts: dict[str, AlertSpec]
    thresholds: dict[str, float]
    video_rules: dict[str, str] = {}
    combine: dict[str, dict[HeadName, float]] = {}
    parts: tuple[str, ...] = ()
    """Names of the Keras files."""
    head: bool = False
    """In place of `parts` in runs of before."""


Content = TypeVar("Content", bound=BaseModel)


@dataclass(frozen=True)
class TrainedModel:
    """What a recipe makes. `frame` maps float32 (n, height, width, 3), 0..255 in whole numbers, to the outputs
    `features` (n, n_features) and `probabilities` (n, n_labels); `head`, one recurrent step, maps `features` and
    `state` to `probabilities` and `next_state`; `window` maps `steps` (n, n_steps, n_features), the features of the
    last samples or, without `frame`, their pixels, to `probabilities`."""

    frame: "keras.Model | None"
    head: "keras.Model | None"
    labels: tuple[str, ...]
    input: InputSpec
    window_s: float
    alerts: dict[str, AlertSpec] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    """From which score of a whole video on a label counts as present, chosen on the validation clips. Without any,
    the highest score decides."""
    video_rules: dict[str, str] = field(default_factory=dict)
    """How the score of a whole video is made of its steps', per label: `peak`, `last` or, without a rule, `mean`."""
    window: "keras.Model | None" = None
    person: "keras.Model | None" = None
    """One step of the person head: `features` and `state` of tracks to `probabilities` and `next_state`."""
    combine: dict[str, dict[HeadName, float]] = field(default_factory=dict)
    """Which heads say a label; of one that it does not name, the scene's."""


class Run:
    """An open run directory."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.settings = settings

    @classmethod
    def start(cls, path: Path, settings: Settings) -> Self:
        """Begin a run, or open the unfinished one of the same settings.

        Raises:
            ConfigurationError: the directory holds something else, or a run of other settings.
        """
        if (path / SETTINGS_NAME).is_file():
            run = cls.load(path)
            run.refuse_other(settings)
            return run
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigurationError(f"{path}: exists and is no run directory; give another --out")
        write_json(path / SETTINGS_NAME, settings.model_dump(mode="json"))
        return cls(path, settings)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open a run directory.

        Raises:
            ConfigurationError: it is none, or its settings cannot be read.
        """
        try:
            return cls(path, _read(path / SETTINGS_NAME, Settings))
        except OSError as error:
            raise ConfigurationError(f"{path}: no run directory ({SETTINGS_NAME}: {error.strerror})") from error

    def refuse_other(self, settings: Settings) -> None:
        """Refuse to go on with settings that are not the run's own.

        Raises:
            ConfigurationError: settings differ; the message shows how.
        """
        mine, other = self.settings.model_dump(mode="json"), settings.model_dump(mode="json")
        changes = [
            change
            for key in mine
            if key != "versions" and mine[key] != other[key]
            for change in differences(key, mine[key], other[key])
        ]
        if changes:
            rest = f", and {len(changes) - MAX_SHOWN} more" if len(changes) > MAX_SHOWN else ""
            shown = ", another ".join(changes[:MAX_SHOWN])
            raise ConfigurationError(f"{self.path}: the run has another {shown}{rest}; give another --out")

    @property
    def finished(self) -> bool:
        """Whether the trained model is there."""
        return (self.path / MODEL_NAME).is_file()

    @property
    def follows_people(self) -> bool:
        """Whether the trained model has a person head."""
        return (self.path / PERSON_NAME).is_file()

    @property
    def checkpoints(self) -> Path:
        """Where a recipe keeps what a resumed run goes on from."""
        return self.path / "checkpoints"

    def history(self) -> list[dict[str, float]]:
        """Figures of each finished epoch.

        Raises:
            ConfigurationError: the file is damaged.
        """
        path = self.path / HISTORY_NAME
        if not path.is_file():
            return []
        try:
            return _HISTORY.validate_json(path.read_bytes())
        except ValidationError as error:
            raise ConfigurationError(f"{path}: {error.errors()[0]['msg']}; train again with another --out") from error

    def write_history(self, history: list[dict[str, float]]) -> None:
        """Replace the figures of the finished epochs."""
        write_json(self.path / HISTORY_NAME, history)

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Replace the figures on the validation clips."""
        write_json(self.path / METRICS_NAME, metrics)

    def save_model(self, trained: TrainedModel) -> None:
        """Write the trained model; `finished` becomes true last."""
        parts = {
            FRAME_NAME: trained.frame,
            HEAD_NAME: trained.head,
            WINDOW_NAME: trained.window,
            PERSON_NAME: trained.person,
        }
        for name, model in parts.items():
            if model is not None:
                write_atomically(self.path / name, model.save)
        kept = Kept(
            labels=trained.labels,
            input=trained.input,
            window_s=trained.window_s,
            alerts=trained.alerts,
            thresholds=trained.thresholds,
            video_rules=trained.video_rules,
            combine=trained.combine,
            parts=tuple(name for name, model in parts.items() if model is not None),
        )
        write_json(self.path / MODEL_NAME, kept.model_dump(mode="json", exclude={"head"}))

    def load_model(self) -> TrainedModel:
        """Read the trained model.

        Raises:
            ConfigurationError: the run has none yet, or a file of it cannot be read.
        """
        import keras  # noqa: PLC0415  (seconds to import, and most commands need no model)

        if not self.finished:
            raise ConfigurationError(f"{self.path}: training is not finished; go on with trainer train --resume")
        kept = _read(self.path / MODEL_NAME, Kept)
        names = kept.parts or (FRAME_NAME, *[HEAD_NAME] * kept.head)
        parts = {name: _load(keras, self.path / name) for name in names}
        return TrainedModel(
            frame=parts.get(FRAME_NAME),
            head=parts.get(HEAD_NAME),
            window=parts.get(WINDOW_NAME),
            labels=kept.labels,
            input=kept.input,
            window_s=kept.window_s,
            alerts=kept.alerts,
            thresholds=kept.thresholds,
            video_rules=kept.video_rules,
            person=parts.get(PERSON_NAME),
            combine=kept.combine,
        )


def differences(name: str, there: Any, here: Any) -> list[str]:
    """What differs between a run's setting and another of the same name, one phrase each; clips are counted."""
    if not isinstance(there, dict):
        return [f"{name} ({there!r} there, {here!r} here)"]
    keys = sorted(key for key in {*there, *here} if there.get(key) != here.get(key))
    if not name.endswith("_clips"):
        return [f"{key} ({there.get(key)!r} there, {here.get(key)!r} here)" for key in keys]
    counts = {
        "only there": [key for key in keys if key not in here],
        "only here": [key for key in keys if key not in there],
        "of other content": [key for key in keys if key in there and key in here],
    }
    found = [f"{len(which)} {how}, such as {which[0]}" for how, which in counts.items() if which]
    return [f"set of {name.replace('_', ' ')} ({'; '.join(found)})"]


def _read(path: Path, kind: type[Content]) -> Content:
    """Read JSON of this kind.

    Raises:
        ConfigurationError: it is damaged, or not all there.
        OSError: the file cannot be read.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: {key and f'{key}: '}{first['msg']}; train again") from error


def _load(keras: Any, path: Path) -> "keras.Model":
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{path}: cannot be read ({str(error).splitlines()[0]}); train again") from error


def write_command(run_path: Path, command: Mapping[str, Any]) -> None:
    """Keep with a run what the command line said, for `--resume`."""
    write_json(run_path / COMMAND_NAME, dict(command))


def read_command(run_path: Path) -> dict[str, Any]:
    """What the command line of a run said.

    Raises:
        ConfigurationError: there is no run.
    """
    try:
        return json.loads((run_path / COMMAND_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{run_path}: no run that trainer train began ({error}); start one with --out"
        ) from error
