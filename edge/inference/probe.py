"""Tries an accelerator in a process of its own, since a bad driver hangs or kills the one that it is loaded into.

The child opens the model on the processor and on the accelerator, lets both answer the same pictures and tells by how
much they differ; the parent believes nothing else.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.inference.streams import Runnable

TIMEOUT_S: Final = 60.0
"""A GPU compiles its programs the first time: seconds on a small machine."""
REAP_TIMEOUT_S: Final = 5.0
"""A process that a driver holds may not even be killed."""
N_PICTURES: Final = 2

Opener = Callable[[bytes, Mapping[str, str]], Runnable]


def probe(
    backend: str,
    cpu_file: bytes,
    file: bytes,
    options: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
    held_out: NDArray[np.uint8] | None = None,
) -> float:
    """Try an accelerator on a model.

    Args:
        backend: its name.
        cpu_file: the model as the processor runs it.
        file: the same for the accelerator.
        options: for the function that opens it.
        timeout_s: for everything.
        held_out: uint8 (n, height, width, 3), pictures to answer; None: noise.

    Returns:
        the largest difference between the accelerator's and the processor's answers, over the largest answer.

    Raises:
        ModelError: it cannot run the model, hangs, or kills the process.
    """
    shape = None if held_out is None else held_out.shape
    header = {
        "backend": backend,
        "cpu_size": len(cpu_file),
        "size": len(file),
        "shape": shape,
        "options": dict(options),
    }
    content = json.dumps(header).encode() + b"\n" + cpu_file + file
    if held_out is not None:
        content += held_out.tobytes()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    child = subprocess.Popen(
        [sys.executable, "-m", "edge.inference.probe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        out, _ = child.communicate(content, timeout_s)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"no answer within {timeout_s:g} s when it was tried") from error
    finally:
        _end(child)
    return _difference(out, child.returncode)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None and not pipe.closed:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):  # in the kernel, for the driver: that may be for ever
        child.wait(REAP_TIMEOUT_S)


def _difference(out: bytes, code: int) -> float:
    if code < 0:
        raise ModelError(f"its driver killed the process that tried it ({signal.Signals(-code).name})")
    try:
        answer = cast("dict[str, Any]", json.loads(out.splitlines()[-1]))
    except (IndexError, ValueError) as error:
        raise ModelError(f"the process that tried it ended with code {code}") from error
    if "fault" in answer:
        raise ModelError(str(answer["fault"]))
    return float(answer["difference"])


def difference(reference: Runnable, tried: Runnable, held_out: NDArray[np.uint8] | None = None) -> float:
    """The largest difference between two models' answers to the same pictures, over the largest answer.

    The pictures are uint8 (n, height, width, 3), or noise where there are none.

    Raises:
        ModelError: one fails, or they have other outputs.
    """
    if set(tried.outputs) != set(reference.outputs):
        raise ModelError(
            f"it answers {sorted(tried.outputs)}, not {sorted(reference.outputs)}; convert the model again"
        )
    ((name, entry),) = reference.inputs.items()
    worst = 0.0
    for picture in pictures(entry.shape) if held_out is None else held_out[:, np.newaxis]:
        expected, found = reference.run({name: picture}), tried.run({next(iter(tried.inputs)): picture})
        for output, values in expected.items():
            if (shape := found[output].shape) != values.shape:
                raise ModelError(f"it answers {output} {shape} instead of {values.shape}; convert the model again")
            largest = max(float(np.abs(values).max()), float(np.finfo(np.float32).tiny))
            worst = max(worst, float(np.abs(values - found[output]).max()) / largest)
    return worst


def pictures(shape: tuple[int, ...]) -> list[NDArray[np.uint8]]:
    """Noise of different strength around grey, uint8 of this shape, (1, height, width, 3)."""
    chance = np.random.default_rng(0)
    spreads = np.linspace(32, 127, N_PICTURES)
    return [(128 + spread * chance.uniform(-1, 1, shape)).astype(np.uint8) for spread in spreads]


def _openers() -> dict[str, Opener]:
    """How each accelerator is opened; imported in the child."""
    from edge.inference.edgetpu import open_edgetpu  # noqa: PLC0415
    from edge.inference.gpu import open_gpu  # noqa: PLC0415

    return {
        "gpu": lambda file, _options: open_gpu(file),
        "edgetpu": lambda file, options: open_edgetpu(file, "its file", **options),
    }


def _answer(content: bytes) -> dict[str, Any]:
    from edge.inference.tflite import open_interpreter  # noqa: PLC0415

    head, _, files = content.partition(b"\n")
    header = json.loads(head)
    first, second = header["cpu_size"], header["cpu_size"] + header["size"]
    cpu_file, file, shape = files[:first], files[first:second], header["shape"]
    held_out = None if shape is None else np.frombuffer(files[second:], np.uint8).reshape(shape)
    try:
        tried = _openers()[header["backend"]](file, header["options"])
        return {"difference": difference(open_interpreter(cpu_file), tried, held_out)}
    except ModelError as error:
        return {"fault": str(error)}


if __name__ == "__main__":
    print(json.dumps(_answer(sys.stdin.buffer.read())), flush=True)
    os._exit(0)  # a driver that stumbles while it is unloaded has answered all the same
