"""A network on a Coral Edge TPU, by the delegate of libedgetpu, which is the user's to install. Untested on
hardware.

The file is one that Coral's compiler has made: most of it is one operation, which only this delegate knows.
"""

from typing import Final

from edge.inference.tflite import Interpreter, load_delegate, open_interpreter

LIBRARY: Final = "libedgetpu.so.1"


def open_edgetpu(model: bytes, name: str, library: str = LIBRARY, device: str = "") -> Interpreter:
    """Open a compiled file on the accelerator.

    Args:
        model: content of the file.
        name: the file's, for messages.
        library: the delegate's shared library.
        device: as libedgetpu names it: `usb`, `pci`, `usb:0`; empty for any.

    Raises:
        ModelError: the library or the device is not there, or does not take the file.
    """
    delegate = load_delegate(library, {"device": device} if device else {})
    return open_interpreter(model, 1, name, delegate)
