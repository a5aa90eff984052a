"""Reads the tensors of a PyTorch file without PyTorch, in the format that `torch.save` wrote before version 1.6.

Such a file is a row of pickles and then the numbers: a magic number, the format's version, the writer's byte order, the
tensors without their content, the keys of their storages; and of each storage, in the order of the keys, how many
numbers it holds (8 bytes) and the numbers.

A pickle can call whatever it names. This reader knows the four names of which tensors are made, and refuses all others.
"""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
STORAGES: Mapping[str, str] = {"FloatStorage": "<f4", "LongStorage": "<i8"}
"""Kinds of storage, and numpy's name of their numbers."""
COUNT = np.dtype("<i8")
"""How a storage says its length."""

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor whose numbers are not read yet."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In numbers."""


class _Unpickler(pickle.Unpickler):
    """Makes nothing but tensors; notes their storages on the way."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, str] = {}
        """numpy's name of each storage's numbers, by key."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if name == "collections.OrderedDict":
            return OrderedDict
        if name == "torch._utils._rebuild_tensor_v2":
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, tuple(shape), tuple(strides))
        if module_name == "torch" and global_name in STORAGES:
            return STORAGES[global_name]
        raise pickle.UnpicklingError(f"it holds {name}, which is no part of a tensor")

    def persistent_load(self, pid: Any, /) -> str:
        """Take the name of a storage: ("storage", kind, key, device, n_numbers, view)."""
        kind, key = pid[1], pid[2]
        if pid[0] != "storage" or kind not in STORAGES.values():
            raise pickle.UnpicklingError("it holds storages of an unknown kind")
        self.storages[key] = kind
        return key


def read_tensors(path: Path) -> dict[str, Array]:
    """The tensors of a saved state, by name.

    Raises:
        ConfigurationError: the file cannot be read, is of another kind, or holds more than tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; give a file that PyTorch saved") from error
    except Exception as error:  # a damaged pickle makes nearly any error
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigurationError(
            f"{path}: no tensors as PyTorch saved them before version 1.6 ({reason}); give the published file"
        ) from error


def _read(file: BinaryIO) -> dict[str, Array]:
    head = [_Unpickler(file).load() for _ in range(3)]
    if head[:2] != [MAGIC, VERSION] or not head[2].get("little_endian"):
        raise pickle.UnpicklingError("another format")
    unpickler = _Unpickler(file)
    tensors: Mapping[str, Any] = unpickler.load()
    keys: list[str] = _Unpickler(file).load()
    content = {key: _read_storage(file, unpickler.storages[key]) for key in keys}
    return {name: _array(tensor, content) for name, tensor in tensors.items()}


def _read_storage(file: BinaryIO, kind: str) -> Array:
    (count,) = np.frombuffer(file.read(COUNT.itemsize), COUNT)
    dtype = np.dtype(kind)
    return np.frombuffer(file.read(int(count) * dtype.itemsize), dtype, int(count))


def _array(tensor: Any, content: Mapping[str, Array]) -> Array:
    """A tensor's numbers, copied out of its storage, which several may share."""
    if not isinstance(tensor, _Tensor):
        raise pickle.UnpicklingError("it holds more than tensors")
    storage = content[tensor.storage]
    steps = [(size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)]
    inside = min([tensor.offset, *tensor.strides]) >= 0 and tensor.offset + sum(steps) < len(storage)
    if not inside or min(tensor.shape, default=1) < 1:
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False).copy()
