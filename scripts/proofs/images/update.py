"""Updates of a box in QEMU: a good one lands, bad ones are refused or undone by the box itself.

Evidence: an image whose second slot is empty, and bundles on a second disk: signed by a stranger, for another board,
older, tampered with; one whose root does not start; one that works. Each is installed by `rauc install` over SSH, and
the box says which slot it runs and which one starts next.
"""

import os
import shutil
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from edge.bundle import BUILTIN, Bundle
from edge.errors import ConfigurationError, EdgewatchError
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.images.boot import Ear
from proofs.images.emulator import IMAGE, call
from proofs.images.image import PATIENCE_S, POLL_S, Shell, log_in, prepare
from proofs.rig.clips import small_clip
from proofs.rig.mosquitto import Mosquitto

KEYS = ROOT / "runs" / "update-keys"
NEWER, OLDER = "99991231.235959", "20200101.000000"
CLIP: Final = "clip.mp4"
NO_ROOT_B: Final = 1 << 20
SLOTS: Final = "/usr/local/lib/edgewatch/slots"
SLOT_AND_NEXT: Final = f"echo $({SLOTS} get-current) $({SLOTS} get-primary) $({SLOTS} default)"
BOOT_ID: Final = "cat /proc/sys/kernel/random/boot_id"
REFUSED: Final = ("stranger", "other-board", "older", "tampered")
YES = Limit(">=", 1)

TABLE = (
    Figure("refused", "refused of a stranger's, another board's, an older and a tampered one", limit=Limit(">=", 4)),
    Figure("untouched", "after that the slot starts that did", limit=YES),
    Figure("dead_undone", "an update whose root does not start: the box comes back in the former slot", limit=YES),
    Figure("deaf_undone", "an update after which no broker answers: the same, after its self-test", limit=YES),
    Figure("told", "of these, told to the broker with the reason", limit=Limit(">=", 2)),
    Figure("good_kept", "a good update: its slot runs, passes the self-test, and is the one that starts", limit=YES),
    Figure("good_online", "the box is online from it", limit=YES),
    Figure("install_s", "installing it, under emulation", "s", digits=0),
    Figure("trial_s", "from the restart until it is kept, under emulation", "s", digits=0),
)


