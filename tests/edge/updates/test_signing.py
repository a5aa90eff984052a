"""Signed bundles: what is taken, and that nothing else is, whatever was done to a file."""

import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.bundle import Bundle
from edge.config.updates import UpdatesConfig, key_bytes
from edge.errors import ConfigurationError, ModelError
from edge.updates import signing
from edge.updates.signing import load_signed, refuse_downgrade, sign

RARELY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_signed_bundle_is_the_bundle(make_signed, public_key: str, colour_bundle: Path) -> None:
    path = make_signed("newer")
    bundle = load_signed(path, key_bytes(public_key))
    assert (bundle.spec.name, bundle.files) == ("newer", Bundle.load(colour_bundle).files)
    assert Bundle.load(path).digest == bundle.digest


def test_keys_and_signatures_are_those_of_openssl(tmp_path: Path, colour_bundle: Path) -> None:
    """The documented commands, and a signature that another program verifies."""
    private, public = tmp_path / "model.key", tmp_path / "model.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, capture_output=True)
    made = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True, text=True)
    public.write_text(made.stdout)
    digest = sign(colour_bundle, private, tmp_path / "a.zip")
    assert load_signed(tmp_path / "a.zip", key_bytes(made.stdout)).digest == digest
    assert key_bytes(made.stdout) == key_bytes(made.stdout.splitlines()[1])
    (tmp_path / "message").write_bytes(b"edgewatch bundle 1\n" + digest.encode())
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        (tmp_path / "signature.b64").write_bytes(archive.read("signature") + b"\n")
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
        load_signed(make_signed("foreign", key=tmp_path / "other"), key)
    path = make_signed("bare")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist() if name != "signature"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"is not signed"):
        load_signed(path, key)


@RARELY
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_off_is_refused(share: float, make_signed_once: tuple[Path, bytes]) -> None:
    path, key = make_signed_once
    whole = path.read_bytes()
    cut = path.with_name("cut.zip")
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError) as caught:
        load_signed(cut, key)
    assert "\n" not in str(caught.value)


@RARELY
@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_changes_nothing_that_runs(share: float, flip: int, make_signed_once) -> None:
    """A byte of no meaning, as of a date in the archive, may change; whatever is taken is what was signed."""
    path, key = make_signed_once
    whole = bytearray(path.read_bytes())
    whole[int(share * len(whole))] ^= flip
    changed = path.with_name("changed.zip")
    changed.write_bytes(whole)
    signed = load_signed(path, key)
    try:
        taken = load_signed(changed, key)
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
    else:
        assert (taken.digest, taken.files) == (signed.digest, signed.files)


@pytest.fixture
def make_signed_once(make_signed, public_key: str, tmp_path: Path) -> tuple[Path, bytes]:
    path = tmp_path / "whole.zip"
    return (path if path.exists() else make_signed("whole")), key_bytes(public_key)


def test_what_runs_already_and_what_is_older_are_refused(make_signed, public_key: str) -> None:
    key = key_bytes(public_key)
    newer = load_signed(make_signed("newer"), key)
    same_time = load_signed(make_signed("same-time"), key)
    newest = load_signed(make_signed("newest", created_at="2026-02-01T01:00:01+01:00"), key)  # a second later
    refuse_downgrade(newest, newer)
    with pytest.raises(ModelError, match=r"runs already"):
        refuse_downgrade(newer, newer)
    with pytest.raises(ModelError, match=r"created_at 2026-02-01 00:00:00 is not after 2026-02-01 00:00:00 of newer"):
        refuse_downgrade(same_time, newer)
    with pytest.raises(ModelError, match=r"is not after .* of newest"):
        refuse_downgrade(newer, newest)


def test_what_would_fill_the_box_is_refused(tmp_path: Path, public_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", bytes(3 << 20))
    monkeypatch.setattr(signing, "MAX_CONTENT_BYTES", 2 << 20)
    with pytest.raises(ModelError, match=r"holds over 2 MiB"):
        load_signed(bomb, key_bytes(public_key))
    monkeypatch.setattr(signing, "MAX_FILE_BYTES", 1 << 10)
    with pytest.raises(ModelError, match=r"is over"):
        load_signed(bomb, key_bytes(public_key))


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
