"""A key, and bundles signed with it."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.manifests import manifest


def make_key(path: Path) -> str:
    """Write a private key; return the public one as it stands in a configuration."""
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().splitlines()[1]


@pytest.fixture
def new_key() -> Callable[[Path], str]:
    return make_key


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key; the public one lies beside it in `key.pub`."""
    path = tmp_path / "key"
    (tmp_path / "key.pub").write_text(make_key(path))
    return path


@pytest.fixture
def public_key(key: Path) -> str:
    return key.with_suffix(".pub").read_text()


@pytest.fixture
def make_signed(tmp_path: Path, colour_bundle: Path, key: Path) -> Callable[..., Path]:
    """`make_signed(name, frame=bytes, key=path, **changes)`: a signed variant of `colour_bundle`, newer than that.

    `changes` are fields as `tests.manifests` takes them; `frame` replaces the model, digests always fit.
    """
    from edge.updates.signing import sign

    def make(name: str, frame: bytes | None = None, key: Path = key, **changes: object) -> Path:
        folder = tmp_path / f"bundle-{name}"
        folder.mkdir()
        content = frame or (colour_bundle / "frame.tflite").read_bytes()
        (folder / "frame.tflite").write_bytes(content)
        alerts = json.loads((colour_bundle / "bundle.json").read_text())["alerts"]
        own: dict[str, Any] = {"n_features": 3, "window_s": 0.4, "alerts": alerts, "created_at": "2026-02-01T00:00:00Z"}
        fields = manifest({"frame.tflite": content}, **own | {"name": name} | changes)
        (folder / "bundle.json").write_text(json.dumps(fields))
        sign(folder, key, tmp_path / f"{name}.zip")
        return tmp_path / f"{name}.zip"

    return make


@pytest.fixture
def nan_model(colour_bundle: Path) -> bytes:
    """A model whose answers are no numbers: the factor that brings colours to 0 to 1 is none."""
    content = (colour_bundle / "frame.tflite").read_bytes()
    for factor in (1 / 255, 255.0):
        if struct.pack("<f", factor) in content:
            return content.replace(struct.pack("<f", factor), struct.pack("<f", float("nan")))
    raise AssertionError("the model was made anew; find its factor")
