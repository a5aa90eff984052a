"""Floods a broker as a box that has gone mad: `python -m proofs.messages.flood PORT RATE_HZ`, until SIGTERM.

Standard output: a line when it begins; at the end one JSON object with the messages sent and the seconds taken.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

BOX = "mad"
"""Its one camera is `hall`."""
BATCHES_HZ = 100
BEGUN = "begun"


def message(number: int) -> tuple[str, str]:
    """Return topic and payload: scores, an event, stats, and the camera's status in turn."""
    match number % 4:
        case 0:
            return f"edgewatch/{BOX}/hall/scores", json.dumps({"normal": 0.7, "fall": number % 100 / 100})
        case 1:
            event = {"schema": 1, "id": f"F{number}", "type": "ended", "label": "fall", "camera": "hall"}
            event |= {"score": 0.9, "peak_score": 0.9, "duration_s": 1.0}
            event |= {"started_at": "2026-01-01T00:00:00.000Z", "ended_at": "2026-01-01T00:00:01.000Z"}
            return f"edgewatch/{BOX}/events", json.dumps(event)
        case 2:
            return f"edgewatch/{BOX}/stats", json.dumps({"uptime_s": number, "temperature_c": 50.0})
        case _:
            status = {"state": "ok", "since": "2026-01-01T00:00:00.000Z", "fps": number % 100, "reason": None}
            return f"edgewatch/{BOX}/hall/status", json.dumps(status)


@dataclass(slots=True)
class Flood:
    """One that runs beside, in a process of its own."""

    process: subprocess.Popen[str]

    @classmethod
    def begin(cls, port: int, rate_hz: float) -> "Flood":
        """Start it; return when the first messages are sent."""
        command = [sys.executable, "-m", "proofs.messages.flood", str(port), str(rate_hz)]
        path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
        assert process.stdout is not None
        process.stdout.readline()
        return cls(process)

    def end(self) -> tuple[int, float]:
        """End it; return how many messages it sent and in how many seconds."""
        self.process.terminate()
        said = json.loads(self.process.communicate()[0])
        return said["sent"], said["seconds"]


def main(port: int, rate_hz: float) -> None:
    """Send until SIGTERM, no more at a time than the broker takes."""
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    began_s = time.monotonic()
    sent = 0
    while not ending:
        due = round((time.monotonic() - began_s + 1 / BATCHES_HZ) * rate_hz)
        last = None
        for number in range(sent, due):
            last = client.publish(*message(number), qos=0)
        if last is not None:
            last.wait_for_publish()
        if sent == 0:
            print(BEGUN, flush=True)
        sent = max(sent, due)
        time.sleep(1 / BATCHES_HZ)
    seconds = time.monotonic() - began_s
    client.disconnect()
    client.loop_stop()
    print(json.dumps({"sent": sent, "seconds": seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
