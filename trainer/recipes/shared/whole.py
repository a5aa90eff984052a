"""Systems that look at a whole clip at once, as the papers have it, or at a whole window, as a box can.

With `sampling=paper` a clip's frames are chosen over its whole length, so the model judges clips whose end is known and
never runs on a box. With `sampling=rate` it looks at windows of as many samples of a fixed rate.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.bundle import AlertSpec, InputSpec
from edge.errors import ConfigurationError
from edge.inference.window import STEPS_INPUT
from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip
from trainer.files import file_sha256
from trainer.fitting.devices import train_on
from trainer.fitting.finetuning import Body
from trainer.fitting.loop import fit_epochs, seed_everything
from trainer.fitting.objective import Objective
from trainer.fitting.recipe import Wanted, WholeSystem, Workshop
from trainer.fitting.rules import Rules
from trainer.fitting.run import PAPER, RATE, SAMPLING, Run, TrainedModel
from trainer.fitting.stored import StretchBatches, read_steps, whole_clips, windows
from trainer.judging.scoring import ClipScores, container_shape


def sampling_of(run: Run) -> str:
    """`paper` or `rate`.

    Raises:
        ConfigurationError: it is neither, or the paper's with a stream that compares frames.
    """
    settings = run.settings
    sampling = str(settings.hyperparameters[SAMPLING])
    if sampling not in {PAPER, RATE}:
        raise ConfigurationError(f"--set {SAMPLING}={sampling}: choose {PAPER} or {RATE}")
    if sampling == PAPER and settings.input.stream != "rgb":
        raise ConfigurationError(
            f"--stream {settings.input.stream}: the paper's frames lie too far apart to be compared; "
            f"give --set {SAMPLING}={RATE} too"
        )
    return sampling


def fit_whole(
    system: WholeSystem, train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop
) -> TrainedModel:
    """Train a system on whole clips, or on windows of them."""
    settings, wanted = run.settings, run.settings.hyperparameters
    sampling = sampling_of(run)
    _check_labels(system, settings.labels)
    cut, n_steps = whole_clips if sampling == PAPER else windows, system.steps(wanted)
    stretches = [
        cut(clips, _entries(system, clips, run, workshop), settings.labels, n_steps) for clips in (train, validation)
    ]
    masked = system.masked and sampling == PAPER
    batches, held_out = (
        StretchBatches(found, n_steps, int(wanted["batch_size"]), seed, masked=masked)
        for found, seed in zip(stretches, (settings.seed, None), strict=True)
    )
    seed_everything(settings.seed)
    body = _body(system, run, workshop)
    n_features = body.n_features(read_steps(stretches[0][0], n_steps, masked=masked).shape[1])

    def build() -> Any:
        return body.before(system.build(wanted, settings.input, n_features, len(settings.labels)))

    def fit(model: Any) -> Any:
        _compile(model, system, wanted, len(settings.labels))
        return fit_epochs(
            model, batches, held_out, run, Rules.of(system.monitor, wanted), tensorboard=workshop.tensorboard
        )

    trained = train_on(settings.devices, wanted, build, fit)
    model = body.network_of(trained)
    window = keras.Model(model.inputs[0], {"probabilities": model.outputs[0]})
    frame = None if sampling == PAPER else _frame(body.backbone_of(trained), len(settings.labels))
    window_s = n_steps / settings.input.rate_hz
    return TrainedModel(
        frame, None, settings.labels, settings.input, window_s, alerts_of(settings.labels), window=window
    )


def _compile(model: Any, system: WholeSystem, wanted: Wanted, n_labels: int) -> None:
    counted: list[Any] = ["accuracy"]
    if system.top_k is not None and n_labels > system.top_k:
        counted.append(keras.metrics.SparseTopKCategoricalAccuracy(system.top_k, name=f"top_{system.top_k}"))
    model.compile(system.optimizer(wanted), Objective.of(wanted).loss, metrics=counted)


def alerts_of(labels: Sequence[str]) -> dict[str, AlertSpec]:
    """Alert defaults of every label but `normal`."""
    return {label: AlertSpec() for label in labels if label != NORMAL}


def _check_labels(system: WholeSystem, labels: Sequence[str]) -> None:
    if system.n_labels is not None and len(labels) != system.n_labels:
        raise ConfigurationError(
            f"--data: holds {len(labels)} labels ({', '.join(labels)}), this recipe tells {system.n_labels} apart; "
            "map classes with --positive CLASS=LABEL, which makes every other one normal"
        )


def _entries(system: WholeSystem, clips: Sequence[Clip], run: Run, workshop: Workshop) -> list[Path]:
    settings = run.settings
    paper = settings.judges_whole_clips
    # the rate decides nothing about frames that are chosen by their number, so their entries are kept whatever it is
    spec = InputSpec(height_px=settings.input.height_px, width_px=settings.input.width_px) if paper else settings.input
    source = _body(system, run, workshop).source
    choice = system.frames(settings.hyperparameters) if paper else ""
    return workshop.extract(clips, spec, settings.seed, source, choice)


def _body(system: WholeSystem, run: Run, workshop: Workshop) -> Body:
    wanted = run.settings.hyperparameters
    return Body.of(system.backbone(wanted), run, workshop.weights, system.steps(wanted))


def _frame(backbone: Any, n_labels: int) -> keras.Model | None:
    """The frame model behind a window: its features, and equal shares, since one frame alone says nothing."""
    if backbone is None:
        return None
    shares = keras.layers.Dense(n_labels, "softmax", kernel_initializer="zeros", name="equal_shares")
    return keras.Model(backbone.input, {"features": backbone.output, "probabilities": shares(backbone.output)})


def steps_input(n_steps: int, n_features: int) -> Any:
    """The one input of a model of whole sequences."""
    return keras.Input((n_steps, n_features), name=STEPS_INPUT)


def score_whole(system: WholeSystem, run: Run, clips: Sequence[Clip], workshop: Workshop) -> list[ClipScores]:
    """What a model that needs whole clips says of them: one score each, no alarms.

    Raises:
        ConfigurationError: the weights are not those that the run was trained with.
        DatasetError: a clip cannot be read.
    """
    settings = run.settings
    if settings.weights != workshop.weights.described:
        raise ConfigurationError(
            f"--weights: the run was trained with {settings.weights}, not {workshop.weights.described}; give those"
        )
    model: Any = run.load_model().window
    n_steps = system.steps(settings.hyperparameters)
    scores: list[ClipScores] = []
    for clip, entry in zip(clips, _entries(system, clips, run, workshop), strict=True):
        stretch = whole_clips([clip], [entry], (clip.label,), n_steps)[0]
        steps = read_steps(stretch, n_steps, masked=system.masked)[np.newaxis]
        answer = np.asarray(model(steps, training=False)["probabilities"], np.float64)  # (1, n_labels)
        scores.append(_clip_scores(clip, answer))
    return scores


def _clip_scores(clip: Clip, answer: NDArray[np.float64]) -> ClipScores:
    shape = container_shape(clip.path)
    middle_s = np.asarray([shape[3] / 2])
    return ClipScores(clip, file_sha256(clip.path), middle_s, answer, answer, (), shape, 0)
