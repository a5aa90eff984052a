"""What a conversion may lose at most."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from converters.plan import Precision


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one precision."""

    features_db: float
    """At least: signal-to-noise ratio of the features against Keras, on held-out pictures."""
    clips_lost: int | None = None
    """At most, of `OF_CLIPS`: clips that are wrong now, less those that are right now. None: not judged."""
    auc_lost: float | None = None
    """At most, of each label. None: not judged."""


OF_CLIPS = 233
LIMITS: dict[Precision, Limits] = {
    "float32": Limits(60.0),
    "float16": Limits(30.0, clips_lost=0),
    "mixed": Limits(18.0, clips_lost=0),
    "int8": Limits(12.0, clips_lost=2, auc_lost=0.01),
}
LEAST_CLIPS = 40
"""Filmed clips, under which a lost one says nothing."""
LEAST_OF_EACH = 10
"""Clips with a label, and as many without it, under which its AUC says nothing."""


def loss_over_limit(precision: Precision, frame: Mapping[str, Any]) -> str:
    """What was lost of the features, with the figures, where that is over the limit; else nothing.

    Args:
        precision: of the file.
        frame: figures of `verify_frame`.
    """
    least_db = LIMITS[precision].features_db
    if frame["features_snr_db"] >= least_db:
        return ""
    return (
        f"{precision} keeps {frame['features_snr_db']:.1f} dB of the features, under the limit of {least_db:g} dB "
        f"(cosine {frame['features_cosine']:.4f}, same top label {100 * frame['label_agreement']:.1f} %, "
        f"{frame['latency_ratio']:.2f} of float32's latency, {frame['size_bytes'] / 1e6:.2f} MB)"
    )


def clips_over_limit(precision: Precision, clips: Mapping[str, Any]) -> str:
    """What was lost on clips, with the figures, where that is over the limit; else nothing.

    Args:
        precision: of the file.
        clips: figures of a `ClipJudge`.
    """
    limits = LIMITS[precision]
    if clips.get("n_real", 0) < LEAST_CLIPS:
        return ""
    losses: list[str] = []
    if limits.clips_lost is not None:
        most, net = most_lost(limits.clips_lost, clips["n_clips"]), clips["lost"] - clips["won"]
        if net > most:
            losses.append(
                f"{precision} loses {net} of {clips['n_clips']} clips net ({clips['lost']} lost, {clips['won']} won), "
                f"over the limit of {most}"
            )
    if limits.auc_lost is not None:
        for label, area in clips["labels"].items():
            few = min(area["n_positive"], area["n"] - area["n_positive"]) < LEAST_OF_EACH
            if not few and (lost := round(area["auc_float32"] - area["auc"], 4)) > limits.auc_lost:
                losses.append(
                    f"{precision} loses {lost:.3f} of the AUC of {label} ({area['auc_float32']:.3f} in float32, "
                    f"{area['auc']:.3f} now), over the limit of {limits.auc_lost:g}"
                )
    return "; ".join(losses)


def most_lost(of_reference: int, n_clips: int) -> int:
    """Clips of so many that may be lost; one at least where any may."""
    return max(min(of_reference, 1), of_reference * n_clips // OF_CLIPS)
