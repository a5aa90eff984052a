"""A boot partition, a data partition and /run as folders: what is taken over, kept, moved and shown."""

import json
import os
from pathlib import Path

import pytest

from edge.cli import main
from edge.config import broker_password, load
from edge.firstboot.apply import apply_boot_files
from edge.firstboot.files import Mistake
from edge.firstboot.show import identity, show

GOOD = b'\xef\xbb\xbf[broker]\r\nurl = "mqtt://box@h"\r\n[cameras.hall]\r\nsource = "/dev/video0"\r\n'


class Card:
    def __init__(self, folder: Path) -> None:
        self.boot, self.data, self.run = folder / "boot", folder / "data", folder / "run"
        self.boot.mkdir()
        self.applied = self.data / "applied"
        self.hostname = ""

    def write(self, **files: bytes) -> None:
        for name, content in files.items():
            (self.boot / name.replace("_toml", ".toml").replace("_pem", ".pem")).write_bytes(content)

    def start(self) -> list[str]:
        mistakes = apply_boot_files(self.boot, self.data)
        show(mistakes, self.data, self.run, self.data, lambda name: setattr(self, "hostname", name))
        return list(map(str, mistakes))


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_all_is_applied_and_the_secrets_are_moved(card: Card) -> None:
    card.write(
        edgewatch_toml=GOOD,
        passwords=b"broker = hunter22\r\n",
        network=b"wifi = net\r\nwifi_password = hunter222\r\nhostname = hall-2\r\n",
        client_pem=b"-----BEGIN PRIVATE KEY-----\nhunter2222\n",
        ca_pem=b"-----BEGIN CERTIFICATE-----\n",
    )
    assert card.start() == []
    assert list(load(card.applied / "edgewatch.toml").cameras) == ["hall"]
    assert broker_password({"CREDENTIALS_DIRECTORY": str(card.applied / "credentials")}) == "hunter22"
    assert (card.applied / "credentials").stat().st_mode & 0o777 == 0o700
    assert {path.name for path in card.boot.iterdir()} == {"edgewatch.toml", "network", "ca.pem"}
    assert not any(b"hunter" in path.read_bytes() for path in card.boot.iterdir())
    assert {"ca.pem", "client.pem"} <= {path.name for path in card.applied.iterdir()}
    assert "psk=" in (card.run / "edgewatch-boot/wpa_supplicant.conf").read_text()
    assert card.hostname == "hall-2"
    assert (card.run / "edgewatch-boot/faults").read_text() == ""


def test_the_next_boots_keep_what_is_in_force(card: Card) -> None:
    card.write(edgewatch_toml=GOOD, passwords=b"broker = one\n", network=b"wifi = net\nwifi_password = password\n")
    card.start()
    before = (card.run / "edgewatch-boot/wpa_supplicant.conf").read_text()
    for path in card.boot.iterdir():
        if path.name != "network":
            path.unlink()
    for _ in range(3):
        assert card.start() == []
    assert (card.applied / "credentials/mqtt-password").read_text() == "one"
    assert (card.run / "edgewatch-boot/wpa_supplicant.conf").read_text() == before
    card.write(passwords=b"broker = two\n")
    assert card.start() == []
    assert (card.applied / "credentials/mqtt-password").read_text() == "two"


@pytest.mark.parametrize("changes", [{"vlan": 7}, {"dns": None}])
def test_the_network_of_another_version_is_kept_as_far_as_it_is_understood(card: Card, changes: dict) -> None:
    card.write(edgewatch_toml=GOOD, network=b"wifi = net\nwifi_password = password\nhostname = hall-2\n")
    assert card.start() == []
    path = card.applied / "network.json"
    fields = {name: value for name, value in (json.loads(path.read_text()) | changes).items() if value is not None}
    path.write_text(json.dumps(fields))
    card.hostname = ""
    assert card.start() == []
    assert card.hostname == "hall-2"
    assert "psk=" in (card.run / "edgewatch-boot/wpa_supplicant.conf").read_text()


def test_with_a_mistake_the_box_keeps_what_it_had_and_says_where(card: Card) -> None:
    card.write(edgewatch_toml=GOOD, passwords=b"broker = one\n")
    card.start()
    in_force = card.applied.resolve()
    card.write(edgewatch_toml=GOOD.replace(b"source", b"sorce"), passwords=b"broker = two\n", network=b"wlan = x\n")
    mistakes = card.start()
    assert [line.split(":")[0] for line in mistakes] == ["network, line 1", "edgewatch.toml, line 4"]
    assert card.applied.resolve() == in_force
    assert (card.applied / "credentials/mqtt-password").read_text() == "one"
    # Nothing was applied, so nothing is moved: the person corrects one line and starts again.
    assert (card.boot / "passwords").exists()
    assert (card.run / "edgewatch-boot/faults").read_text() == "; ".join(mistakes)
    card.write(edgewatch_toml=GOOD, network=b"")
    assert card.start() == []
    assert (card.applied / "credentials/mqtt-password").read_text() == "two"


