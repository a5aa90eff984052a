"""The reader, on a file that is written here: an arm of two bones whose second one turns."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from edge.errors import DatasetError
from trainer.synth.bodies.gltf import Figure, read_figure


def glb(document: dict, binary: bytes, magic: bytes = b"glTF") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return magic + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def arm(interpolation: str) -> bytes:
    half = np.sqrt(0.5)
    arrays = [
        ("SCALAR", np.array([0, 1], np.float32)),
        ("VEC4", np.array([(0, 0, 0, 1), (0, 0, half, half)], np.float32)),  # a quarter about z
    ]
    views, accessors, binary = [], [], b""
    for number, (shape, values) in enumerate(arrays):
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": values.nbytes})
        accessors.append({"bufferView": number, "componentType": 5126, "count": len(values), "type": shape})
        binary += values.tobytes() + b"\0" * (-values.nbytes % 4)
    document = {
        "nodes": [
            {"name": "lower", "children": [1]},
            {"name": "upper", "translation": [0, 1, 0], "children": [2]},
            {"name": "tip", "translation": [0, 1, 0]},
        ],
        "bufferViews": views,
        "accessors": accessors,
        "animations": [
            {
                "name": "bends",
                "samplers": [{"input": 0, "output": 1, "interpolation": interpolation}],
                "channels": [{"sampler": 0, "target": {"node": 1, "path": "rotation"}}],
            }
        ],
    }
    return glb(document, binary)


def figure(tmp_path: Path, interpolation: str = "LINEAR") -> Figure:
    path = tmp_path / "arm.glb"
    path.write_bytes(arm(interpolation))
    return read_figure(path)


def test_a_tip_goes_where_its_bone_turns(tmp_path: Path) -> None:
    found = figure(tmp_path)
    worlds = found.worlds("bends")
    assert len(worlds) == 61
    tips = worlds[[0, 30, 60], 2, :3, 3]
    # glTF's y is up, its z towards the viewer is our -y; a quarter about z takes up to its -x
    assert np.allclose(tips, [(0, 0, 2), (-np.sqrt(0.5), 0, 1 + np.sqrt(0.5)), (-1, 0, 1)], atol=1e-6)
    assert np.allclose(worlds[:, 1, :3, 3], [0, 0, 1])


def test_steps_stay_until_the_next_key(tmp_path: Path) -> None:
    found = figure(tmp_path, "STEP")
    worlds = found.worlds("bends")
    assert np.allclose(worlds[59, 2, :3, 3], (0, 0, 2))
    assert np.allclose(worlds[60, 2, :3, 3], (-1, 0, 1), atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"no glTF at all, but long enough", glb({"nodes": []}, b"")])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.glb"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"other\.glb"):
        read_figure(path)
    with pytest.raises(DatasetError, match=r"none\.glb"):
        read_figure(tmp_path / "none.glb")
