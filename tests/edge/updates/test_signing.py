"""Signed bundles: what is taken, and that nothing else is, whatever was done to a file."""

import hashlib
import io
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.bundle import Bundle
from edge.config.updates import UpdatesConfig, key_bytes
from edge.errors import ConfigurationError, ModelError
from edge.updates.signing import load_signed, read_file, refuse_downgrade, sign, signature

RARELY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_signed_bundle_is_the_bundle(make_signed, public_key: str, colour_bundle: Path) -> None:
    path = make_signed("newer")
    bundle = load_signed(path.read_bytes(), key_bytes(public_key))
    assert (bundle.spec.name, bundle.files) == ("newer", Bundle.load(colour_bundle).files)
    assert Bundle.load(path).digest == bundle.digest


def test_keys_and_signatures_are_those_of_openssl(tmp_path: Path, colour_bundle: Path) -> None:
    """The documented commands, and a signature that another program verifies."""
    private, public = tmp_path / "model.key", tmp_path / "model.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    made = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True, text=True)
    public.write_text(made.stdout)
    digest = sign(colour_bundle, private, tmp_path / "a.zip")
    content = (tmp_path / "a.zip").read_bytes()
    assert load_signed(content, key_bytes(made.stdout)).digest == digest
    assert key_bytes(made.stdout) == key_bytes(made.stdout.splitlines()[1])
    (tmp_path / "message").write_bytes(b"edgewatch bundle 2\n" + hashlib.sha256(content[:-88]).hexdigest().encode())
    (tmp_path / "signature.b64").write_bytes(content[-88:] + b"\n")
    decode = ["openssl", "base64", "-d", "-A", "-in", tmp_path / "signature.b64", "-out", tmp_path / "signature"]
    subprocess.run(decode, check=True)
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin"]
    verify += ["-in", tmp_path / "message", "-sigfile", tmp_path / "signature"]
    assert b"Successfully" in subprocess.run(verify, check=True, capture_output=True).stdout


