"""Which slot starts: the backend of RAUC on both loaders, whose files lie in a folder here, with a bootctl that notes
what it is asked."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLOTS = ROOT / "systemd/image/root/usr/local/lib/edgewatch/slots"
BOOT = ROOT / "systemd/image/boot"
UEFI, PI = "loader/loader.conf", "config.txt"
Slots = Callable[..., str]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A box with the boot partition's files as they ship, started from slot a; without a loader yet."""
    for name in ("boot/firmware/loader", "proc", "run/edgewatch-boot", "data/slots", "dev", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "boot/firmware" / PI).write_bytes((BOOT / "config.txt").read_bytes())
    (tmp_path / "boot/firmware" / UEFI).write_bytes((BOOT / "loader.conf").read_bytes())
    (tmp_path / "data/slots/a").write_text("good\n")
    start(tmp_path, "a")
    bootctl = tmp_path / "bin/bootctl"
    bootctl.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/bootctl\n')
    bootctl.chmod(0o755)
    return tmp_path


def start(box: Path, slot: str) -> None:
    """What a start leaves: the kernel's command line, and nothing of /run."""
    (box / "proc/cmdline").write_text(f"root=PARTUUID=x rauc.slot={slot} ro\n")
    for path in ("run/edgewatch-next", "run/systemd/reboot-param"):
        (box / path).unlink(missing_ok=True)


@pytest.fixture(params=[UEFI, PI])
def loader(box: Path, request: pytest.FixtureRequest) -> Path:
    """The file of a loader that can try a slot."""
    if request.param == UEFI:
        (box / "sys/firmware/efi").mkdir(parents=True)
    else:
        (box / "dev/vcio").touch()
    return box / "boot/firmware" / request.param


