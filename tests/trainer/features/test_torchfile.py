"""PyTorch's old file format, written here opcode by opcode: no PyTorch takes part."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigurationError
from trainer.features.torchfile import MAGIC, VERSION, read_tensors

HEAD = b"".join(pickle.dumps(part, 2) for part in (MAGIC, VERSION, {"little_endian": True}))


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def row(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def named(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def tensor(
    key: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: str = "FloatStorage"
) -> bytes:
    """A tensor as a saved state names it: a call of PyTorch's function with its storage's name."""
    storage = row(text("storage"), named("torch", kind), text(key), text("cpu"), number(6), b"N") + b"Q"
    sizes = (row(*map(number, numbers)) for numbers in (shape, strides))
    hooks = named("collections", "OrderedDict") + b")R"
    return named("torch._utils", "_rebuild_tensor_v2") + row(storage, number(offset), *sizes, b"\x89", hooks) + b"R"


def state(**tensors: bytes) -> bytes:
    items = b"".join(text(name) + content for name, content in tensors.items())
    return b"\x80\x02" + named("collections", "OrderedDict") + b")R(" + items + b"u."


def saved(path: Path, content: bytes, **storages: np.ndarray) -> Path:
    keys = pickle.dumps(list(storages), 2)
    numbers = b"".join(struct.pack("<q", len(values)) + values.tobytes() for values in storages.values())
    path.write_bytes(HEAD + content + keys + numbers)
    return path


SIX = np.arange(6, dtype="<f4")


def test_tensors_are_cut_out_of_their_storages(tmp_path: Path) -> None:
    content = state(
        whole=tensor("a", 0, (2, 3), (3, 1)),
        turned=tensor("a", 0, (3, 2), (1, 3)),
        part=tensor("a", 4, (2,), (1,)),
        count=tensor("b", 0, (), (), "LongStorage"),
    )
    found = read_tensors(saved(tmp_path / "file.pth", content, a=SIX, b=np.asarray([7], "<i8")))
    assert {name: values.tolist() for name, values in found.items()} == {
        "whole": [[0, 1, 2], [3, 4, 5]],
        "turned": [[0, 3], [1, 4], [2, 5]],
        "part": [4, 5],
        "count": 7,
    }
    assert found["whole"].dtype == np.float32
    assert found["count"].dtype == np.int64


def refused(path: Path, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_tensors(path)
    said = str(refusal.value)
    assert said.startswith(f"{path}: ")
    assert reason in said
    assert "\n" not in said


@pytest.mark.parametrize(("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load")])
def test_whatever_else_a_pickle_names_is_refused(tmp_path: Path, module: str, name: str) -> None:
    """The call would make a file; it is not made."""
    made = tmp_path / "made"
    call = named(module, name) + row(text(f"touch {made}")) + b"R"
    refused(
        saved(tmp_path / "file.pth", state(weights=call)), f"it holds {module}.{name}, which is no part of a tensor"
    )
    assert not made.exists()


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    for number_, (offset, shape, strides) in enumerate(
        [(1, (2, 3), (3, 1)), (0, (2,), (6,)), (-1, (2,), (1,)), (3, (2,), (-1,)), (0, (0,), (1,))]
    ):
        path = saved(tmp_path / f"{number_}.pth", state(weights=tensor("a", offset, shape, strides)), a=SIX)
        refused(path, "reaches beyond its storage")


def test_damaged_and_other_files_are_refused(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.pth", state(weights=tensor("a", 0, (2, 3), (3, 1))), a=SIX).read_bytes()
    for length in (0, 5, 40, len(HEAD) + 30, len(whole) - 30, len(whole) - 4):
        (tmp_path / "torn.pth").write_bytes(whole[:length])
        refused(tmp_path / "torn.pth", "no tensors as PyTorch saved them before version 1.6")
    (tmp_path / "zip.pth").write_bytes(b"PK\x03\x04" + bytes(40))
    refused(tmp_path / "zip.pth", "before version 1.6")
    (tmp_path / "list.pth").write_bytes(HEAD + pickle.dumps({"weights": 3}, 2) + pickle.dumps([], 2))
    refused(tmp_path / "list.pth", "more than tensors")
    refused(tmp_path / "gone.pth", "No such file")
