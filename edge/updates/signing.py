"""Signed bundles: a `.zip` with one member more, the signature of `bundle.json`, which holds the digests of all others.

The only module that imports `cryptography`, the extra `updates`.
"""

import base64
import binascii
import hashlib
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge.bundle import MANIFEST, Bundle, reader
from edge.errors import ConfigurationError, ModelError

SIGNATURE: Final = "signature"
SIGNED: Final = b"edgewatch bundle 1\n"
"""Stands before the digest that is signed, so that the key's signatures of other things are none of bundles."""
MAX_FILE_BYTES: Final = 64 << 20
MAX_CONTENT_BYTES: Final = 256 << 20
ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


def sign(bundle: Path, key: Path, out: Path) -> str:
    """Write a bundle with its signature.

    Args:
        bundle: a directory or `.zip`.
        key: private key of Ed25519, PEM, as `openssl genpkey -algorithm ed25519` makes it.
        out: the signed `.zip`; the same bundle and key give the same bytes.

    Returns:
        the bundle's digest.

    Raises:
        ModelError: the bundle is none.
        ConfigurationError: the key is none, or `out` cannot be written.
    """
    loaded = Bundle.load(bundle)
    contents = {MANIFEST: reader(bundle)(MANIFEST), SIGNATURE: signature(loaded.digest, key).encode(), **loaded.files}
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), content, zipfile.ZIP_DEFLATED)
        unfinished.replace(out)
    except OSError as error:
        raise ConfigurationError(f"{out}: cannot be written ({error.strerror}); give another path") from error
    return loaded.digest


def signature(digest: str, key: Path) -> str:
    """Sign a bundle's digest; Base64.

    Raises:
        ConfigurationError: the key is none of Ed25519, or cannot be read.
    """
    _require_library()
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except OSError as error:
        raise ConfigurationError(f"{key}: {error.strerror}; give the path of a private key") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(
            f"{key}: no private key of Ed25519 without a password; openssl genpkey -algorithm ed25519 makes one"
        )
    return base64.b64encode(private.sign(_message(digest))).decode("ascii")


def is_signed(digest: str, text: str, public_key: bytes) -> bool:
    """Whether a signature is that of a bundle's digest.

    Args:
        digest: SHA-256 of `bundle.json`, hexadecimal.
        text: the signature, Base64.
        public_key: 32 bytes.

    Raises:
        ConfigurationError: the extra `updates` is not installed.
    """
    _require_library()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(base64.b64decode(text, validate=True), _message(digest))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def load_signed(path: Path, public_key: bytes) -> Bundle:
    """Read a signed bundle. Nothing of it is believed before its signature.

    Raises:
        ModelError: it is too large, damaged, not signed, or not by this key.
    """
    read = reader(_bounded(path))
    digest = hashlib.sha256(read(MANIFEST)).hexdigest()
    try:
        text = read(SIGNATURE).decode("ascii", "replace").strip()
    except ModelError as error:
        raise ModelError("the bundle is not signed; sign it: edge sign") from error
    if not is_signed(digest, text, public_key):
        raise ModelError("the bundle is signed by another key than updates.public_key, or was changed")
    return Bundle.load(path)


def refuse_downgrade(bundle: Bundle, running: Bundle) -> None:
    """Refuse what runs already and what is older than that.

    Raises:
        ModelError: names both times.
    """
    if bundle.digest == running.digest:
        raise ModelError(f"{bundle.spec.name}: runs already")
    created, in_force = _utc(bundle.spec.created_at), _utc(running.spec.created_at)
    if created <= in_force:
        raise ModelError(
            f"{bundle.spec.name}: created_at {created:%Y-%m-%d %H:%M:%S} is not after {in_force:%Y-%m-%d %H:%M:%S} of "
            f"{running.spec.name}, which runs; convert the model anew to go back"
        )


def _bounded(path: Path) -> Path:
    """Refuse what would fill disk or memory when it is read."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"the file is over {MAX_FILE_BYTES >> 20} MiB; no bundle is as large")
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ModelError(f"the file is no bundle ({error}); it was cut off, or is something else") from error
    if size > MAX_CONTENT_BYTES:
        raise ModelError(f"the file holds over {MAX_CONTENT_BYTES >> 20} MiB; no bundle is as large")
    return path


def _message(digest: str) -> bytes:
    return SIGNED + digest.encode("ascii")


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _require_library() -> None:
    try:
        import cryptography  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise ConfigurationError(
            "updates: cryptography is not installed; install the extra: pip install 'edgewatch[updates]'"
        ) from error
