"""The command line of `edge`, and the configuration that it stands for.

Heavy libraries are imported only when they are needed, so that help and refusals are quick.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from edge.errors import ConfigurationError
from edge.system.interruption import Interruption

if TYPE_CHECKING:  # imports pydantic
    from edge.config import Config

Command = Callable[[argparse.Namespace, Interruption], int]
"""Carries out a command; returns the exit code."""

SOURCE_CAMERA = "camera"
EXIT_CODES = """\
exit codes: 0 done, also after SIGTERM; 1 anything else, as a full disk; 2 usage or configuration; 3 camera or video;
4 model or backend; 5 broker; 130 interrupted by Ctrl-C"""
RUN_EPILOG = f"""\
examples:
  edge run --source clip.mp4
      print what happens in a video; no configuration, no network
  edge run --source clip.mp4 --events events.jsonl
      write the events as JSON lines as well
  edge run --source /dev/video0 --broker mqtt://edgewatch@192.168.1.2
      watch a camera and publish (password: environment variable EDGEWATCH_MQTT_PASSWORD)
  edge run --source clip.mp4 --demo-broker --realtime
      publish to an embedded broker on loopback (needs the extra `demo`)
  edge run --config edgewatch.toml
      the daemon: all cameras of the file, for ever

{EXIT_CODES}"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(ConfigurationError.exit_code)


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def positive(text: str) -> float:
        if (number := kind(text)) > 0:
            return number
        raise argparse.ArgumentTypeError(f"{text} is not over 0")

    return positive


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: importing what knows it takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import importlib.metadata  # noqa: PLC0415

        print(f"edgewatch {importlib.metadata.version('edgewatch')}")
        parser.exit()


def make_parser(carry_out: Mapping[str, Command], *, further: Callable[[Any], None]) -> argparse.ArgumentParser:
    """Describe the commands and their options.

    Args:
        carry_out: by the command's name, who does it.
        further: describes more commands to argparse.
    """
    parser = _Parser(
        prog="edge",
        description="Watches cameras and videos for people falling or fighting, and says so over MQTT.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    adders = {
        "run": _add_run,
        "check": _add_check,
        "mask": _add_mask,
        "bench": _add_bench,
        "test-alarm": _add_test_alarm,
        "dashboard": _add_dashboard,
        "notify": _add_notify,
    }
    for name, add in adders.items():
        add(commands).set_defaults(command=carry_out[name])
    further(commands)
    return parser


def _add_run(commands: Any) -> argparse.ArgumentParser:
    run = commands.add_parser(
        "run",
        help="watch a video, a folder of pictures or cameras",
        description="Watch a source and print its events, or run the daemon that a configuration describes.",
        epilog=RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_shared(run)
    run.add_argument(
        "--demo-broker",
        action="store_true",
        help="start an MQTT broker on loopback and publish to it, without --broker",
    )
    run.add_argument("--events", type=Path, metavar="FILE", help="append the events to FILE as JSON lines")
    run.add_argument(
        "--realtime", action="store_true", help="play a recording at its own speed, not as fast as possible"
    )
    return run


def _add_check(commands: Any) -> argparse.ArgumentParser:
    check = commands.add_parser(
        "check",
        help="say whether configuration, bundle, cameras and broker are fine",
        description="Check everything that a run would need; print one line each: ok, or what is wrong.",
        epilog="The exit code is that of the first fault: 2 configuration, 3 camera or video, 4 bundle, 5 broker.",
    )
    _add_shared(check)
    check.set_defaults(demo_broker=False, realtime=False)
    return check


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration file (TOML)")
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="a video, a folder of pictures (with --rate), /dev/video0, rtsp:// or http://",
    )
    parser.add_argument(
        "--camera",
        default=SOURCE_CAMERA,
        metavar="NAME",
        help="name of the source in its events (default: %(default)s)",
    )
    parser.add_argument(
        "--rate", type=float, metavar="HZ", help="pictures a second, for a folder of pictures or a bare stream"
    )
    parser.add_argument("--bundle", type=Path, metavar="PATH", help="model bundle (default: the built-in one)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the model's interpreter (default: 1)")
    parser.add_argument(
        "--backends",
        type=lambda text: text.split(","),
        metavar="LIST",
        help="of gpu, edgetpu and cpu, what to try for the model, in order and with commas between (default: cpu)",
    )
    parser.add_argument(
        "--broker",
        metavar="URL",
        help="publish to mqtt://user@host:port, or mqtts:// for TLS; password in EDGEWATCH_MQTT_PASSWORD",
    )