def test_the_same_bundle_and_key_give_the_same_bytes(tmp_path: Path, colour_bundle: Path, key: Path) -> None:
    sign(colour_bundle, key, tmp_path / "a.zip")
    sign(tmp_path / "a.zip", key, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_another_key_and_no_signature_are_refused(make_signed, new_key, tmp_path: Path, public_key: str) -> None:
    new_key(tmp_path / "other")
    key = key_bytes(public_key)
    with pytest.raises(ModelError, match=r"signed by another key"):
        load_signed(make_signed("foreign", key=tmp_path / "other").read_bytes(), key)
    path = make_signed("bare")
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b""
    Bundle.load(path)
    with pytest.raises(ModelError, match=r"is not signed"):
        load_signed(path.read_bytes(), key)


@RARELY
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_off_is_refused(share: float, make_signed_once: tuple[Path, bytes]) -> None:
    path, key = make_signed_once
    whole = path.read_bytes()
    with pytest.raises(ModelError) as caught:
        load_signed(whole[: int(share * len(whole))], key)
    assert "\n" not in str(caught.value)


@RARELY
@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_is_refused(share: float, flip: int, make_signed_once) -> None:
    path, key = make_signed_once
    whole = bytearray(path.read_bytes())
    whole[int(share * len(whole))] ^= flip
    with pytest.raises(ModelError) as caught:
        load_signed(bytes(whole), key)
    assert "\n" not in str(caught.value)


@pytest.fixture
def make_signed_once(make_signed, public_key: str, tmp_path: Path) -> tuple[Path, bytes]:
    path = tmp_path / "whole.zip"
    return (path if path.exists() else make_signed("whole")), key_bytes(public_key)


def test_what_runs_already_and_what_is_older_are_refused(make_signed, public_key: str) -> None:
    key = key_bytes(public_key)
    newer = load_signed(make_signed("newer").read_bytes(), key)
    same_time = load_signed(make_signed("same-time").read_bytes(), key)
    a_second_later = make_signed("newest", created_at="2026-02-01T01:00:01+01:00")
    newest = load_signed(a_second_later.read_bytes(), key)
    refuse_downgrade(newest, newer)
    with pytest.raises(ModelError, match=r"runs already"):
        refuse_downgrade(newer, newer)
    with pytest.raises(ModelError, match=r"created_at 2026-02-01 00:00:00 is not after 2026-02-01 00:00:00 of newer"):
        refuse_downgrade(same_time, newer)
    with pytest.raises(ModelError, match=r"is not after .* of newest"):
        refuse_downgrade(newer, newest)


def test_after_a_fall_back_what_is_older_than_the_newest_that_ran_stays_refused(
    make_signed, public_key: str, colour_bundle: Path
) -> None:
    between = load_signed(make_signed("between").read_bytes(), key_bytes(public_key))
    configured = Bundle.load(colour_bundle)
    refuse_downgrade(between, configured)
    with pytest.raises(ModelError, match=r"created_at 2026-02-01 00:00:00 is before 2026-02-02 00:00:00 of the newest"):
        refuse_downgrade(between, configured, "2026-02-02T00:00:00+00:00")
    refuse_downgrade(between, configured, "2026-02-01T00:00:00+00:00")  # itself, sent again


def bomb(key: Path, n_bytes: int, said_bytes: int) -> bytes:
    """An archive signed by whoever holds the key, whose one member says another size than it has."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", bytes(n_bytes))
        archive.comment = bytes(88)
    body = bytearray(packed.getvalue()[:-88])
    entry = body.rindex(b"PK\1\2")
    body[entry + 24 : entry + 28] = said_bytes.to_bytes(4, "little")
    return bytes(body) + signature(hashlib.sha256(body).hexdigest(), key).encode()


def test_what_would_fill_the_box_is_refused(key: Path, public_key: str, tmp_path: Path) -> None:
    lies = bomb(key, 200 << 20, 100)
    tracemalloc.start()
    with pytest.raises(ModelError, match=r"bundle.json: missing or damaged"):
        load_signed(lies, key_bytes(public_key))
    with pytest.raises(ModelError, match=r"signed by another key"):
        load_signed(lies[:-88] + b"A" * 86 + b"==", key_bytes(public_key))
    (tmp_path / "lies.zip").write_bytes(lies)
    with pytest.raises(ModelError, match=r"bundle.json: missing or damaged"):
        Bundle.load(tmp_path / "lies.zip")
    most_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_bytes < 8 << 20
    with pytest.raises(ModelError, match=r"holds over 256 MiB"):
        load_signed(bomb(key, 100, 300 << 20), key_bytes(public_key))


def test_ways_to_pack_that_cannot_be_bounded_are_refused(tmp_path: Path, colour_bundle: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_LZMA) as archive:
        for path in colour_bundle.iterdir():
            archive.write(path, path.name)
    with pytest.raises(ModelError, match=r"bundle.json: missing or damaged"):
        Bundle.load(tmp_path / "packed.zip")


def test_a_file_is_read_no_further_than_a_bundle_may_be_long() -> None:
    with pytest.raises(ModelError, match=r"is over 64 MiB"):
        read_file(Path("/dev/zero"))


@pytest.mark.parametrize("text", ["", "key", "MCowBQYDK2VwAyEA", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 88])
def test_a_public_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no public key of Ed25519"):
        UpdatesConfig.model_validate({"public_key": text})
    with pytest.raises(ValueError, match="mqtt and url need public_key"):
        UpdatesConfig.model_validate({"mqtt": True})


def test_a_private_key_that_is_none_is_refused(tmp_path: Path, colour_bundle: Path) -> None:
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n")
    for name, match in (("key", "no private key of Ed25519"), ("absent", "No such file")):
        with pytest.raises(ConfigurationError, match=match):
            sign(colour_bundle, tmp_path / name, tmp_path / "out.zip")
