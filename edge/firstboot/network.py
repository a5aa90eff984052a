"""The file `network`: read, checked, and turned into what systemd-networkd and wpa_supplicant read."""

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.firstboot.files import Mistake, MistakesError, read_settings

KEYS = ("wifi", "wifi_password", "country", "hostname", "address", "gateway", "dns")
SECRET = "wifi_password"  # noqa: S105 - the name of the key
HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
COUNTRY = re.compile(r"[A-Z]{2}")
LONGEST_SSID_B = 32
PASSPHRASE = re.compile(r"[ -~]{8,63}")
PSK_ROUNDS, PSK_BYTES = 4096, 32  # IEEE 802.11, annex J.4
WIRED, WIRELESS = "en* eth*", "wl*"


@dataclass(frozen=True, slots=True)
class Network:
    """What the file says; all of it may be left out: then the box asks DHCP on its cable."""

    wifi: str = ""
    psk: str = ""
    """Of the Wi-Fi, 64 hexadecimal digits; '' for an open one."""
    country: str = ""
    hostname: str = ""
    address: str = ""
    """With its prefix: `192.168.1.20/24`."""
    gateway: str = ""
    dns: tuple[str, ...] = ()


def read_network(path: Path, known: Network | None = None) -> Network:
    """Read the file.

    Args:
        path: of the file.
        known: what was in force before: the password of the same Wi-Fi need not be given again.

    Raises:
        MistakesError: with every mistake and its line.
    """
    settings = read_settings(path, KEYS)
    mistakes: list[Mistake] = []

    def check(key: str, holds: bool, what: str) -> None:
        if key in settings and not holds:
            mistakes.append(Mistake(path.name, settings[key][0], f"{key}: {what}"))

    values = {key: value for key, (_, value) in settings.items()}
    wifi, password = values.get("wifi", ""), values.get(SECRET)
    check("wifi", 0 < len(wifi.encode()) <= LONGEST_SSID_B, "a Wi-Fi's name has 1 to 32 bytes")
    check(SECRET, "wifi" in values, "is given without wifi; add the name of the Wi-Fi")
    check(SECRET, PASSPHRASE.fullmatch(password or "") is not None, "a Wi-Fi's password has 8 to 63 plain characters")
    check("country", COUNTRY.fullmatch(values.get("country", "")) is not None, "write two capital letters, as DE")
    check("hostname", HOSTNAME.fullmatch(values.get("hostname", "")) is not None, "use only a-z, 0-9 and -")
    check("address", _is_interface(values.get("address", "")), "write it with its prefix, as 192.168.1.20/24")
    check("gateway", _is_address(values.get("gateway", "")), "is no address; write it as 192.168.1.1")
    dns = tuple(values.get("dns", "").replace(",", " ").split())
    check("dns", bool(dns) and all(map(_is_address, dns)), "is no address; write it as 192.168.1.1")
    if ("gateway" in values or "dns" in values) and "address" not in values:
        number = next(settings[key][0] for key in ("gateway", "dns") if key in settings)
        mistakes.append(Mistake(path.name, number, "gateway and dns need a static address; add address"))
    if mistakes:
        raise MistakesError(mistakes)
    plain = {key: values.get(key, "") for key in ("country", "hostname", "address", "gateway")}
    return Network(wifi=wifi, psk=_psk(wifi, password, known), dns=dns, **plain)


def render(network: Network) -> Mapping[str, str]:
    """Return the files for networkd, by name, and `wpa_supplicant.conf` where there is a Wi-Fi."""
    addressing = "DHCP=yes\n"
    if network.address:
        addressing = f"Address={network.address}\nIPv6AcceptRA=yes\n"
        addressing += f"Gateway={network.gateway}\n" if network.gateway else ""
        addressing += "".join(f"DNS={server}\n" for server in network.dns)
    # A static address belongs to the Wi-Fi where there is one.
    wired = "DHCP=yes\n" if network.wifi else addressing
    files = {"20-wired.network": _unit(WIRED, wired)}
    if network.wifi:
        files["20-wireless.network"] = _unit(WIRELESS, addressing)
        files["wpa_supplicant.conf"] = _wpa(network)
    return files


def _unit(names: str, addressing: str) -> str:
    return f"[Match]\nName={names}\n[Network]\n{addressing}MulticastDNS=no\nLLMNR=no\n"


def _wpa(network: Network) -> str:
    country = f"country={network.country}\n" if network.country else ""
    key = f"psk={network.psk}" if network.psk else "key_mgmt=NONE"
    return f"{country}network={{\n    ssid={network.wifi.encode().hex()}\n    scan_ssid=1\n    {key}\n}}\n"


def _psk(wifi: str, password: str | None, known: Network | None) -> str:
    if password is not None:
        return hashlib.pbkdf2_hmac("sha1", password.encode(), wifi.encode(), PSK_ROUNDS, PSK_BYTES).hex()
    return known.psk if known is not None and known.wifi == wifi else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_interface(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text
