"""Signed bundles: a `.zip` whose comment, at its very end, is the signature of every byte before it: nothing of a file
has to be unpacked to know whether it is to be believed.

The only module that imports `cryptography`, the extra `updates`.
"""

import base64
import binascii
import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge.bundle import MANIFEST, Bundle, reader, unpacked
from edge.errors import ConfigurationError, ModelError

SIGNATURE_BYTES: Final = 88
"""64 bytes in Base64."""
SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{86}==")
SIGNED: Final = b"edgewatch bundle 2\n"
"""Stands before the digest that is signed, so that the key's signatures of other things are none of bundles."""
MAX_FILE_BYTES: Final = 64 << 20
MAX_CONTENT_BYTES: Final = 256 << 20
ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
MOMENT: Final = "%Y-%m-%d %H:%M:%S"


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
    contents = {MANIFEST: reader(bundle)(MANIFEST), **loaded.files}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), content, zipfile.ZIP_DEFLATED)
        archive.comment = bytes(SIGNATURE_BYTES)
    body = written.getvalue()[:-SIGNATURE_BYTES]
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        unfinished.write_bytes(body + signature(hashlib.sha256(body).hexdigest(), key).encode())
        unfinished.replace(out)
    except OSError as error:
        raise ConfigurationError(f"{out}: cannot be written ({error.strerror}); give another path") from error
    return loaded.digest


def signature(digest: str, key: Path) -> str:
    """Sign a digest; Base64.

    Raises:
        ConfigurationError: the key is none of Ed25519, or cannot be read.
    """
    require_library()
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


def digest_of(content: bytes) -> str:
    """Return the SHA-256, hexadecimal, of what is signed of a file: all but the signature."""
    return hashlib.sha256(memoryview(content)[:-SIGNATURE_BYTES]).hexdigest()


def signature_of(content: bytes) -> str:
    """Return the signature of a file, or whatever stands in its place."""
    return content[-SIGNATURE_BYTES:].decode("ascii", "replace")


def is_signed(digest: str, text: str, public_key: bytes) -> bool:
    """Whether a signature is that of a digest.

    Args:
        digest: SHA-256, hexadecimal.
        text: the signature, Base64.
        public_key: 32 bytes.

    Raises:
        ConfigurationError: the extra `updates` is not installed.
    """
    require_library()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(base64.b64decode(text, validate=True), _message(digest))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def read_file(path: Path) -> bytes:
    """Read a file, once and no further than a bundle may be long.

    Raises:
        ModelError: it is longer.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(f"the file is over {MAX_FILE_BYTES >> 20} MiB; no bundle is as large")
    return content


def load_signed(content: bytes, public_key: bytes) -> Bundle:
    """Make a bundle of a signed file's bytes. Nothing of it is unpacked before its signature.

    Raises:
        ModelError: it is too large, damaged, not signed, or not by this key.
        ConfigurationError: the extra `updates` is not installed.
    """
    if not is_signed(digest_of(content), signature_of(content), public_key):
        if not SIGNATURE.fullmatch(signature_of(content)):
            raise ModelError("the bundle is not signed; sign it: edge sign")
        raise ModelError("the bundle is signed by another key than updates.public_key, or was changed")
    return Bundle.of(unpacked(content, "the bundle", MAX_CONTENT_BYTES), "the bundle")


def refuse_downgrade(bundle: Bundle, running: Bundle, newest_at: str | None = None) -> None:
    """Refuse what runs already, and what is older than that or than what has run.

    Args:
        bundle: what is to be tried.
        running: what runs.
        newest_at: `created_at` of the newest update that has proven itself here, in force or not: a fault that brings
            an older one back opens no way for those between.

    Raises:
        ModelError: names both times.
    """
    if bundle.digest == running.digest:
        raise ModelError(f"{bundle.spec.name}: runs already")
    created, in_force = _utc(bundle.spec.created_at), _utc(running.spec.created_at)
    if created <= in_force:
        raise ModelError(
            f"{bundle.spec.name}: created_at {created:{MOMENT}} is not after {in_force:{MOMENT}} of "
            f"{running.spec.name}, which runs; convert the model anew to go back"
        )
    if newest_at is not None and created < (newest := _utc(datetime.fromisoformat(newest_at))):
        raise ModelError(
            f"{bundle.spec.name}: created_at {created:{MOMENT}} is before {newest:{MOMENT}} of the newest that has "
            "run here; convert the model anew to go back"
        )


def _message(digest: str) -> bytes:
    return SIGNED + digest.encode("ascii")


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def require_library() -> None:
    """Ask for `cryptography`.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import cryptography  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise ConfigurationError(
            "updates: cryptography is not installed; install the extra: pip install 'edgewatch[updates]'"
        ) from error
