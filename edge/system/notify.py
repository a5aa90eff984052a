"""What the box tells systemd (sd_notify(3)): that it is ready, that it works, that it ends."""

import os
import socket
from collections.abc import Mapping

US_PER_S = 1_000_000
FEEDS_PER_INTERVAL = 4
"""The watchdog is fed this often in the time that it allows."""


class Notifier:
    """Speaks to systemd where it listens; elsewhere it keeps silent."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is of Linux's abstract namespace.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        meant_for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_us = environment.get("WATCHDOG_USEC", "0") if meant_for_us else "0"
        self.feed_interval_s = int(watchdog_us) / US_PER_S / FEEDS_PER_INTERVAL if watchdog_us.isdecimal() else 0.0
        """How often the watchdog is to be fed; 0 without one."""

    def ready(self) -> None:
        """Say that the start is over."""
        self._send("READY=1")

    def feed(self) -> None:
        """Say that there was progress."""
        self._send("WATCHDOG=1")

    def status(self, line: str) -> None:
        """Show a line in `systemctl status`."""
        self._send(f"STATUS={line}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
            try:
                sock.sendto(message.encode(), self._address)
            except OSError:
                return  # systemd is busy or restarts: the next message says as much
