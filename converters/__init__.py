"""From a trained Keras model to a verified bundle for the box.

`convert` is the one entry: export to float32 TFLite, quantize to the wanted precision, verify both on held-out
pictures, write the bundle. The heavy libraries are imported when they are used.
"""

from converters.convert import ClipJudge, Trained, convert
from converters.plan import Plan, Precision
from converters.targets import TARGETS, Target

__all__ = ["TARGETS", "ClipJudge", "Plan", "Precision", "Target", "Trained", "convert"]
