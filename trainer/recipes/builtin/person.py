"""The person head: small recurrent networks that say of a track at each look whether it falls, lies, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from edge.bundle import STATES
from edge.people.features import N_TRACK_FEATURES
from trainer.features.poses import FALLING, NEITHER, PoseSequence
from trainer.fitting.loop import seed_everything
from trainer.recipes.builtin.person_examples import Example, Rows, jittered, joined, many_examples
from trainer.recipes.builtin.shipped_head import Member

N_CLASSES: Final = len(STATES)
LEAST_DEVIATION: Final = 0.05
"""Of an input, by which it is divided: what hardly ever varies is not blown up."""


@dataclass(frozen=True, slots=True)
class PersonSettings:
    """How the person head is fitted."""

    members: int = 4
    """Networks whose probabilities are averaged; each has a state, and virtual bodies, of its own. Heads of one network
    that learned from other bodies found 10 to 13 of 14 falls in a set left out; four together 13."""
    units: int = 32
    inputs: int = 48
    """What features are brought down to before."""
    dropout: float = 0.2
    times: int = 3
    """Varied ones of each sequence."""
    epochs: int = 14
    batch_size: int = 64
    learning_rate: float = 4e-3
    falling_weight: float = 2.0
    """What a look of a fall counts, beside one of anything else."""
    most_looks: int = 110
    """Of an example at a time; longer ones are cut where they are not falls."""
    n_virtual: int = 5000
    """Sequences of bodies that are made, beside those of clips."""
    joined_share: float = 0.3
    """Of examples before which somebody else comes."""


def fit_person(
    sequences: Sequence[PoseSequence],
    seed: int,
    settings: PersonSettings | None = None,
    *,
    virtual: Sequence[Sequence[Example]] = (),
    start: Sequence[Member] = (),
) -> keras.Model:
    """Fit the head; the same sequences and seed give the same head.

    Args:
        sequences: of real clips, weighted.
        seed: of weights and of what varies.
        settings: how.
        virtual: what each member learns from beside them.
        start: networks of an earlier head to go on from, whose sizes and number then are this one's too; none: begin
            with random ones.

    Returns:
        one step: `features` (n, n_features), `state` (n, n_state) -> `probabilities` (n, 3), `next_state`.
    """
    settings = settings or PersonSettings()
    known = many_examples(sequences, seed, settings.times)
    starts = start or [None] * settings.members
    others = virtual or [()] * len(starts)
    members = [
        fit_member([*known, *own], seed, settings, number, begin)
        for number, (own, begin) in enumerate(zip(others, starts, strict=True))
    ]
    return step_of_members(members)


def fit_member(
    known: Sequence[Example], seed: int, settings: PersonSettings, number: int = 0, start: Member | None = None
) -> keras.Model:
    """One network over whole tracks: features (n, n_looks, n_features), mask (n, n_looks) -> (n, n_looks, 3)."""
    seed_everything(seed + number)
    model = begun(settings, *_spread(known), number, start)
    batches = ExampleBatches(known, seed + number, settings)
    n_steps = settings.epochs * batches.num_batches
    schedule: Any = keras.optimizers.schedules.CosineDecay(settings.learning_rate, n_steps)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=1e-3), "sparse_categorical_crossentropy")
    model.fit(batches, epochs=settings.epochs, verbose=0)  # pyright: ignore[reportArgumentType]
    return model


def begun(
    settings: PersonSettings, mean: Rows, deviation: Rows, number: int = 0, start: Member | None = None
) -> keras.Model:
    """A `steps_model` that says what `start` says; untrained without it."""
    if start is None:
        return steps_model(settings, mean, deviation, number)
    sizes = replace(settings, units=start.units, inputs=len(start.inputs.bias))
    model = steps_model(sizes, mean, deviation, number)
    start.lay(model, number, mean, deviation)
    return model


def steps_model(settings: PersonSettings, mean: Rows, deviation: Rows, number: int = 0) -> keras.Model:
    """Untrained: an answer at every look of whole tracks. `number` of the member, for the names of its layers."""
    features = keras.Input((None, N_TRACK_FEATURES), name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    scale: Any = 1 / deviation  # for each feature its own, which Keras's types do not know of
    x = keras.layers.Rescaling(scale, -mean * scale, name=f"standard_{number}")(features)
    x = keras.layers.Dense(settings.inputs, activation="relu", name=f"inputs_{number}")(x)
    x = keras.layers.Dropout(settings.dropout)(x)
    cell = keras.layers.GRUCell(settings.units, name=f"cell_{number}")
    x = keras.layers.RNN(cell, return_sequences=True, name=f"rnn_{number}")(x, mask=mask)
    x = keras.layers.Dropout(settings.dropout)(x)
    x = keras.layers.Dense(N_CLASSES, activation="softmax", name=f"top_{number}")(x)
    return keras.Model({"features": features, "mask": mask}, x)


def _spread(known: Sequence[Example]) -> tuple[Rows, Rows]:
    """Mean and standard deviation of the features over what is learned, (n_features,) each."""
    rows = np.concatenate([example.features for example in known])
    return rows.mean(0), np.maximum(rows.std(0), LEAST_DEVIATION)


def step_of_members(members: Sequence[Any]) -> keras.Model:
    """One step with the weights of `steps_model`s: the mean of their probabilities, their states side by side."""
    features = keras.Input((N_TRACK_FEATURES,), name="features")
    cells = [member.get_layer(f"rnn_{k}").cell for k, member in enumerate(members)]
    sizes = [int(cell.units) for cell in cells]
    state = keras.Input((sum(sizes),), name="state")
    ops: Any = keras.ops
    states = [state] if len(sizes) == 1 else ops.split(state, np.cumsum(sizes)[:-1].tolist(), axis=-1)
    probabilities, next_states = list[Any](), list[Any]()
    for k, (member, cell, own) in enumerate(zip(members, cells, states, strict=True)):
        x = member.get_layer(f"inputs_{k}")(member.get_layer(f"standard_{k}")(features))
        x, after = cell(x, [own])
        probabilities.append(member.get_layer(f"top_{k}")(x))
        next_states.append(after[0] if isinstance(after, list | tuple) else after)
    mean = sum(probabilities[1:], probabilities[0]) / len(members)
    next_state = next_states[0] if len(sizes) == 1 else ops.concatenate(next_states, axis=-1)
    return keras.Model({"features": features, "state": state}, {"probabilities": mean, "next_state": next_state})


class ExampleBatches(keras.utils.PyDataset):
    """Padded, masked batches, varied anew in each epoch by seed and epoch alone."""

    def __init__(self, known: Sequence[Example], seed: int, settings: PersonSettings) -> None:
        super().__init__()
        self._known = known
        self._calm = [example for example in known if not example.falls]
        self._seed = seed
        self._settings = settings
        self._epoch = -1
        total = sum(float(example.weights.sum()) for example in known)
        looks = sum(int((example.weights > 0).sum()) for example in known)
        self._scale = looks / max(total, 1e-9)  # weights of looks are 1 in the mean
        self.on_epoch_end()

    @property
    def num_batches(self) -> int:
        return -(-len(self._known) // self._settings.batch_size)

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = np.random.default_rng((self._seed, self._epoch)).permutation(len(self._known))

    def __getitem__(self, index: int) -> tuple[dict[str, Any], NDArray[np.int8], Rows]:
        size, length = self._settings.batch_size, self._settings.most_looks
        rng = np.random.default_rng((self._seed, self._epoch, index))
        chosen = [self._varied(self._known[k], rng) for k in self._order[index * size : (index + 1) * size]]
        features = np.zeros((size, length, N_TRACK_FEATURES), np.float32)
        targets, weights = np.zeros((size, length), np.int8), np.zeros((size, length), np.float32)
        mask = np.zeros((size, length), np.bool_)
        for row, example in enumerate(chosen):
            n = len(example.targets)
            features[row, :n] = example.features
            targets[row, :n] = np.maximum(example.targets, NEITHER)
            weights[row, :n] = example.weights * np.where(
                example.targets == FALLING, self._settings.falling_weight, 1.0
            )
            mask[row, :n] = True
        return {"features": features, "mask": mask}, targets, weights * self._scale

    def _varied(self, example: Example, rng: np.random.Generator) -> Example:
        """As it is seen in this epoch."""
        if self._calm and rng.uniform() < self._settings.joined_share:
            other = self._calm[rng.integers(len(self._calm))]
            n_looks = int(rng.integers(1, 1 + min(len(other.targets), self._settings.most_looks // 2)))
            example = joined(other, example, n_looks)
        example = _cut(example, self._settings.most_looks, rng)
        return Example(jittered(example.features, rng), example.targets, example.weights, example.falls)


def _cut(example: Example, most_looks: int, rng: np.random.Generator) -> Example:
    """A stretch of an example that is too long, with the start of its fall."""
    over = len(example.targets) - most_looks
    if over <= 0:
        return example
    first = int(rng.integers(0, over + 1))
    if example.falls:
        start = int(np.flatnonzero(example.targets == FALLING)[0])
        first = int(np.clip(first, start - most_looks // 2, start)) if start else 0
        first = max(0, min(first, over))
    kept = slice(first, first + most_looks)
    return Example(example.features[kept], example.targets[kept], example.weights[kept], example.falls)
