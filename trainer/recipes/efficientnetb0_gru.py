"""`efficientnetb0-gru`: the hybrid approach of paper 000 with a GRU.

A frozen EfficientNetB0 turns each frame into features; a GRU reads the masked sequence of a clip. The box runs it one
step at a time, its state going in and coming out, so a step costs the same however long the history is.

Expected: the paper reports 87.9 % of its five classes of Kinetics-700 after 100 epochs (LSTM 90 %, BiLSTM 86.36 %),
below its own simple approach, with up to 50 GB of memory. Cost here: a frame's features once (about 7 ms on one
core), then a few seconds an epoch for 1,000 clips, in less than 3 GB.

Deviations:
- Features are averaged over the 7 x 7 positions to 1,280 numbers. The paper's 6 x 6 x 1280 after max pooling are
  46,080 a frame, which is where its 50 GB went.
- Size of the GRU, optimizer and batch are in figures of which the text says nothing: 64 units, dropout 0.4, a dense
  softmax, Adam with 1e-3, 16 clips.
- The loss is taken at every step that is not padding, not at the last alone, since the box reads every step's answer.
- Every epoch is checked on validation clips that share no group with training clips; the best one is kept.
- Sampling in seconds, as in `efficientnetb0-mean`.
- `probabilities` of the frame model is the GRU's answer to that frame alone, from a state of zeros (with two streams:
  as if both showed it). The box publishes the head's answer instead.
"""

from collections.abc import Sequence
from typing import Any  # for models whose inputs have names: the types that Keras's source suggests are wrong there

import keras

from edge.bundle import AlertSpec, InputSpec
from trainer.backbone import N_FEATURES, build_backbone, pooled
from trainer.features import extract, read_features
from trainer.labels import NORMAL
from trainer.loop import fit_epochs, seed_everything
from trainer.manifest import Clip
from trainer.recipe import Recipe, Workshop
from trainer.recipes.efficientnetb0_mean import MAX_CLIP_S, PAPER_RATE_HZ, TRIM_S
from trainer.run import Run, TrainedModel
from trainer.sequences import LabelledSequence, SequenceBatches, sequence

N_STEPS = round(MAX_CLIP_S * PAPER_RATE_HZ / 3)
"""Steps of the longest sequence."""
PATIENCE = 30


def build_sequence_model(n_features: int, n_units: int, n_labels: int, dropout: float) -> keras.Model:
    """Whole sequences, for training: features (n, n_steps, f), mask (n, n_steps) -> (n, n_steps, n_labels)."""
    features = keras.Input((None, n_features), name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    cell = keras.layers.GRUCell(n_units, name="cell")
    states = keras.layers.RNN(cell, return_sequences=True, name="gru")(features, mask=mask)  # (n, n_steps, n_units)
    kept = keras.layers.Dropout(dropout, name="dropout")(states)
    probabilities = keras.layers.Dense(n_labels, activation="softmax", name="classifier")(kept)
    return keras.Model({"features": features, "mask": mask}, probabilities)


def step_of(model: Any) -> keras.Model:
    """One step with the same weights: features (n, f), state (n, n_units) -> probabilities, next_state."""
    cell = model.get_layer("gru").cell
    features = keras.Input((model.input["features"].shape[-1],), name="features")
    state = keras.Input((cell.units,), name="state")
    next_state, _ = cell(features, [state])
    probabilities = model.get_layer("classifier")(next_state)
    return keras.Model(
        {"features": features, "state": state}, {"probabilities": probabilities, "next_state": next_state}
    )


def assemble(backbone: keras.Model, head: Any, n_streams: int) -> keras.Model:
    """The frame model: pooled features, and the head's answer to them from a state of zeros."""
    features = pooled(backbone)(backbone.input)
    every_stream = keras.layers.Concatenate()([features] * n_streams) if n_streams > 1 else features
    n_units = head.input["state"].shape[-1]
    state = keras.ops.zeros_like(features[:, :n_units])
    answer = head({"features": every_stream, "state": state})
    return keras.Model(backbone.input, {"features": features, "probabilities": answer["probabilities"]})


def fit(train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop) -> TrainedModel:
    """Train the GRU on the frozen features of whole clips."""
    settings = run.settings
    wanted = settings.hyperparameters
    n_streams = len(settings.input.streams)
    seed_everything(settings.seed)
    model = build_sequence_model(
        n_streams * N_FEATURES, int(wanted["n_units"]), len(settings.labels), float(wanted["dropout"])
    )
    model.compile(
        optimizer=keras.optimizers.Adam(float(wanted["learning_rate"])),
        loss="sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    length = max(1, round(float(wanted["max_clip_s"]) * settings.input.rate_hz))
    batches, held_out = (
        SequenceBatches(sequences(clips, run, workshop), length, int(wanted["batch_size"]), seed)
        for clips, seed in ((train, settings.seed), (validation, None))
    )
    model = fit_epochs(model, batches, held_out, run, int(wanted["patience"]))
    head = step_of(model)
    seed_everything(settings.seed)  # random weights, where the backbone has no others, as in the extraction
    frame = assemble(build_backbone(settings.input, workshop.weights), head, n_streams)
    alerts = {label: AlertSpec() for label in settings.labels if label != NORMAL}
    return TrainedModel(frame, head, settings.labels, settings.input, MAX_CLIP_S, alerts)


def sequences(clips: Sequence[Clip], run: Run, workshop: Workshop) -> list[LabelledSequence]:
    """The clips' cached features, extracted first where they are not there."""
    settings = run.settings
    entries = extract(
        clips, settings.input, workshop.weights, workshop.cache, workers=workshop.workers, seed=settings.seed
    )
    trim_s = float(settings.hyperparameters["trim_s"])
    max_clip_s = float(settings.hyperparameters["max_clip_s"])
    return [
        sequence(clip, read_features(entry), settings.labels, trim_s, max_clip_s)
        for clip, entry in zip(clips, entries, strict=True)
    ]


RECIPE = Recipe(
    name="efficientnetb0-gru",
    summary="features of frames into a GRU (paper 000, hybrid)",
    input=InputSpec(stream="rgb", rate_hz=PAPER_RATE_HZ / 3),
    epochs=100,
    fit=fit,
    hyperparameters={
        "batch_size": 16,
        "dropout": 0.4,
        "learning_rate": 1e-3,
        "max_clip_s": MAX_CLIP_S,
        "n_units": 64,
        "patience": PATIENCE,
        "trim_s": TRIM_S,
    },
)
