"""Wires the concrete parts of a run together: the only place that knows them all."""

import sys
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bundle import AlertSpec, Bundle
from edge.cameras.camera import CameraSetup
from edge.cameras.camera_source import camera_source
from edge.cameras.capture import Keeper
from edge.cameras.daemon import Cameras
from edge.cameras.watching import Outlets, watch_once
from edge.config import Config, alert_specs, camera_password
from edge.events.falls import FallRules
from edge.events.sinks import JsonLines, Printer
from edge.events.testalarm import TestAlarms
from edge.inference.model import Model, open_model
from edge.pictures.photographer import Photographer
from edge.pictures.studio import open_photographer, open_rings
from edge.pipeline import Watcher
from edge.sources.addresses import is_stream
from edge.system.health import Health
from edge.system.heap import trim_heap
from edge.system.housekeeping import Chore, housekeeping
from edge.system.interruption import Interruption
from edge.system.log import Log
from edge.system.notify import Notifier
from edge.system.rounds import Rounds
from edge.system.stats import Stats
from edge.types import Event
from edge.updates.opening import Chosen, choose
from edge.updates.taking import Daemon, make_taps, open_updater
from edge.updates.updater import Updater

if TYPE_CHECKING:  # imports paho, which a run without broker does not need
    from edge.mqtt.box import Mqtt

TEST_ALARM_INTERVAL_S = 1.0
TEND_INTERVAL_S = 60.0
UPDATE_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Box:
    """The parts of a run, wired."""

    config: Config
    model: Model
    alerts: dict[str, dict[str, AlertSpec]]
    stats: Stats
    outlets: Outlets
    mqtt: "Mqtt | None"
    log: Log
    chosen: Chosen

    def watch_once(self, camera: str, interruption: Interruption) -> None:
        """Watch one source to its end."""
        self._connect()
        watch_once(self.watcher(camera), self.outlets, self.stats.camera(camera), interruption, self.log)

    def watch_for_ever(self, interruption: Interruption) -> bool:
        """Be the daemon; return whether it is to start again, with another model."""
        notifier = Notifier()
        is_connected = None if self.mqtt is None else self.mqtt.publisher.is_connected
        health = Health(self.stats, notifier, self.config.cameras, report=self.log, is_connected=is_connected)
        with self._photographer() as photographer:
            return self._watch(health, notifier, interruption, photographer)

    def _watch(
        self, health: Health, notifier: Notifier, interruption: Interruption, photographer: Photographer | None
    ) -> bool:
        rings: dict[str, Keeper | None] = {name: photographer and photographer.rings[name] for name in self.alerts}
        taps = make_taps(self.chosen, rings)
        cameras = Cameras(
            [self.setup(name, taps.get(name, rings[name])) for name in self.config.cameras],
            self.model,
            self.outlets,
            health=health,
            report=self.log,
            on_event=None if photographer is None else photographer.on_event,
            on_false_alarm=None if photographer is None else photographer.on_false_alarm,
        )
        for name in self.config.cameras:
            self.stats.camera(name).more = partial(cameras.fields, name)
        health.watch("writer", cameras.writing_s)
        if self.mqtt is not None:
            health.watch("publisher", self.mqtt.publisher.rounds.last_s)
            self._announce(self.mqtt)
            self.mqtt.commands.attach(cameras)
        publisher = None if self.mqtt is None else self.mqtt.publisher
        daemon = Daemon(cameras.fields, cameras.end, self.log)
        updater = open_updater(self.config, self.chosen, taps, daemon, publisher)
        for event in self._connect():
            cameras.recall(event.camera, event.label)
        with ExitStack() as watching:
            if updater is not None:
                watching.enter_context(updater.deciding())
            chores = watching.enter_context(self._monitoring(updater))
            health.watch("housekeeping", chores.last_s)
            cameras.run(interruption)
            if not cameras.is_ending:
                notifier.stopping()
        return cameras.is_ending

    def _connect(self) -> list[Event]:
        """End what a crash left, then begin to talk; return what was interrupted."""
        from edge.cameras.recovery import end_interrupted  # noqa: PLC0415 - with a broker only

        if self.mqtt is None:
            return []
        interrupted = end_interrupted(self.mqtt.outbox, self.outlets)
        self.mqtt.publisher.start()
        return interrupted

    def _announce(self, mqtt: "Mqtt") -> None:
        from edge.mqtt.box import announce  # noqa: PLC0415 - imports paho
        from edge.mqtt.discovery import Device  # noqa: PLC0415
        from edge.mqtt.fault import boot_fault  # noqa: PLC0415

        mqtt.publisher.retain(mqtt.publisher.topics.fault, boot_fault())
        labels = {name: list(specs) for name, specs in self.alerts.items()}
        device = Device(self.config.device_id, self.model.spec.name, version("edgewatch"))
        self.stats.add("version", lambda: device.version)
        announce(
            self.config,
            mqtt,
            labels,
            device,
            snapshots=self.config.pictures.snapshots != "off" and self.config.pictures.publish,
        )

    @contextmanager
    def _monitoring(self, updater: Updater | None) -> Generator[Rounds]:
        """Do what has to be done beside watching."""
        from edge.system import prometheus  # noqa: PLC0415 - imports an HTTP server

        chores = [Chore("heap", TEND_INTERVAL_S, trim_heap)]
        settings = self.config.health
        if self.mqtt is not None:
            chores.append(Chore("outbox", TEND_INTERVAL_S, self.mqtt.store.tend))
            if self.config.state_dir is not None:
                alarms = self._test_alarms(self.config.state_dir, self.mqtt)
                chores.append(Chore("test alarm", TEST_ALARM_INTERVAL_S, alarms.tick))
        if (file := settings.prometheus_file) is not None:
            write = partial(self._write_metrics, file)
            chores.append(Chore(str(file), TEND_INTERVAL_S, write))
        if updater is not None:
            chores.append(Chore("update", UPDATE_INTERVAL_S, updater.tick))
        with ExitStack() as running:
            if settings.prometheus_port is not None:
                running.enter_context(prometheus.served(settings.prometheus_port, self.stats.payload))
            yield running.enter_context(housekeeping(chores, self.log))

    def _write_metrics(self, file: Path) -> None:
        from edge.system import prometheus  # noqa: PLC0415 - imports an HTTP server

        prometheus.write(file, self.stats.payload())

    def _test_alarms(self, state_dir: Path, mqtt: "Mqtt") -> TestAlarms:
        labels = {name: list(specs) for name, specs in self.alerts.items()}
        model = (self.model.spec.name, self.model.digest)
        return TestAlarms(state_dir, labels, model, self.outlets, is_waiting=mqtt.outbox.is_waiting)

    @contextmanager
    def _photographer(self) -> Generator[Photographer | None]:
        """Have pictures made, where they are wanted."""
        settings = self.config.pictures
        rings = open_rings(settings, self.config.cameras)
        if not rings:
            yield None
            return
        send = None if self.mqtt is None else self.mqtt.publisher.send_picture
        photographer = open_photographer(settings, rings, self.config.state_dir, send, self.log)
        self.stats.add("pictures", photographer.fields)
        photographer.start()
        try:
            yield photographer
        finally:
            photographer.close()

    def setup(self, camera: str, keeper: Keeper | None = None) -> CameraSetup:
        settings = self.config.cameras[camera]
        open_source = partial(camera_source, camera, settings)
        live = open_source().live
        return CameraSetup(
            name=camera,
            open_source=open_source,
            alerts=self.alerts[camera],
            live=live,
            lossless=not live and not settings.realtime,
            rules=self.rules(camera),
            masks=settings.masks,
            keeper=keeper,
            publish_people=settings.publish_people,
            figures=settings.figures,
            publish_scores=settings.publish_scores,
        )

    def watcher(self, camera: str) -> Watcher:
        settings = self.config.cameras[camera]
        source, rules = camera_source(camera, settings), self.rules(camera)
        return Watcher(source, self.model, camera, self.alerts[camera], rules=rules, masks=settings.masks)

    def rules(self, camera: str) -> FallRules:
        settings = self.config.cameras[camera]
        return FallRules(settings.rest_zones, settings.still_down_s, settings.found_down_s)


