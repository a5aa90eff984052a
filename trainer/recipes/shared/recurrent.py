"""Recurrent networks over frames' features, in the three forms in which one set of weights is used.

Whole sequences with one answer at their end, as the papers train; whole sequences with an answer at every step, as is
trained for the box; and one step, its state going in and coming out, as the box runs it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import keras

from trainer.clips.manifest import Clip
from trainer.features.backbones import Backbone
from trainer.features.features import read_features
from trainer.fitting.devices import train_on
from trainer.fitting.finetuning import Body
from trainer.fitting.loop import fit_epochs, seed_everything
from trainer.fitting.objective import Objective
from trainer.fitting.recipe import Wanted, WholeSystem, Workshop
from trainer.fitting.rules import Rules
from trainer.fitting.run import RATE, Run, TrainedModel
from trainer.fitting.sequences import LabelledSequence, SequenceBatches, sequence
from trainer.recipes.shared.whole import alerts_of, fit_whole, sampling_of, steps_input

RECURRENT = "rnn"
"""Name of the recurrent layer; all layers after it are the top."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A recurrent network's parts."""

    cell: Callable[[Wanted], Any]
    """A Keras cell."""
    top: Callable[[Wanted, int], list[keras.Layer]]
    """`top(wanted, n_labels)`: the layers after the recurrent one, the last of which gives probabilities."""
    both_ways: bool = False
    """Whether the sequence is read from its end too, which only whole ones allow."""


@dataclass(frozen=True, slots=True)
class RecurrentSystem:
    """A system whose network is recurrent."""

    whole: WholeSystem
    recurrence: Recurrence


def whole_model(recurrence: Recurrence, wanted: Wanted, n_steps: int, n_features: int, n_labels: int) -> keras.Model:
    """One answer to a sequence: steps (n, n_steps, f), rows of zeros masked -> probabilities (n, n_labels)."""
    steps = steps_input(n_steps, n_features)
    recurrent: Any = keras.layers.RNN(recurrence.cell(wanted), name=RECURRENT)
    if recurrence.both_ways:
        recurrent = keras.layers.Bidirectional(recurrent, name="both_ways")
    x = recurrent(keras.layers.Masking(name="mask")(steps))
    for layer in recurrence.top(wanted, n_labels):
        x = layer(x)
    return keras.Model(steps, x)


