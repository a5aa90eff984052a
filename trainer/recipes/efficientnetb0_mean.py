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
- `--set finetune_blocks=N` trains the last N blocks of the backbone too, see `trainer.fitting.finetuning`; the paper
  trains none.
"""

import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from converters.write import telling_refusals
from edge.bundle import AlertSpec, InputSpec
from edge.errors import ConfigurationError
from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip
from trainer.features.backbone import N_FEATURES, build_backbone, pooled
from trainer.features.backbones import POOLED, Backbone
from trainer.features.features import read_features
from trainer.fitting import finetuning
from trainer.fitting.devices import train_on
from trainer.fitting.loop import fit_epochs, seed_everything
from trainer.fitting.objective import Objective
from trainer.fitting.recipe import ACCURACY, DESCENT, Recipe, Workshop
from trainer.fitting.rules import Rules
from trainer.fitting.run import Run, TrainedModel
from trainer.fitting.sequences import MAX_CLIP_S, PAPER_RATE_HZ, TRIM_S, FrameBatches, paper_samples, step_labels

VALIDATION_BATCH = 1024
TUNED_VALIDATION_BATCH = 64
HEAD = "head"
MOMENTUM = "momentum"


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
        name=HEAD,
    )


def assemble(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Backbone and head as one frame model with the outputs `features` and `probabilities`."""
    features = pooled(backbone)(backbone.input)
    return keras.Model(backbone.input, {"features": features, "probabilities": head(features)})


def fit(train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop) -> TrainedModel:
    """Train the head, and the backbone's last blocks where that is wanted, on single frames.

    Raises:
        ConfigurationError: the momentum has no meaning.
    """
    settings, wanted = run.settings, run.settings.hyperparameters
    n_blocks, momentum = int(wanted.get(finetuning.KEY, 0)), float(wanted.get(MOMENTUM, 0.0))
    if not 0 <= momentum < 1:
        raise ConfigurationError(f"--set {MOMENTUM}={momentum:g}: give 0 or more, under 1")
    source = finetuning.frozen_part(n_blocks) if n_blocks else POOLED
    batches = FrameBatches(*frames(train, run, workshop, source), int(wanted["batch_size"]), settings.seed)
    validation_batch = TUNED_VALIDATION_BATCH if n_blocks else VALIDATION_BATCH
    held_out = FrameBatches(*frames(validation, run, workshop, source), validation_batch, None)

    def build() -> keras.Model:
        seed_everything(settings.seed)  # random weights, where the backbone has no others, as in the extraction
        tail = n_blocks and finetuning.trained_part(build_backbone(settings.input, workshop.weights), n_blocks)
        head = build_head(len(settings.labels), int(wanted["n_hidden"]), _number(run, "dropout"))
        return finetuning.tuned_model(tail, head) if tail else head

    def fit_heads(model: Any) -> keras.Model:
        model.compile(
            keras.optimizers.SGD(_number(run, "learning_rate"), momentum=momentum),
            Objective.of(wanted).loss,
            metrics=["accuracy"],
        )
        return fit_epochs(model, batches, held_out, run, Rules.of(ACCURACY, wanted), tensorboard=workshop.tensorboard)

    head: Any = train_on(settings.devices, wanted, build, fit_heads)
    seed_everything(settings.seed)
    backbone = build_backbone(settings.input, workshop.weights)
    if n_blocks:
        finetuning.trained_part(backbone, n_blocks).set_weights(head.get_layer(finetuning.TAIL).get_weights())
        backbone.trainable = False
        head = head.get_layer(HEAD)
    frame = assemble(backbone, head)
    alerts = {label: AlertSpec() for label in settings.labels if label != NORMAL}
    return TrainedModel(frame, None, settings.labels, settings.input, MAX_CLIP_S, alerts)


def frames(
    clips: Sequence[Clip], run: Run, workshop: Workshop, source: Backbone
) -> tuple[NDArray[np.floating[Any]], NDArray[np.int64]]:
    """Features (n_frames * n_streams, n_features) and labels of all chosen samples of the clips.

    The features lie in a file that is mapped and already unlinked: memory does not grow with the clips.
    """
    settings = run.settings
    entries = workshop.extract(clips, settings.input, settings.seed, source)
    n_features = 0
    labels: list[NDArray[np.int64]] = []
    with telling_refusals(run.path), tempfile.TemporaryFile(dir=run.path) as file:
        for clip, entry in zip(clips, entries, strict=True):
            features = read_features(entry)
            kept = paper_samples(features.times_s, _number(run, "trim_s"), _number(run, "max_clip_s"))
            chosen = features.values[kept]  # (n_samples, n_streams, n_features)
            n_features = chosen.shape[-1]
            file.write(np.ascontiguousarray(chosen, source.dtype).tobytes())
            labels.append(np.repeat(step_labels(clip, features.times_s[kept], settings.labels), chosen.shape[1]))
        file.flush()
        values: Any = np.memmap(file, source.dtype, "r")  # pyright: ignore[reportCallIssue, reportArgumentType]
    return values.reshape(-1, n_features), np.concatenate(labels)


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
    optional={**DESCENT, finetuning.KEY: 0, MOMENTUM: 0.0},
)
