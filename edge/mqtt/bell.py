"""Ends another thread's wait for the network."""

import contextlib
import socket


class Bell:
    """Rung by any thread; whoever waits for the network waits for `rung` as well."""

    def __init__(self) -> None:
        self.rung, self._rope = socket.socketpair()
        self.rung.setblocking(False)
        self._rope.setblocking(False)

    def ring(self) -> None:
        """End the wait, or the next one."""
        with contextlib.suppress(BlockingIOError):  # full: it rings
            self._rope.send(b"\0")

    def hush(self) -> None:
        """Have the next wait begin anew; to be called before looking for what it was rung for."""
        with contextlib.suppress(BlockingIOError):
            while self.rung.recv(4096):
                pass

    def close(self) -> None:
        """Take it down."""
        self.rung.close()
        self._rope.close()