def test_an_empty_card_waits(card: Card) -> None:
    assert card.start() == ["edgewatch.toml: missing; write cameras and broker into it"]
    assert not card.applied.exists()
    assert "DHCP=yes" in (card.run / "systemd/network/20-wired.network").read_text()


def test_a_cut_before_the_switch_leaves_the_old_set(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.write(edgewatch_toml=GOOD)
    card.start()
    card.write(edgewatch_toml=GOOD.replace(b"hall", b"attic"))

    def cut(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(os, "sync", cut)
    with pytest.raises(InterruptedError):
        card.start()
    assert list(load(card.applied / "edgewatch.toml").cameras) == ["hall"]
    monkeypatch.undo()
    assert card.start() == []
    assert list(load(card.applied / "edgewatch.toml").cameras) == ["attic"]


def test_a_box_is_named_by_its_board_or_keeps_a_name_of_its_own(card: Card) -> None:
    card.data.mkdir()
    own = identity(card.data, card.data)
    assert own == identity(card.data, card.data)
    serial = card.data / "sys/firmware/devicetree/base/serial-number"
    serial.parent.mkdir(parents=True)
    serial.write_bytes(b"10000000abcdef01\0")
    assert identity(card.data, card.data) == "edgewatch-abcdef01"


def test_the_light_blinks_for_mistakes(card: Card) -> None:
    led = card.data / "sys/class/leds/ACT"
    led.mkdir(parents=True)
    for name in ("trigger", "delay_on", "delay_off"):
        (led / name).write_text("")
    show([], card.data, card.run, card.data, lambda _: None)
    assert (led / "trigger").read_text() == ""
    show([Mistake("network", 1, "x")], card.data, card.run, card.data, lambda _: None)
    assert ((led / "trigger").read_text(), (led / "delay_on").read_text()) == ("timer", "100")


def test_the_parsed_network_is_kept_without_its_password(card: Card) -> None:
    card.write(
        edgewatch_toml=GOOD, network=b"wifi = net\nwifi_password = hunter222\ndns = 9.9.9.9\naddress = 10.0.0.2/8\n"
    )
    card.start()
    kept = json.loads((card.applied / "network.json").read_text())
    assert (kept["wifi"], kept["dns"], len(kept["psk"])) == ("net", ["9.9.9.9"], 64)
    assert "hunter222" not in (card.applied / "network.json").read_text()


def test_what_notepad_writes_is_taken_and_moved(card: Card) -> None:
    card.write(edgewatch_toml=GOOD)
    (card.boot / "passwords.txt").write_bytes(b"broker = hunter22\r\n")
    (card.boot / "network.txt").write_bytes(b"wifi = net\r\nwifi_password = hunter222\r\n")
    assert card.start() == []
    assert (card.applied / "credentials/mqtt-password").read_text() == "hunter22"
    assert {path.name for path in card.boot.iterdir()} == {"edgewatch.toml", "network.txt"}
    assert b"hunter" not in (card.boot / "network.txt").read_bytes()
    assert "psk=" in (card.run / "edgewatch-boot/wpa_supplicant.conf").read_text()
    card.write(network=b"")
    assert card.start() == ["network.txt: stands beside network; remove one of them"]


def test_folders_are_no_certificates_and_hide_none(card: Card) -> None:
    (card.boot / "a.pem").mkdir()
    card.write(edgewatch_toml=GOOD, client_pem=b"-----BEGIN PRIVATE KEY-----\n")
    assert card.start() == []
    assert (card.applied / "client.pem").exists()
    assert not (card.boot / "client.pem").exists()


def test_whatever_happens_the_box_gets_its_network_and_somebody_is_told(
    card: Card, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge.fleet.commands.socket.sethostname", lambda name: setattr(card, "hostname", name))
    card.data.write_text("no folder")
    arguments = ("--boot", card.boot, "--data", card.data, "--run", card.run)
    assert main(["first-boot", *map(str, arguments)]) == 0
    assert "DHCP=yes" in (card.run / "systemd/network/20-wired.network").read_text()
    assert "cannot be taken over" in (card.run / "edgewatch-boot/faults").read_text()
    assert card.hostname.startswith("edgewatch-")
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert out.startswith("boot partition: boot: cannot be taken over (")


@pytest.mark.parametrize("damaged", [b"\0\0", b"[]", b"null", b'{"dns": null}'])
def test_a_network_that_was_damaged_on_the_disk_is_none(card: Card, damaged: bytes) -> None:
    card.write(edgewatch_toml=GOOD, network=b"wifi = net\nwifi_password = password\n")
    card.start()
    (card.applied / "network.json").write_bytes(damaged)
    assert card.start() == []
    assert "key_mgmt=NONE" in (card.run / "edgewatch-boot/wpa_supplicant.conf").read_text()
