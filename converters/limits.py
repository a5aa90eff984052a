"""What a conversion may lose at most."""

from collections.abc import Mapping
from typing import Any

from converters.plan import Precision

LEAST_FEATURES_DB: dict[Precision, float] = {"float32": 60.0, "float16": 30.0, "mixed": 16.0, "int8": 12.0}
"""Signal-to-noise ratio of the features against Keras, on held-out pictures."""


def loss_over_limit(precision: Precision, frame: Mapping[str, Any]) -> str:
    """What was lost, with the figures, where that is over the limit; else nothing.

    Args:
        precision: of the file.
        frame: figures of `verify_frame`.
    """
    least_db = LEAST_FEATURES_DB[precision]
    if frame["features_snr_db"] >= least_db:
        return ""
    return (
        f"{precision} keeps {frame['features_snr_db']:.1f} dB of the features, under the limit of {least_db:g} dB "
        f"(cosine {frame['features_cosine']:.4f}, same top label {100 * frame['label_agreement']:.1f} %, "
        f"{frame['latency_ratio']:.2f} of float32's latency, {frame['size_bytes'] / 1e6:.2f} MB)"
    )
