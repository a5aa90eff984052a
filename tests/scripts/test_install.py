"""`scripts/install`: what it refuses, and that the files it installs are there. The proof `installer` runs it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALL = ROOT / "scripts" / "install"


def install(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", INSTALL, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("option", ["--wheels", "--config"])
def test_a_path_that_is_not_there_is_named(option: str, tmp_path: Path) -> None:
    ended = install(option, tmp_path / "missing")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(rf"install: {option} .*/missing: does not exist; give its path\n", ended.stderr)


def test_an_unknown_option_shows_the_usage() -> None:
    ended = install("--wheel", "x")
    assert ended.returncode == 2
    assert "--uninstall" in ended.stderr


def test_every_installed_file_is_in_the_checkout() -> None:
    text = INSTALL.read_text()
    units = re.search(r"for unit in (.*); do", text)
    assert units is not None
    named = set(re.findall(r"put systemd/([\w.@-]+)", text)) | set(units[1].split())
    there = {path.name for path in (ROOT / "systemd").iterdir()}
    assert named <= there
    put_by_variable = {"edgewatch.toml"}
    for_other_machines = {"mosquitto-edgewatch.acl", "edgewatch-dashboard.service", "edgewatch-notify.service", "image"}
    assert there - named == put_by_variable | for_other_machines


def test_the_units_name_the_environment_that_is_installed() -> None:
    for name in ("edgewatch.service", "edgewatch@.service", "edgewatch-failed@.service"):
        assert "ExecStart=/opt/edgewatch/current/bin/edge " in (ROOT / "systemd" / name).read_text()


@pytest.mark.parametrize("program", ["dashboard", "notify"])
def test_the_units_beside_the_box_s_are_as_hard_and_bounded(program: str) -> None:
    unit = ROOT / "systemd" / f"edgewatch-{program}.service"
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=14", unit],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]
    keys = {line.partition("=")[0] for line in unit.read_text().splitlines()}
    assert {"MemoryHigh", "MemoryMax", "TasksMax", "LimitNOFILE"} <= keys


def test_a_box_that_gives_up_is_started_again_slowly_and_for_ever(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(ROOT / "systemd", units, ignore=shutil.ignore_patterns("image"))
    for name in ("opt/edgewatch/current/bin/edge", "usr/bin/systemctl"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy("/bin/true", tmp_path / name)
    for name in ("edgewatch.service", "edgewatch@.service"):
        for more in ("hardening.conf", "watchdog.conf"):
            (units / f"{name}.d").mkdir(exist_ok=True)
            shutil.copy(units / more, units / f"{name}.d")
        unit = (units / name).read_text()
        assert "OnFailure=edgewatch-failed@%N.service edgewatch-again@%N.timer\n" in unit
        assert "StartLimitIntervalSec=15min\n" in unit
    assert "OnActiveSec=20min\n" in (units / "edgewatch-again@.timer").read_text(), "attempts are counted anew"
    named = ["edgewatch.service", "edgewatch@attic.service", "edgewatch-again@edgewatch.timer"]
    judged = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", "--recursive-errors=no", *named],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (judged.returncode, judged.stderr) == (0, "")
