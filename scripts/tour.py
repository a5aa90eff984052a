"""The end of `scripts/demo` on a terminal: two simulated cameras that go on and on, and the dashboard, until Ctrl-C."""

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from edge.commands.demo_broker import demo_broker
from edge.errors import EdgewatchError

DEVICE = "demo"
READY = "dashboard: "
CONFIG = """\
device_id = "{device}"
state_dir = "{folder}/state"
[broker]
url = "{url}"
commands = true
[pictures]
snapshots = "full"
clips = true
"""
CAMERA = """\
[cameras.{name}]
source = "{source}"
publish_scores = true
"""


@contextmanager
def tour(folder: Path, scenes: dict[str, Path], bundle: Path | None, dashboard: Sequence[str]) -> Generator[str]:
    """Have a box watch scenes again and again; give the address of the dashboard on it.

    Args:
        folder: for the box's files.
        scenes: videos by camera.
        bundle: the box's model; None is the built-in one.
        dashboard: further options of `edge dashboard`.

    Raises:
        EdgewatchError: the dashboard does not start.
    """
    edge = str(Path(sys.executable).with_name("edge"))
    with ExitStack() as opened:
        url = opened.enter_context(demo_broker())
        parts = [CONFIG.format(device=DEVICE, folder=folder, url=url)]
        parts += [CAMERA.format(name=name, source=source) for name, source in scenes.items()]
        config = folder / "tour.toml"
        config.write_text("".join(parts), encoding="utf-8")
        address = opened.enter_context(_dashboard([edge, "dashboard", "--broker", url, *dashboard]))
        with (folder / "tour.log").open("w") as log:
            box = [edge, "run", "--config", str(config), *(["--bundle", str(bundle)] if bundle else [])]
            opened.enter_context(_program(box, stdout=log, stderr=log))
        yield address


@contextmanager
def _dashboard(command: list[str]) -> Generator[str]:
    with _program(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if line.startswith(READY):
                yield line.removeprefix(READY).strip()
                return
        raise EdgewatchError("the dashboard does not start; its message is above")


@contextmanager
def _program(command: list[str], **streams: Any) -> Generator["subprocess.Popen[str]"]:
    with subprocess.Popen(command, **streams) as program:
        try:
            yield program
        finally:
            program.terminate()
            program.wait()