def steps_model(recurrence: Recurrence, wanted: Wanted, n_features: int, n_labels: int) -> keras.Model:
    """An answer at every step: features (n, n_steps, f), mask (n, n_steps) -> (n, n_steps, n_labels)."""
    features = keras.Input((None, n_features), name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = keras.layers.RNN(recurrence.cell(wanted), return_sequences=True, name=RECURRENT)(features, mask=mask)
    for layer in recurrence.top(wanted, n_labels):
        x = layer(x)
    return keras.Model({"features": features, "mask": mask}, x)


def step_of(model: Any) -> keras.Model:
    """One step with the weights of a `steps_model`: features (n, f), state (n, n_state) -> probabilities, next_state.

    The state is the cell's states side by side; an LSTM has two.
    """
    cell = model.get_layer(RECURRENT).cell
    sizes = [cell.state_size] if isinstance(cell.state_size, int) else list(cell.state_size)
    features = keras.Input((model.input["features"].shape[-1],), name="features")
    state = keras.Input((sum(sizes),), name="state")
    ops: Any = keras.ops
    states = [state] if len(sizes) == 1 else ops.split(state, len(sizes), axis=-1)
    x, next_states = cell(features, states)
    after = [layer for layer in model.layers[model.layers.index(model.get_layer(RECURRENT)) + 1 :] if _counts(layer)]
    next_state = next_states[0] if len(sizes) == 1 else ops.concatenate(next_states, axis=-1)
    for layer in after:
        x = layer(x)
    return keras.Model({"features": features, "state": state}, {"probabilities": x, "next_state": next_state})


def _counts(layer: keras.Layer) -> bool:
    """Whether a layer does anything outside training."""
    return not isinstance(layer, (keras.layers.Dropout, keras.layers.InputLayer))


def assemble(backbone: Any, head: Any, n_streams: int) -> keras.Model:
    """The frame model: features (n, f), and the head's answer to them from a state of zeros."""
    features = backbone.output
    every_stream = keras.layers.Concatenate()([features] * n_streams) if n_streams > 1 else features
    ops: Any = keras.ops
    zero = ops.sum(ops.zeros_like(features), axis=-1, keepdims=True)  # (n, 1)
    state = ops.repeat(zero, head.input["state"].shape[-1], axis=-1)
    answer = head({"features": every_stream, "state": state})
    return keras.Model(backbone.input, {"features": features, "probabilities": answer["probabilities"]})


def fit(
    parts: RecurrentSystem, train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop
) -> TrainedModel:
    """Train on whole clips, on windows, or, where the box can run it a step at a time, on every step."""
    if sampling_of(run) == RATE and not parts.recurrence.both_ways:
        return fit_steps(parts, train, validation, run, workshop)
    return fit_whole(parts.whole, train, validation, run, workshop)


def fit_steps(
    parts: RecurrentSystem, train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop
) -> TrainedModel:
    """Train an answer at every step, on samples of a fixed rate."""
    system, settings, wanted = parts.whole, run.settings, run.settings.hyperparameters
    window_s = float(wanted.get("max_clip_s", system.n_steps / settings.input.rate_hz))
    length = max(1, round(window_s * settings.input.rate_hz))
    body = Body.of(system.backbone(wanted), run, workshop.weights, length)
    of_train, of_validation = (
        StoredSequences(body.source, window_s, clips, run, workshop) for clips in (train, validation)
    )
    seed_everything(settings.seed)
    n_features = body.n_features(of_train[0].features.shape[1])
    batches = SequenceBatches(of_train, length, int(wanted["batch_size"]), settings.seed)
    held_out = SequenceBatches(of_validation, length, int(wanted["batch_size"]), None)

    def fit(model: Any) -> Any:
        model.compile(system.optimizer(wanted), Objective.of(wanted).loss, weighted_metrics=["accuracy"])
        return fit_epochs(
            model, batches, held_out, run, Rules.of(system.monitor, wanted), tensorboard=workshop.tensorboard
        )

    def build() -> Any:
        return body.before(steps_model(parts.recurrence, wanted, n_features, len(settings.labels)))

    trained = train_on(settings.devices, wanted, build, fit)
    head = step_of(body.network_of(trained))
    frame = assemble(body.backbone_of(trained), head, len(settings.input.streams))
    return TrainedModel(frame, head, settings.labels, settings.input, window_s, alerts_of(settings.labels))


class StoredSequences(Sequence[LabelledSequence]):
    """The clips' sequences, each read from the cache when it is wanted; small ones are kept."""

    def __init__(
        self, backbone: Backbone, max_clip_s: float, clips: Sequence[Clip], run: Run, workshop: Workshop
    ) -> None:
        settings = run.settings
        self._clips = clips
        self._labels = settings.labels
        self._trim_s = float(settings.hyperparameters.get("trim_s", 0.0))
        self._max_clip_s = max_clip_s
        self._entries: list[Path] = workshop.extract(clips, settings.input, settings.seed, backbone)
        self._kept: dict[int, LabelledSequence] | None = {} if backbone.dtype == "float32" else None

    def __len__(self) -> int:
        return len(self._clips)

    @overload
    def __getitem__(self, index: int) -> LabelledSequence: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[LabelledSequence]: ...

    def __getitem__(self, index: int | slice) -> LabelledSequence | Sequence[LabelledSequence]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if self._kept is None:
            return self._read(index)
        if index not in self._kept:
            self._kept[index] = self._read(index)
        return self._kept[index]

    def _read(self, index: int) -> LabelledSequence:
        features = read_features(self._entries[index])
        return sequence(self._clips[index], features, self._labels, self._trim_s, self._max_clip_s)