def make_bundles(image: Path, keys: Path, work: Path) -> Path:
    """Write a disk with one bundle for each case; return its file.

    Raises:
        ConfigurationError: the image was made without keys.
    """
    source = Path(f"{image}.raucb")
    if not source.is_file():
        raise ConfigurationError(
            f"{source}: no such update; scripts/build-update --new-key {keys}; scripts/build-image --updates {keys}"
        )
    whole, empty, out = work / "whole", work / "empty", work / "bundles"
    for folder in (whole, empty, out, work / "stranger"):
        shutil.rmtree(folder, ignore_errors=True)
    out.mkdir(parents=True)
    call("unsquashfs", "-q", "-n", "-d", whole, source)
    call("cp", "-al", whole, empty)
    (empty / "root.squashfs").unlink()
    (empty / "root.squashfs").write_bytes(bytes(NO_ROOT_B))
    call(ROOT / "scripts/build-update", "--new-key", work / "stranger")
    sign(whole, NEWER, keys, out / "good")
    sign(empty, NEWER, keys, out / "dead")
    sign(empty, NEWER, work / "stranger", out / "stranger")
    sign(empty, OLDER, keys, out / "older")
    sign(empty, NEWER, keys, out / "other-board", board="edgewatch-x86")
    tampered = bytearray((out / "dead").read_bytes())
    tampered[len(tampered) // 2] ^= 1
    (out / "tampered").write_bytes(tampered)
    stick = work / "bundles.squashfs"
    call("mksquashfs", out, stick, "-quiet", "-no-progress", "-noappend", "-noI", "-noD", "-noF", "-noX")
    return stick


def sign(content: Path, version: str, keys: Path, out: Path, board: str = "edgewatch-arm64") -> None:
    (content / "manifest.raucm").unlink(missing_ok=True)
    environment = os.environ | {"EDGEWATCH_COMPATIBLE": board}
    command = [ROOT / "scripts/build-update", content, version, keys, out]
    if subprocess.call(command, env=environment, stderr=subprocess.DEVNULL):
        raise EdgewatchError(f"{out.name}: scripts/build-update failed")


class Box:
    """A box that is asked over SSH, also while it restarts."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def boot_id(self) -> str:
        return self._shell.ask(BOOT_ID)

    def slots(self) -> list[str]:
        """The slot that runs, the one that starts next, the one that starts where nothing is on trial."""
        return self._shell.ask(SLOT_AND_NEXT).split()

    def install(self, name: str) -> tuple[int, str, float]:
        """Return RAUC's exit code, its last words, and how many seconds it took."""
        began_s = time.monotonic()
        mounted = "mountpoint -q /run/bundles || { mkdir -p /run/bundles && mount -o ro /dev/vdb /run/bundles; }"
        said = self._shell.ask(f"{mounted}; rauc install /run/bundles/{name} 2>&1 | tail -3; echo ${{PIPESTATUS[0]}}")
        words, _, code = said.strip().rpartition("\n")
        return int(code or 1), words, time.monotonic() - began_s

    def restart(self) -> None:
        """Restart it, and wait for the next system, whichever it is."""
        before = self.boot_id()
        self._shell.ask("systemctl reboot")
        self.await_start_after(before)

    def await_start_after(self, boot_id: str) -> None:
        """Wait for a system that is another start than this one.

        Raises:
            EdgewatchError: none comes.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        while (now := self.boot_id()) in {"", boot_id}:
            if time.monotonic() > deadline_s:
                raise EdgewatchError(f"no other start in {PATIENCE_S:.0f} s; the last was {now or 'silent'}")
            time.sleep(POLL_S)


def measure(setting: Setting) -> Evidence:
    """Try every bundle on the image that scripts/build-image left, one after the other."""
    work = setting.work
    work.mkdir(parents=True, exist_ok=True)
    stick = make_bundles(IMAGE, KEYS, work)
    clip = small_clip(setting, work / CLIP)
    with ExitStack() as opened:
        broker = Mosquitto(work / "broker")
        broker.start()
        opened.callback(broker.stop)
        ear = opened.enter_context(closing(Ear(broker.port)))
        emulator, key = prepare(work, broker.port, f'source = "/data/{CLIP}"', clip)
        opened.callback(emulator.stop)
        shell = log_in(emulator, key, stick=stick, may_reboot=True)
        return {"bundle_sha256": Bundle.load(BUILTIN).digest} | try_all(Box(shell), ear, broker, setting)


def try_all(box: Box, ear: Ear, broker: Mosquitto, setting: Setting) -> Evidence:
    say("bundles that are to be refused")
    evidence: Evidence = {"refusals": {name: box.install(name)[:2] for name in REFUSED}, "after_refusals": box.slots()}
    say("an update that does not start")
    evidence["dead_install"] = box.install("dead")
    box.restart()
    evidence["after_dead"] = box.slots()
    if not setting.short:
        say("an update after which no broker answers")
        evidence["deaf_install"] = box.install("good")
        broker.stop()
        box.restart()
        evidence["during_deaf"] = box.slots()
        box.await_start_after(box.boot_id())
        broker.start()
        evidence["after_deaf"] = box.slots()
    say("a good update")
    evidence["good_install"] = box.install("good")
    began_s, began_heard = time.monotonic(), len(ear.heard)
    box.restart()
    deadline_s = time.monotonic() + PATIENCE_S
    while (slots := box.slots()) != ["b", "b", "b"] and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    evidence["trial_s"] = time.monotonic() - began_s
    evidence["after_good"] = slots
    evidence["heard"] = [(topic, text[:500]) for _, topic, text in ear.heard]
    evidence["heard_since_good"] = [(topic, text[:500]) for _, topic, text in ear.heard[began_heard:]]
    return evidence


def figures(evidence: Evidence) -> Figures:
    told = {text for topic, text in evidence["heard"] if topic.endswith("/fault") and "did not work" in text}
    online = [text for topic, text in evidence["heard_since_good"] if topic.endswith("/availability")]
    former = ["a", "a", "a"]
    return {
        "refused": sum(code != 0 for code, _ in evidence["refusals"].values()),
        "untouched": int(evidence["after_refusals"] == former),
        "dead_undone": int(evidence["dead_install"][0] == 0 and evidence["after_dead"] == former),
        "deaf_undone": int(evidence["during_deaf"] == ["b", "a", "a"] and evidence["after_deaf"] == former)
        if "after_deaf" in evidence
        else None,
        "told": len(told),
        "good_kept": int(evidence["good_install"][0] == 0 and evidence["after_good"] == ["b", "b", "b"]),
        "good_online": int(bool(online) and online[-1] == "online"),
        "install_s": evidence["good_install"][2],
        "trial_s": evidence["trial_s"],
    }


PROOF = Proof(
    name="update",
    summary="updates of a box in QEMU: refused, undone by the box itself, kept",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
)
