"""What lynis finds in the booted image: each finding is mended, or explained here.

Evidence: the report that lynis, of this machine, writes in a box in QEMU.
"""

import re
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from edge.bundle import BUILTIN, Bundle
from edge.errors import ConfigurationError, EdgewatchError
from proofs.frame.markdown import table
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, Value, say
from proofs.images.emulator import IMAGE, check_image
from proofs.images.image import at_rest
from trainer.files import file_sha256

PARTS = {
    "lynis": Path("/usr/sbin/lynis"),
    "include": Path("/usr/share/lynis/include"),
    "db": Path("/usr/share/lynis/db"),
    "plugins": Path("/etc/lynis/plugins"),
    "default.prf": Path("/etc/lynis/default.prf"),
}
PACKED, FOLDER = "lynis.tar", "/run/lynis"
PATIENCE_S = 3600.0
POLL_S = 15.0
BEGIN = (
    f"mkdir -p {FOLDER} && tar -xf /data/{PACKED} -C {FOLDER} && cd {FOLDER} && systemd-run --unit=audit"
    f" --working-directory={FOLDER} sh ./lynis audit system --quick --no-colors --quiet --profile {FOLDER}/default.prf"
    f" --logfile {FOLDER}/log --report-file {FOLDER}/report 2>&1"
)
STATE, ENDED = "systemctl is-active audit", {"inactive", "failed"}
WHY, LAST_LETTERS = f"tail -n 3 {FOLDER}/log; journalctl -u audit --no-pager -o cat | tail -n 5", 600
REPORT = f"cat {FOLDER}/report"
FINDING = re.compile(r"^(warning|suggestion)\[\]=([A-Z]+(?:-\d+)?)\|([^|]*)", re.MULTILINE)
INDEX = re.compile(r"^hardening_index=(\d+)$", re.MULTILINE)

EXPLAINED: dict[str, str] = {
    "LYNIS": "of the machine that audits; it is not on the box",
    "DEB-0280": "nobody logs in but root by key, and services have temporary folders of their own",
    "DEB-0810": "no package is installed on a box",
    "DEB-0811": "no package is installed on a box",
    "DEB-0831": "no package is installed on a box",
    "DEB-0880": "SSH is off unless a key is given, and takes no password",
    "BOOT-5180": "lynis does not find systemd's default target; it is the usual one",
    "BOOT-5264": "edgewatch's own unit is at 1.3; the others are Debian's",
    "KRNL-5788": "the kernel lies on the boot partition, one for each slot",
    "AUTH-9230": "no account has a password",
    "AUTH-9262": "no account has a password",
    "AUTH-9286": "no account has a password",
    "AUTH-9328": "nobody logs in to write files; edgewatch's units have a umask of their own",
    "FILE-6310": "nobody lives on a box; its root cannot be written, and /var and /tmp are memory",
    "FILE-7524": "files of Debian's packages, in a root that cannot be written",
    "USB-1000": "a Raspberry Pi may start from a USB disk",
    "NAME-4028": "a box has a name and no domain",
    "NAME-4404": "systemd answers for the box's own name",
    "PKGS-7370": "the root is one signed file, which RAUC checks, and cannot be written",
    "PKGS-7390": "a box has no package lists: its root is replaced as a whole",
    "PKGS-7394": "a box has no package lists: its root is replaced as a whole",
    "PKGS-7420": "updates are whole systems: signed, tried, and undone if they do not work",
    "SSH-7408": "a second session watches the log of an update; the port is the usual one",
    "LOGG-2154": "what matters goes out by MQTT; the log stays in memory",
    "BANN-7126": "nobody can log in at a console",
    "BANN-7130": "nobody logs in but by key",
    "ACCT-9622": "such records would wear the card out",
    "ACCT-9626": "such records would wear the card out",
    "ACCT-9628": "such records would wear the card out",
    "CRYP-7902": "of Debian's roots one has run out, so nothing that it signed is believed",
    "FINT-4350": "the root cannot be written",
    "TOOL-5002": "boxes are made from one image and replaced as a whole",
    "HRDN-7230": "programs lie in a root that cannot be written",
    "KRNL-6000": "rp_filter is loose, by interface, for boxes on cable and Wi-Fi; stray packets are not logged; "
    "modules load when a camera is plugged in",
}
"""By the identifier of lynis's test: why a box is as it is."""

TABLE = (
    Figure("index", "hardening index"),
    Figure("warnings", "warnings"),
    Figure("suggestions", "suggestions"),
    Figure("unexplained", "of both, neither mended nor explained", limit=Limit("<=", 0)),
)


def measure(setting: Setting) -> Evidence:
    """Have lynis look at the image that scripts/build-image left, once."""
    check_image(IMAGE)
    report = setting.once("report", {"image": file_sha256(IMAGE)}, lambda: _report(setting))
    return {"bundle_sha256": Bundle.load(BUILTIN).digest} | report


def _report(setting: Setting) -> Evidence:
    missing = [path for path in PARTS.values() if not path.exists()]
    if missing:
        raise ConfigurationError(f"{missing[0]} is not here; run scripts/setup-env images")
    setting.work.mkdir(parents=True, exist_ok=True)
    packed = setting.work / PACKED
    with tarfile.open(packed, "w") as archive:
        for name, path in PARTS.items():
            archive.add(path, name)
    with at_rest(setting, packed) as (shell, _):
        shell.ask(BEGIN)
        say("lynis looks at the box")
        deadline_s = time.monotonic() + PATIENCE_S
        while shell.ask(STATE).strip() not in ENDED and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        report = shell.ask(REPORT)
        if INDEX.search(report) is None:
            raise EdgewatchError(f"lynis did not get to its end: {shell.ask(WHY)[-LAST_LETTERS:]}")
    return {"report": report.splitlines()}


def figures(evidence: Evidence) -> Figures:
    report = "\n".join(evidence["report"])
    findings = FINDING.findall(report)
    index = INDEX.search(report)
    return {
        "index": int(index[1]) if index else None,
        "warnings": sum(kind == "warning" for kind, _, _ in findings),
        "suggestions": sum(kind == "suggestion" for kind, _, _ in findings),
        "unexplained": sum(test not in EXPLAINED for _, test, _ in findings),
        "findings": "\n".join(f"{test}: {words}" for _, test, words in findings),
    }


def layout(found: Mapping[str, Value]) -> list[str]:
    """A row a test of lynis that found something, for the README."""
    tests: dict[str, list[str]] = {}
    for line in str(found["findings"]).splitlines():
        test, _, words = line.partition(": ")
        tests.setdefault(test, []).append(words)
    rows = [(test, "; ".join(words), EXPLAINED.get(test, "")) for test, words in tests.items()]
    return table(("lynis", "finds", "here"), rows)


PROOF = Proof(
    name="audit",
    summary="lynis in the booted image: what it finds, and why the box is so",
    table=TABLE,
    measure=measure,
    figures=figures,
    layout=layout,
    folds_layout=True,
)
