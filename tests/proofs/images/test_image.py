"""Figures of the proofs `boot` and `image`, from evidence that is easy to check; and the list of what is inside."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from proofs.frame.proof import ROOT
from proofs.images import audit, boot, image, power_cut, update

HEARD = [
    (100.0, "edgewatch/proof-1/availability", "online"),
    (101.0, "edgewatch/proof-1/stats", '{"memory_mb":103.5}'),
    (130.0, "edgewatch/proof-1/events", '{"label":"fall"}'),
]
ANSWERS = {
    "meminfo": "MemTotal: 1000000 kB\nMemFree: 10 kB\nMemAvailable: 800000 kB\n",
    "listening": "udp UNCONN 0 0 10.0.2.15%enp0s1:68 0.0.0.0:*\ntcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n",
    "failed": "",
    "exposure": "→ Overall exposure level for edgewatch.service: 1.3 OK :-)\n",
    "mounts": "/ squashfs ro,relatime\n/var tmpfs rw\n",
}


def missed(**changes: str) -> list[str]:
    evidence = {
        "answers": ANSWERS | changes,
        "image_bytes": 1_100_000_000,
        "compressed_bytes": 390_000_000,
        "camera_ok": 80.0,
    }
    return [line.split()[0] for line in image.PROOF.missed(image.figures(evidence))]


def test_a_good_image_misses_nothing() -> None:
    assert missed() == []


def test_each_fault_of_an_image_is_missed() -> None:
    assert missed(listening="tcp LISTEN 0 128 0.0.0.0:5355 0.0.0.0:*\n") == ["listening"]
    assert missed(listening="") == ["listening"]
    assert missed(mounts="/ ext4 rw\n") == ["writable_root"]
    assert missed(failed="ssh.service loaded failed failed\n") == ["failed"]
    assert missed(exposure="") == ["exposure"]
    assert missed(meminfo="MemTotal: 1000000 kB\nMemAvailable: 700000 kB\n") == ["memory_mb"]


def test_a_boot_without_its_event_is_missed() -> None:
    evidence = {"online_s": 100.0, "event_s": 130.0, "secrets_left": [], "heard": HEARD}
    found = boot.figures(evidence)
    assert (boot.PROOF.missed(found), found["memory_mb"]) == ([], 103.5)
    found = boot.figures(evidence | {"event_s": None, "secrets_left": ["passwords"]})
    assert [line.split()[0] for line in boot.PROOF.missed(found)] == ["event_s", "secrets_left"]


def test_each_fault_of_an_update_is_missed() -> None:
    former = ["a", "a", "a"]
    evidence = {
        "refusals": {name: [1, "no"] for name in update.REFUSED},
        "after_refusals": former,
        "dead_install": [0, "", 100.0],
        "after_dead": former,
        "during_deaf": ["b", "a", "a"],
        "after_deaf": former,
        "good_install": [0, "", 100.0],
        "trial_s": 200.0,
        "after_good": ["b", "b", "b"],
        "heard": [("e/fault", f"update: the new system did not work ({why})") for why in ("one", "other")],
        "heard_since_good": [("e/availability", "offline"), ("e/availability", "online")],
    }
    assert update.PROOF.missed(update.figures(evidence)) == []

    def missed(**changes: object) -> list[str]:
        return [line.split()[0] for line in update.PROOF.missed(update.figures(evidence | changes))]

    assert missed(refusals=evidence["refusals"] | {"older": [0, "installed"]}) == ["refused"]
    assert missed(after_refusals=["a", "b", "a"]) == ["untouched"]
    assert missed(after_dead=["b", "b", "b"]) == ["dead_undone"]
    assert missed(during_deaf=former) == ["deaf_undone"]
    assert missed(after_good=["b", "a", "a"]) == ["good_kept"]
    assert missed(heard=[]) == ["told"]
    assert missed(heard_since_good=[("e/availability", "offline")]) == ["good_online"]


def test_each_loss_by_a_power_cut_is_missed() -> None:
    cut = {"phase": power_cut.UPDATE, "written": 5, "found": 5, "e2fsck": 1, "booted": True}
    evidence = {"writes": 1000, "cuts": [cut] * 20}
    found = power_cut.figures(evidence)
    assert power_cut.PROOF.missed(found) == []
    assert (found["events"], found["boots"], found["update_cuts"]) == (5, 20, 20)
    for change, name in (({"found": 4}, "lost_events"), ({"e2fsck": 4}, "broken_disks"), ({"booted": False}, "failed")):
        missed = power_cut.PROOF.missed(power_cut.figures(evidence | {"cuts": [*evidence["cuts"], cut | change]}))
        assert [line.startswith(name) for line in missed] == [True]


def test_a_finding_that_nobody_explained_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    known = "NEWS-0"
    monkeypatch.setitem(audit.EXPLAINED, known, "for this reason")
    report = [
        "hardening_index=80",
        f"suggestion[]={known}|Do this|-|-|",
        f"suggestion[]={known}|Do that|-|-|",
        "warning[]=NEWS-1|Look out!|detail|-|",
        "tests_skipped=NEWS-2|",
    ]
    found = audit.figures({"report": report})
    assert (found["index"], found["warnings"], found["suggestions"]) == (80, 1, 2)
    assert [line.split()[0] for line in audit.PROOF.missed(found)] == ["unexplained"]
    assert audit.PROOF.missed(audit.figures({"report": report[:3]})) == []
    rows = audit.layout(found)[2:]
    assert rows == [f"| {known} | Do this; Do that | for this reason |", "| NEWS-1 | Look out! |  |"]


def test_the_bill_of_materials_names_packages_and_distributions(tmp_path: Path) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "Package: zlib1g\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1:1.3-1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 1\n\n"
    )
    folder = tmp_path / "opt/edgewatch/releases/abc/lib/python3.13/site-packages/numpy-2.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: numpy\nVersion: 2.0\nLicense-Expression: BSD-3-Clause\n"
    )
    printed = subprocess.run([sys.executable, ROOT / "scripts/sbom", tmp_path], capture_output=True, check=True).stdout
    document = json.loads(printed)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    assert [component["purl"] for component in document["components"]] == [
        "pkg:deb/debian/zlib1g@1%3A1.3-1?arch=arm64",
        "pkg:pypi/numpy@2.0",
    ]