def _add_bench(commands: Any) -> argparse.ArgumentParser:
    bench = commands.add_parser(
        "bench",
        help="measure what this machine does with a bundle",
        description="Measure the pipeline's rate, latency and memory with a bundle on this machine, what one second of "
        "a camera costs, and from both how many cameras this machine carries at which rate.",
    )
    bench.add_argument("--bundle", type=Path, metavar="PATH", help="model bundle (default: the built-in one)")
    bench.add_argument(
        "--threads", type=_positive(int), default=1, metavar="N", help="threads of the interpreter (default: 1)"
    )
    bench.add_argument(
        "--seconds", type=_positive(float), default=5.0, metavar="S", help="how long to measure (default: 5)"
    )
    bench.add_argument(
        "--source",
        metavar="SOURCE",
        help="a video or a camera like those that are to be watched (default: a sample, 1280x720, H.264, 15 a second)",
    )
    bench.add_argument("--json", action="store_true", help="print one JSON object")
    return bench


def _add_mask(commands: Any) -> argparse.ArgumentParser:
    mask = commands.add_parser(
        "mask",
        help="draw a camera's masks and rest zones on what it sees",
        description="Take one picture of a camera and write it with a grid, privacy masks and rest zones drawn on it. "
        "The grid counts as the configuration does: [0, 0] is the upper left corner, [1, 1] the lower right.",
    )
    mask.add_argument("camera", metavar="CAMERA", help="a camera of the configuration")
    mask.add_argument("--config", type=Path, metavar="FILE", required=True, help="configuration file (TOML)")
    mask.add_argument("--out", type=Path, metavar="FILE", help="a .png or .jpg file (default: CAMERA.png)")
    return mask


def _add_test_alarm(commands: Any) -> argparse.ArgumentParser:
    test_alarm = commands.add_parser(
        "test-alarm",
        help="try whether an alarm arrives",
        description="Have the daemon that runs with a configuration send an event marked as a test, all the way.",
    )
    test_alarm.add_argument("camera", metavar="CAMERA", help="a camera of the configuration")
    test_alarm.add_argument("label", metavar="LABEL", help="what is to be alerted of, for example fall")
    test_alarm.add_argument("--config", type=Path, metavar="FILE", required=True, help="the daemon's configuration")
    return test_alarm


def _add_dashboard(commands: Any) -> argparse.ArgumentParser:
    dashboard = commands.add_parser(
        "dashboard",
        help="one web page of all boxes that a broker knows",
        description="Serve a web page of every box that the broker hears of: cameras, alarms, history, health. "
        "Needs the extra `dashboard`.",
    )
    dashboard.add_argument("--config", type=Path, metavar="FILE", help="the dashboard's own file (TOML)")
    dashboard.add_argument(
        "--broker", metavar="URL", help="listen to mqtt://user@host:port; password in EDGEWATCH_MQTT_PASSWORD"
    )
    dashboard.add_argument("--listen", metavar="HOST:PORT", help="where the page is (default: 127.0.0.1:8478)")
    dashboard.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="keeps the history (default: forgotten at the end)"
    )
    return dashboard


def _add_notify(commands: Any) -> argparse.ArgumentParser:
    notify = commands.add_parser(
        "notify",
        help="tell people of alarms and dead boxes",
        description="Send messages to people by rules, through any of Apprise's services. Needs the extra `notify`.",
    )
    notify.add_argument("--config", type=Path, metavar="FILE", required=True, help="the notifier's own file (TOML)")
    notify.add_argument("--test", action="store_true", help="send everybody one message, and end")
    return notify


def configuration(options: argparse.Namespace, url: str | None) -> "Config":
    """Lay the command line over the configuration file, or over the defaults where there is none."""
    from edge.config import Config, load, parse  # noqa: PLC0415 - heavy

    config = load(options.config) if options.config else Config(state_dir=None)
    changes: dict[str, Any] = {}
    if options.source is not None:
        camera = {"source": options.source, "rate_hz": options.rate, "realtime": options.realtime}
        changes["cameras"] = parse({"cameras": {options.camera: camera}}, "command line").cameras
        if options.camera in config.cameras:
            told = changes["cameras"][options.camera].model_dump(exclude_unset=True)
            changes["cameras"] = {options.camera: config.cameras[options.camera].model_copy(update=told)}
        # The outbox on disk belongs to the daemon, which may be running.
        changes["state_dir"] = None
    if url is not None:
        changes["broker"] = parse({"broker": {"url": url}}, "command line").broker
    if options.bundle is not None:
        changes["bundle"] = options.bundle
    if options.threads is not None:
        changes["threads"] = parse({"threads": options.threads}, "command line").threads
    if options.backends is not None:
        changes["backends"] = parse({"backends": options.backends}, "command line").backends
    return config.model_copy(update=changes)


def split_password(url: str | None) -> tuple[str | None, str | None]:
    """Take the password out of a broker's URL, so that nothing that prints the URL can print it."""
    if url is None:
        return None, None
    from edge.config import split_url  # noqa: PLC0415 - heavy

    try:
        parts = split_url(url)
    except ValueError as error:
        raise ConfigurationError(f"--broker: {error}") from None
    if parts.password is None:
        return url, None
    user, _, address = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}@{address}").geturl(), unquote(parts.password)
