"""A key, and bundles signed with it."""

import http.server
import json
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
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


@pytest.fixture
def serve_tls(tmp_path: Path) -> Iterator[Callable[[type[http.server.BaseHTTPRequestHandler]], tuple[str, Path]]]:
    """`serve_tls(Handler)`: a server on loopback; its address, and the certificate that it is to be believed by."""
    serving: list[tuple[http.server.ThreadingHTTPServer, threading.Thread]] = []

    def serve(handler: type[http.server.BaseHTTPRequestHandler]) -> tuple[str, Path]:
        files = ("-keyout", tmp_path / "tls.key", "-out", tmp_path / "tls.pem")
        names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run([*command, *files, *names], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "tls.pem", tmp_path / "tls.key")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        serving.append((server, thread))
        return f"https://127.0.0.1:{server.server_port}", tmp_path / "tls.pem"

    yield serve
    for server, thread in serving:
        server.shutdown()
        thread.join()
        server.server_close()
