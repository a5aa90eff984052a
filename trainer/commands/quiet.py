"""TensorFlow without its chatter: our one line says what is wrong."""

import os
import sys

SILENT = "3"


def import_tensorflow() -> None:
    """Import TensorFlow and Keras while standard error leads nowhere.

    TensorFlow writes to it from C++ before its own log level counts. Whoever wants the chatter sets that to less.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", SILENT) != SILENT:
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import keras  # noqa: F401, PLC0415
        import tensorflow as tf  # noqa: F401, PLC0415
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
