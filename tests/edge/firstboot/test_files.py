"""The boot partition's text files as people leave them, and the line of every mistake."""

from pathlib import Path

import pytest

from edge.firstboot.check import check_config, check_keys, read_passwords
from edge.firstboot.files import MistakesError
from edge.firstboot.network import Network, read_network, render

PSK_OF_IEEE = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
"""IEEE 802.11, annex J.4.2: SSID `IEEE`, passphrase `password`."""


def mistakes(reader, path: Path) -> list[str]:
    with pytest.raises(MistakesError) as caught:
        reader(path)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.fixture
def network(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "network"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def config(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "edgewatch.toml"
        path.write_text(text, newline="")
        return path

    return write


def test_windows_line_ends_a_byte_order_mark_tabs_and_quotes_are_taken(network) -> None:
    path = network(b'\xef\xbb\xbfwifi\t=\tIEEE\r\nwifi_password = "password"\r\n\r\n# a comment\r\nhostname=hall-2\r\n')
    read = read_network(path)
    assert (read.wifi, read.psk, read.hostname) == ("IEEE", PSK_OF_IEEE, "hall-2")


def test_typographic_quotes_are_taken(network) -> None:
    assert read_network(network("wifi = \u201cmy net\u201d\n".encode())).wifi == "my net"


def test_every_mistake_is_named_with_its_line(network) -> None:
    path = network(b"wifi = net\nwifi_pasword = password\nhello\nwifi = other\ncountry = de\naddress = 192.168.1.20\n")
    assert mistakes(read_network, path) == [
        (
            "network, line 2: 'wifi_pasword' is not known; known are "
            "wifi, wifi_password, country, hostname, address, gateway, dns"
        ),
        "network, line 3: no `=` in it; write: key = value",
        "network, line 4: 'wifi' stands in line 1 already",
    ]
    path = network(b"wifi = net\nwifi_password = short\ncountry = de\naddress = 192.168.1.20\ngateway = x\ndns = 1 2\n")
    assert [line.split(":")[0] for line in mistakes(read_network, path)] == [
        f"network, line {number}" for number in (2, 3, 4, 5, 6)
    ]
    assert mistakes(read_network, network(b"gateway = 192.168.1.1\n")) == [
        "network, line 1: gateway and dns need a static address; add address"
    ]


def test_what_is_no_text_is_named(network) -> None:
    assert mistakes(read_network, network("wifi = net".encode("utf-16"))) == [
        "network: not UTF-8 text; save the file as UTF-8"
    ]


def test_a_known_wifi_keeps_its_password(network) -> None:
    known = Network(wifi="IEEE", psk=PSK_OF_IEEE)
    assert read_network(network(b"wifi = IEEE\n"), known).psk == PSK_OF_IEEE
    assert read_network(network(b"wifi = other\n"), known).psk == ""


def test_no_file_means_dhcp_on_the_cable() -> None:
    files = render(Network())
    assert list(files) == ["20-wired.network"]
    assert "DHCP=yes" in files["20-wired.network"]


def test_a_static_address_belongs_to_the_wifi_where_there_is_one() -> None:
    static = {"address": "192.168.1.20/24", "gateway": "192.168.1.1", "dns": ("192.168.1.1", "9.9.9.9")}
    wired = render(Network(**static))["20-wired.network"]
    assert "Address=192.168.1.20/24\n" in wired
    assert "Gateway=192.168.1.1\nDNS=192.168.1.1\nDNS=9.9.9.9\n" in wired
    files = render(Network(wifi='a"}\n', psk=PSK_OF_IEEE, country="DE", **static))
    assert "DHCP=yes" in files["20-wired.network"]
    assert "Address=192.168.1.20/24\n" in files["20-wireless.network"]
    # Whatever the Wi-Fi's name holds stays a name.
    assert files["wpa_supplicant.conf"] == (
        f"country=DE\nnetwork={{\n    ssid=61227d0a\n    scan_ssid=1\n    psk={PSK_OF_IEEE}\n}}\n"
    )
    assert "key_mgmt=NONE" in render(Network(wifi="open"))["wpa_supplicant.conf"]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "[broker]\r\nurl = 'mqtt://h'\r\n\r\n[cameras.hall]\r\nsorce = '/x'\r\n",
            "line 5: cameras.hall.sorce: unknown",
        ),
        ("[broker]\nurl = mqtt://h\n", "line 2: not TOML: Invalid value"),
        ("[broker]\nurl = 'mqtt://h'\n[cameras.hall]\nsource = '/x", "line 4: not TOML"),
        ("[cameras.hall]\nsource = '/x'\n[broker]\nversion = '5'\n", "line 3: broker.url: Field required"),
        ("threads = 0\n", "line 1: threads:"),
        ("cameras.hall.source = 3\n", "line 1: cameras.hall.source:"),
        ("[broker]\nurl = 'mqtt://h'\n[cameras.events]\nsource = '/x'\n", "line 3: cameras.events"),
        ("[broker]\nurl = 'mqtt://u:secret@h'\n", "line 2: broker.url: holds a password"),
        ("[broker]\nurl = 'mqtts://h'\nca_file = 'ca.pem'\n", "line 1: broker: ca_file:"),
        ("[cameras.hall]\nsource = '/x'\n", ": broker: missing"),
    ],
)
def test_a_mistake_of_the_configuration_has_its_line(config, text: str, mistake: str) -> None:
    (found,) = mistakes(check_config, config(text))
    assert found.removeprefix("edgewatch.toml, ").removeprefix("edgewatch.toml").startswith(mistake)
    assert "secret" not in found


def test_passwords_are_credentials(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_bytes(b"broker = correct = horse\r\ncamera hall='a b'\r\n")
    assert read_passwords(path) == {"mqtt-password": "correct = horse", "camera-hall-password": "a b"}
    path.write_text("brokr = secret\ncamera = x\nbroker =\n")
    found = mistakes(read_passwords, path)
    assert [line.split(":")[0] for line in found] == ["passwords, line 1", "passwords, line 2"]
    assert "secret" not in "".join(found)
    path.write_text("s3cr=et\n")
    assert mistakes(read_passwords, path) == [
        "passwords, line 1: what stands before `=` is not known; known are broker, camera NAME"
    ]
    path.write_text("broker =\n")
    assert mistakes(read_passwords, path) == ['passwords, line 1: broker: is empty; write "" if it is to be']
    path.write_text('broker = ""\n')
    assert read_passwords(path) == {"mqtt-password": ""}


@pytest.mark.parametrize("name", ["a/b", "Hall", "..", "x" * 300])
def test_what_no_camera_is_called_is_no_credential(tmp_path: Path, name: str) -> None:
    path = tmp_path / "passwords"
    path.write_text(f"broker = x\ncamera {name} = secret\n")
    (found,) = mistakes(read_passwords, path)
    assert found.startswith("passwords, line 2: camera ")
    assert found.endswith(": is no camera's name; use only a-z, 0-9, _ and -")
    assert "secret" not in found


def test_keys_are_public_ones(tmp_path: Path) -> None:
    path = tmp_path / "authorized_keys"
    path.write_bytes(
        b"# me\r\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@home\r\n"
    )
    check_keys(path)
    path.write_text("hello\n")
    assert mistakes(check_keys, path) == ["authorized_keys, line 1: is no public key; it begins with ssh- or ecdsa-"]
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert mistakes(check_keys, path)[0].startswith("authorized_keys, line 1: a private key")
