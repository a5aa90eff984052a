"""`efficientnetb0-mean`: the simple approach of paper 000, "two approaches, called simple and hybrid".

A frozen EfficientNetB0 looks at single frames; global average pooling, batch normalisation, dropout 0.4, dense 128
with ReLU, dropout 0.4 and a dense softmax classify them; a video's answer is the mean of its frames' probability
vectors. With 5 classes: 4,219,304 parameters, 167,173 of them trainable (section 4.6).

Training as in table 1: SGD with learning rate 1e-4, batches of 16 frames, up to 50 epochs, early stopping on
validation accuracy with patience 10; a fifth of the clips validates; 224 x 224 without crop.

Expected: the paper reports 94 % on five classes of Kinetics-700 (frames or videos: not said), and on its other set
79.38 % of frames and 69 % of videos. Neither set is published. Single frames do not see movement: on
`surveillance-fight` a linear classifier on frozen rgb features reaches 73 % of videos, grouped by scene.
Cost: a frame's features once (about 7 ms on one core), then about a second an epoch for 20,000 frames.

Deviations:
- Sampling in seconds: "every third frame" is 10 a second, "at most 220 frames" the first 7.3 s, "first and last ten
  dropped" a third of a second (kept where a clip is shorter than that).
- Validation clips share no group with training clips; the paper split at random, and suspects its duplicates itself.
- The weights of the best epoch are kept; the paper does not say which.
- The mean runs over a sliding window of 7.3 s, so that a camera that never stops has scores too; on a clip no longer
  than that, the last score is the paper's mean over all frames.
- `--stream motion` or `rgb+motion` may replace the paper's rgb.
"""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from edge.bundle import AlertSpec, InputSpec
from trainer.backbone import N_FEATURES, build_backbone, pooled
from trainer.features import extract, read_features
from trainer.labels import NORMAL
from trainer.loop import Rules, fit_epochs, seed_everything
from trainer.manifest import Clip
from trainer.recipe import Recipe, Workshop
from trainer.run import Run, TrainedModel
from trainer.sequences import FrameBatches, paper_samples, step_labels

PAPER_RATE_HZ = 30
MAX_CLIP_S = 220 / PAPER_RATE_HZ
TRIM_S = 10 / PAPER_RATE_HZ
VALIDATION_BATCH = 1024


def build_head(n_labels: int, n_hidden: int = 128, dropout: float = 0.4) -> keras.Model:
    """The classifier on pooled features: float32 (n, 1280) -> probabilities (n, n_labels)."""
    return keras.Sequential(
        [
            keras.Input((N_FEATURES,), name="features"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(n_hidden, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(n_labels, activation="softmax"),
        ],
        name="head",
    )


def assemble(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Backbone and head as one frame model with the outputs `features` and `probabilities`."""
    features = pooled(backbone)(backbone.input)
    return keras.Model(backbone.input, {"features": features, "probabilities": head(features)})


def fit(train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop) -> TrainedModel:
    """Train the head on the frozen features of single frames."""
    settings = run.settings
    seed_everything(settings.seed)
    head = build_head(len(settings.labels), int(settings.hyperparameters["n_hidden"]), _number(run, "dropout"))
    head.compile(
        optimizer=keras.optimizers.SGD(_number(run, "learning_rate")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    batch_size = int(settings.hyperparameters["batch_size"])
    batches = FrameBatches(*frames(train, run, workshop), batch_size, settings.seed)
    held_out = FrameBatches(*frames(validation, run, workshop), VALIDATION_BATCH, None)
    head = fit_epochs(head, batches, held_out, run, Rules(int(settings.hyperparameters["patience"])))
    seed_everything(settings.seed)  # random weights, where the backbone has no others, as in the extraction
    frame = assemble(build_backbone(settings.input, workshop.weights), head)
    alerts = {label: AlertSpec() for label in settings.labels if label != NORMAL}
    return TrainedModel(frame, None, settings.labels, settings.input, MAX_CLIP_S, alerts)


def frames(clips: Sequence[Clip], run: Run, workshop: Workshop) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features (n_frames * n_streams, 1280) and labels of all chosen samples of the clips."""
    settings = run.settings
    entries = extract(
        clips, settings.input, workshop.weights, workshop.cache, workers=workshop.workers, seed=settings.seed
    )
    values: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int64]] = []
    for clip, entry in zip(clips, entries, strict=True):
        features = read_features(entry)
        kept = paper_samples(features.times_s, _number(run, "trim_s"), _number(run, "max_clip_s"))
        chosen = features.values[kept]  # (n_samples, n_streams, 1280)
        values.append(chosen.reshape(-1, N_FEATURES))
        labels.append(np.repeat(step_labels(clip, features.times_s[kept], settings.labels), chosen.shape[1]))
    return np.concatenate(values), np.concatenate(labels)


def _number(run: Run, key: str) -> float:
    return float(run.settings.hyperparameters[key])


RECIPE = Recipe(
    name="efficientnetb0-mean",
    summary="frames one by one, mean of their probabilities (paper 000, simple)",
    input=InputSpec(stream="rgb", rate_hz=PAPER_RATE_HZ / 3),
    epochs=50,
    fit=fit,
    hyperparameters={
        "batch_size": 16,
        "dropout": 0.4,
        "learning_rate": 1e-4,
        "max_clip_s": MAX_CLIP_S,
        "n_hidden": 128,
        "patience": 10,
        "trim_s": TRIM_S,
    },
)