def open_box(
    config: Config, password: str | None, events: Path | None, opened: ExitStack, *, tell_of_connection: bool
) -> Box:
    """Open what a run needs, in the order in which it refuses: file of events, bundle, outbox.

    Args:
        config: what to run.
        password: of the broker's user.
        events: a file that gets the events too.
        opened: closes what was opened.
        tell_of_connection: whether the log says when the connection to the broker comes and goes.

    Raises:
        EdgewatchError: something cannot be opened.
    """
    cameras = (camera_password(name) for name, camera in config.cameras.items() if is_stream(camera.source))
    log = Log(secrets=[secret for secret in (password, *cameras) if secret])
    lines = None if events is None else opened.enter_context(closing(JsonLines(events)))
    chosen, (alerts, model) = choose(config, partial(_open_bundle, config, log), opened, log)
    bundle = chosen.bundle
    served = {"name": bundle.spec.name, "sha256": bundle.digest}
    stats = Stats(served, lambda: model.backend, version("edgewatch"))
    stats.add("backends", lambda: {name: network.fields() for name, network in model.networks.items()})
    stats.add("log", log.fields)
    mqtt = None
    if config.broker is not None:
        from edge.mqtt.box import open_mqtt  # noqa: PLC0415 - imports paho

        onsets = {
            camera: {label: spec.onset_threshold for label, spec in specs.items()} for camera, specs in alerts.items()
        }
        mqtt = open_mqtt(
            config,
            config.broker,
            password,
            onsets,
            stats=stats.payload,
            report=log,
            report_connection=log if tell_of_connection else _say_nothing,
            opened=opened,
        )
        stats.add("outbox", mqtt.outbox.fields)
        stats.add("mqtt", mqtt.publisher.fields)
        stats.add("commands", mqtt.commands.fields)
        opened.callback(mqtt.publisher.close)
    publisher = None if mqtt is None else mqtt.publisher
    return Box(config, model, alerts, stats, Outlets(publisher, lines, [Printer(sys.stdout)]), mqtt, log, chosen)


def _open_bundle(config: Config, log: Log, bundle: Bundle) -> tuple[dict[str, dict[str, AlertSpec]], Model]:
    """Return the cameras' alerts with a bundle, and its model."""
    if bundle.spec.warning:
        log(f"bundle {bundle.spec.name}: warning: {bundle.spec.warning}")
    alerts = {name: alert_specs(name, camera, bundle.spec) for name, camera in config.cameras.items()}
    return alerts, open_model(bundle, config.threads, config.backends, config.edgetpu.model_dump(), log)


def _say_nothing(_line: str) -> None:
    pass