@pytest.fixture
def slots(box: Path) -> Slots:
    def call(*words: str, code: int = 0) -> str:
        environment = os.environ | {"EDGEWATCH_ROOT": str(box), "PATH": f"{box / 'bin'}:{os.environ['PATH']}"}
        ended = subprocess.run([SLOTS, *words], env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == code, ended.stderr
        return (ended.stderr if code else ended.stdout).strip()

    return call


def named_in(loader: Path) -> str:
    return loader.read_text().partition("slot-")[2][:1]


def install(slots: Slots, slot: str) -> None:
    """As RAUC does: the slot is bad, is written, starts next."""
    slots("set-state", slot, "bad")
    slots("set-primary", slot)


def test_a_card_starts_its_first_slot(loader: Path, slots: Slots) -> None:
    assert loader.exists()
    answers = [slots(*words) for words in (["get-current"], ["get-primary"], ["get-state", "a"], ["get-state", "b"])]
    assert answers == ["a", "a", "good", "bad"]


def test_a_new_slot_starts_once_and_for_good_when_it_is_good(box: Path, loader: Path, slots: Slots) -> None:
    before = loader.read_bytes()
    install(slots, "b")
    assert loader.read_bytes() == before, "only the trial starts b"
    assert (slots("get-primary"), slots("default")) == ("b", "a")
    start(box, "b")
    assert slots("fallen-back") == ""
    slots("set-state", "b", "good")
    assert loader.read_bytes() == before.replace(b"slot-a", b"slot-b")
    assert (slots("get-primary"), slots("default"), slots("get-state", "b")) == ("b", "b", "good")
    assert slots("fallen-back") == ""


def test_a_new_slot_that_does_not_work_is_left_and_told_of(box: Path, loader: Path, slots: Slots) -> None:
    install(slots, "b")
    start(box, "b")
    (box / "data/slots/trial").write_text("after 300 s: active: 1 cameras: 1 lost\n")
    start(box, "a")
    assert slots("default") == named_in(loader) == "a"
    faults = box / "run/edgewatch-boot/faults"
    faults.write_text("passwords, line 1: no `=` in it")
    assert "1 cameras: 1 lost" in slots("fallen-back")
    assert faults.read_text().startswith("passwords, line 1: no `=` in it; update: the new system did not work (after")
    assert slots("fallen-back") == "", "once"
    assert slots("get-state", "b") == "bad"


def test_the_only_proved_slot_is_never_written(box: Path, loader: Path, slots: Slots) -> None:
    assert loader.exists()
    install(slots, "b")
    start(box, "b")
    assert "has not been proved" in slots("set-state", "a", "bad", code=1)
    assert slots("get-state", "a") == "good"


def test_a_trial_can_be_called_off(box: Path, loader: Path, slots: Slots) -> None:
    assert loader.exists()
    install(slots, "b")
    slots("set-primary", "a")
    assert slots("get-primary") == "a"
    assert slots("fallen-back") == ""
    assert not (box / "run/systemd/reboot-param").exists()


def test_how_each_loader_is_asked_for_a_trial(box: Path, loader: Path, slots: Slots) -> None:
    before = loader.read_text()
    install(slots, "b")
    if loader.name == "loader.conf":
        assert (box / "bootctl").read_text() == "set-oneshot slot-b.conf\n"
    else:
        assert (box / "run/systemd/reboot-param").read_text() == "0 tryboot\n"
        assert loader.with_name("tryboot.txt").read_text() == before.replace("slot-a", "slot-b")


def test_a_kernel_without_tryboot_refuses_before_anything_is_written(slots: Slots) -> None:
    assert "--kernel" in slots("set-state", "b", "bad", code=1)


def test_what_the_loaders_read_fits_into_one_sector() -> None:
    for name in ("config.txt", "loader.conf"):
        assert "slot-a" in (BOOT / name).read_text()
        assert len((BOOT / name).read_bytes()) <= 512


# The trial of a new system


def program(box: Path, name: str, *lines: str) -> None:
    path = box / "bin" / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def trial(box: Path, slots: Slots, before: str, after: str) -> subprocess.CompletedProcess[str]:
    """Install a slot on a box of the status `before`, start it, and have it tried with that of `after`."""
    program(box, "systemctl", f"echo '{before}'")
    install(slots, "b")
    start(box, "b")
    program(box, "systemctl", "case $* in *ActiveState*) echo active ;; *) " + f"echo '{after}' ;; esac")
    program(box, "rauc", f'echo "$*" >>{box}/rauc')
    program(box, "sleep", f"echo 1000.0 0.0 >{box}/proc/uptime")
    (box / "proc/uptime").write_text("10.0 9.0\n")
    environment = os.environ | {"EDGEWATCH_ROOT": str(box), "PATH": f"{box / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        [SLOTS.with_name("trial")], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("before", "after", "is_taken"),
    [
        ("2 cameras: 2 ok; broker: connected", "2 cameras: 2 ok; broker: connected", True),
        ("2 cameras: 1 ok, 1 lost; broker: connected", "2 cameras: 1 ok, 1 lost; broker: connected", True),
        ("2 cameras: 1 ok, 1 lost; broker: connected", "2 cameras: 1 slow, 1 stalled; broker: connected", True),
        ("2 cameras: 2 ok; broker: connected", "2 cameras: 1 ok, 1 lost; broker: connected", False),
        ("3 cameras: 2 ok, 1 lost; broker: connected", "3 cameras: 1 ok, 1 lost, 1 stalled; broker: connected", False),
        ("2 cameras: 2 lost; broker: connected", "2 cameras: 2 lost; broker: connected", False),
        ("2 cameras: 1 ok, 1 lost; broker: connected", "2 cameras: 1 ok, 1 lost; broker: away", False),
        ("2 cameras: 1 ok, 1 lost; broker: connected", "2 cameras: 1 ok, 1 starting; broker: connected", False),
        ("", "1 cameras: 1 ok; broker: connected", True),
    ],
)
def test_a_new_system_has_to_see_as_much_as_the_former_one_did(  # noqa: PLR0917 - fixtures
    box: Path, loader: Path, slots: Slots, before: str, after: str, is_taken: bool
) -> None:
    assert loader.exists()
    ended = trial(box, slots, before, after)
    assert ended.returncode == (0 if is_taken else 1), ended.stderr
    assert (box / "rauc").exists() == is_taken
    if not is_taken:
        assert after in (box / "data/slots/trial").read_text()
