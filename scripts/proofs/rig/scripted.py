"""Starts `scripted_box.py`: configuration, bundle, process."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, FORMAT_VERSION, Bundle
from proofs.rig import behind, scripted_box
from proofs.rig.daemon import DEVICE, Daemon

LABELS = ("normal", "fall")


def write_bundle(folder: Path) -> Path:
    """A bundle whose files are never run: the script stands in their place."""
    folder.mkdir(parents=True, exist_ok=True)
    size = Bundle.load(BUILTIN).spec.networks.scene.input
    content = b"scripted"
    (folder / "frame.tflite").write_bytes(content)
    alert = {
        "onset_threshold": 0.3,
        "offset_threshold": 0.3,
        "min_active_s": 0.0,
        "min_quiet_s": 0.0,
        "refractory_s": 0.0,
        "update_interval_s": 3600.0,
    }
    manifest = {
        "format_version": FORMAT_VERSION,
        "name": "scripted",
        "created_at": "2026-01-01T00:00:00Z",
        "labels": LABELS,
        "networks": {
            "scene": {
                "files": {"cpu": "frame.tflite"},
                "precision": "float32",
                "input": {
                    "height_px": size.height_px,
                    "width_px": size.width_px,
                    "stream": "rgb",
                    "rate_hz": scripted_box.STEP_RATE_HZ,
                },
                "least_rate_hz": 0.9 * scripted_box.STEP_RATE_HZ,
                "n_features": 1,
            }
        },
        "heads": {"scene": {"kind": "mean", "window_s": 0.3}},
        "combine": {"fall": {"scene": 1.0}},
        "alerts": {"fall": alert},
        "files": {"frame.tflite": hashlib.sha256(content).hexdigest()},
        "verification": {},
        "provenance": {},
    }
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return folder


@dataclass(slots=True)
class ScriptedBox(Daemon):
    """A daemon whose cameras and model follow a script."""

    port: int
    """Of the broker, or of what stands before it."""
    cameras: Sequence[str]
    falls: int
    live: bool = False
    rate_hz: float = 15.0
    costs: bool = False
    settings: str = ""
    """Lines of the configuration, beginning with those of the table `broker`."""
    behind_s: float = 0.0
    """By how much its clock is slow."""

    @property
    def script(self) -> Path:
        return self.folder / "script.json"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def start(self) -> None:
        """Start the daemon."""
        self.folder.mkdir(parents=True, exist_ok=True)
        bundle = write_bundle(self.folder / "bundle")
        self._write_script()
        configuration = self.folder / "edgewatch.toml"
        sources = "".join(f"[cameras.{name}]\nsource = '/dev/null'\nrealtime = false\n" for name in self.cameras)
        configuration.write_text(
            f"device_id = '{DEVICE}'\nstate_dir = 'state'\nbundle = '{bundle}'\n[outbox]\nmax_events = 1000000\n"
            f"max_bytes = 1000000000\n[broker]\nurl = 'mqtt://127.0.0.1:{self.port}'\nkeepalive_s = 5\n"
            f"{self.settings}\n{sources}"
        )
        command = [scripted_box.__file__, self.script, "run", "--config", configuration]
        self.launch([behind.__file__, self.behind_s, *command] if self.behind_s else command)

    def see(self, falls: int) -> None:
        """Show each camera more falls, of a daemon that runs and has seen all others."""
        self.falls += falls
        self._write_script()

    def _write_script(self) -> None:
        script = {
            "falls": self.falls,
            "live": self.live,
            "rate_hz": self.rate_hz,
            "journal": str(self.journal),
            "costs": self.costs,
        }
        unfinished = self.script.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(script))
        unfinished.replace(self.script)

    def written(self) -> list[dict[str, Any]]:
        """What the journal says was stored, in its order."""
        return [json.loads(line) for line in self.journal.read_text().splitlines()]
