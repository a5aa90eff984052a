"""Whether Home Assistant shows a box as it is, through deaths and restarts, and the example automation fires.

Evidence: a real Home Assistant, mosquitto, and the daemon with scripted cameras. What appears from discovery alone is
held against the discovery message; then falls are counted at the broker, in Home Assistant's own record, at a lamp and
among the messages: at first, and after a restart of the box, of the broker, and of Home Assistant.

After a lost connection Home Assistant shows entities as available some moments before it has subscribed again. Of an
alarm in these moments its event entity knows nothing (events are not retained, sensors' states are), so a round begins
when Home Assistant hears again: a lamp that goes off shows that.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from edge.mqtt import discovery
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.messages.hass import UNAVAILABLE, UNKNOWN, HomeAssistant
from proofs.rig.daemon import DEVICE
from proofs.rig.mosquitto import Listener, Mosquitto, wait_until
from proofs.rig.scripted import ScriptedBox

BLUEPRINT = ROOT / "scripts" / "examples" / "home-assistant" / "fall.yaml"
CAMERAS = ("hall", "stairs")
FALLS = 3
"""That each camera sees in each round."""
PATIENCE_S = 180.0
GONE_AFTER_S = 1
SETTINGS = """commands = true
[pictures]
snapshots = "full"
publish = true"""
"""All that a box can have: switches, thresholds and pictures, too."""
WITHOUT_VALUE = frozenset({f"sensor.edgewatch_{DEVICE}_temperature"})
"""Of entities: what a machine need not have."""
ALARM, GONE = "Alarm: ", "Not watched any more: "

TABLE = (
    Figure("version", "Home Assistant"),
    Figure("entities", "entities that the discovery message names"),
    Figure("missing", "of these, entities that do not appear", limit=Limit("<=", 0)),
    Figure("strange", "entities of the box that it does not name", limit=Limit("<=", 0)),
    Figure("silent", "entities without a value at the end, but for the temperature", limit=Limit("<=", 0)),
    Figure("transitions", "alarms' beginnings and ends at the broker, in four rounds"),
    Figure("unseen", "of these, not in the event entity's record", limit=Limit("<=", 0)),
    Figure("unswitched", "alarms that did not switch their sensor on and off once", limit=Limit("<=", 0)),
    Figure("unlit", "alarms for which the automation did not switch the light on once", limit=Limit("<=", 0)),
    Figure("untold", "alarms of which it did not tell once", limit=Limit("<=", 0)),
    Figure("gone_told", "sensors of which it told that they are gone, of 2", limit=Limit(">=", len(CAMERAS))),
    Figure("still_available", "entities available without box or broker", limit=Limit("<=", 0)),
    Figure("not_back", "entities that a restart of box, broker or Home Assistant lost", limit=Limit("<=", 0)),
    Figure("obeyed", "commands that the box carried out, of 3", limit=Limit(">=", 3)),
)


class Lamp:
    """A light as many are: it announces itself over MQTT, and does as it is told."""

    entity = "light.lamp"

    def __init__(self, port: int) -> None:
        self.commands: list[str] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._announce
        self._client.on_message = self._obey
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def go_off(self) -> None:
        """As by its own switch."""
        self._client.publish("lamp", "OFF", qos=1, retain=True)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _announce(self, client: Client, *_: object) -> None:
        about = {"name": "lamp", "unique_id": "lamp", "command_topic": "lamp/set", "state_topic": "lamp"}
        client.subscribe("lamp/set", qos=1)
        client.publish("homeassistant/light/lamp/config", json.dumps(about), qos=1, retain=True)

    def _obey(self, client: Client, _userdata: object, message: Any) -> None:
        command = message.payload.decode()
        self.commands.append(command)
        client.publish("lamp", command, qos=1, retain=True)


def named(message: dict[str, Any]) -> list[str]:
    """Return the ids that Home Assistant gives to the entities of a discovery message."""
    device = message["device"]["name"]
    present = [component for component in message["components"].values() if "name" in component]
    words = [(component["platform"], f"{device} {component['name']}") for component in present]
    return sorted(f"{platform}.{re.sub('[^a-z0-9]+', '_', name.lower())}" for platform, name in words)


def hope(condition: Callable[[], object], what: str) -> None:
    """Wait for something; where it does not come the figures say so."""
    try:
        wait_until(condition, what, PATIENCE_S)
    except EdgewatchError as error:
        say(str(error))


class House:
    """Home Assistant with a box, a lamp and a broker."""

    def __init__(self, folder: Path, work: Path, opened: ExitStack) -> None:
        """Start them all, the box last, and wait for what it announces."""
        self.broker = Mosquitto(work / "broker")
        self.broker.start()
        opened.callback(self.broker.stop)
        self.listener = opened.enter_context(closing(Listener(self.broker.port)))
        self.lamp = opened.enter_context(closing(Lamp(self.broker.port)))
        self.home = HomeAssistant(folder, work / "home-assistant.txt")
        sensors = [f"binary_sensor.edgewatch_{DEVICE}_{camera}_fall" for camera in CAMERAS]
        self.sensors = dict(zip(CAMERAS, sensors, strict=True))
        lights = {"entity_id": self.lamp.entity}
        self.home.configure(BLUEPRINT, {"falls": sensors, "lights": lights, "patience": GONE_AFTER_S})
        say("starting Home Assistant; the first time it loads packages")
        opened.callback(self.home.stop)
        self.home.start()
        self.home.connect(self.broker.port)
        wait_until(lambda: self.lamp.entity in self.home.states, "the lamp in Home Assistant", PATIENCE_S)
        self.box = ScriptedBox(work / "box", self.broker.port, CAMERAS, 0, live=True, settings=SETTINGS)
        self.box.start()
        opened.callback(self.box.stop)
        topic = discovery.topic("homeassistant", DEVICE)
        with closing(Listener(self.broker.port, topic)) as discovered:
            wait_until(lambda: discovered.events, "the box's discovery message", PATIENCE_S)
            self.entities = named(discovered.events[0][1])
        hope(lambda: not self.without(UNAVAILABLE), "the appearance of all entities")

    def without(self, *states: str) -> list[str]:
        """Entities that are missing, or in one of these states."""
        return [entity for entity in self.entities if self.home.states.get(entity, UNAVAILABLE) in states]

    def ours(self) -> list[str]:
        """All entities of the box in Home Assistant."""
        return sorted(entity for entity in self.home.states if f".edgewatch_{DEVICE}_" in entity)

    def told(self) -> list[str]:
        """Messages so far."""
        calls = [call for call in self.home.calls if call["domain"] == "persistent_notification"]
        return [call["service_data"]["message"] for call in calls]

    def begun(self, heard: int) -> Evidence:
        """Return what was recorded of falls since then: of transitions, lights and messages."""
        changes = self.home.changes[heard:]
        events = [change.attributes for change in changes if change.entity.startswith("event.")]
        switched = Counter((change.entity, change.before, change.now) for change in changes)
        return {
            "seen": sorted([event["id"], event["event_type"]] for event in events if "id" in event),
            "on": {camera: switched[sensor, "off", "on"] for camera, sensor in self.sensors.items()},
            "off": {camera: switched[sensor, "on", "off"] for camera, sensor in self.sensors.items()},
        }


def round_of_falls(house: House, name: str) -> Evidence:
    """Let people fall, and return what broker, Home Assistant, lamp and messages knew of it."""
    sent, heard = len(house.listener.events), len(house.home.changes)
    lit, told = len(house.lamp.commands), len(house.told())
    alarms = FALLS * len(CAMERAS)
    house.box.see(FALLS)
    wait_until(lambda: len(house.listener.events) >= sent + 2 * alarms, f"the falls of round {name!r}", PATIENCE_S)
    events = [event for _, event in house.listener.events[sent:]]
    wanted = sorted([event["id"], event["type"]] for event in events)
    hope(lambda: house.begun(heard)["seen"] == wanted, "all transitions in Home Assistant")
    hope(lambda: sum(house.begun(heard)["off"].values()) >= alarms, "the sensors' switching")
    hope(lambda: len(house.lamp.commands) >= lit + alarms, "the light")
    hope(lambda: len(house.told()) >= told + alarms, "the messages")
    say(f"{name}: {len(wanted)} transitions")
    lamp = house.lamp.commands[lit:].count("ON")
    return {"round": name, "sent": wanted, "lamp": lamp, "told": house.told()[told:]} | house.begun(heard)


def restart(house: House, name: str, end: Callable[[], None], start: Callable[[], None]) -> Evidence:
    """End something, look what is still taken for available, and start it again."""
    told = len(house.told())
    house.listener.forget_subscription()
    end()
    available: list[str] = []
    if house.home.states:  # else it is Home Assistant that is gone
        hope(lambda: len(house.without(UNAVAILABLE)) == len(house.entities), f"the entities' end without {name}")
        available = sorted(set(house.entities) - set(house.without(UNAVAILABLE)))
        hope(lambda: len(house.told()) >= told + len(CAMERAS), "the message that a sensor is gone")
    gone = house.told()[told:]
    start()
    if name == "broker":
        house.listener.await_subscription()
    hope(lambda: not house.without(UNAVAILABLE), f"the entities' return after {name}")
    house.lamp.go_off()
    wait_until(lambda: house.home.states.get(house.lamp.entity) == "off", "Home Assistant's subscription", PATIENCE_S)
    return {"of": name, "available": available, "told": gone, "not_back": house.without(UNAVAILABLE)}


def obeyed(house: House) -> list[str]:
    """Change a threshold and switch a camera off and on from Home Assistant; return which the box carried out."""
    threshold, switch = (f"edgewatch_{DEVICE}_hall_{ending}" for ending in ("fall_threshold", "watched"))
    commands = (
        ("number.set_value", {"entity_id": f"number.{threshold}", "value": 0.5}, f"number.{threshold}", "0.5"),
        ("switch.turn_off", {"entity_id": f"switch.{switch}"}, f"sensor.edgewatch_{DEVICE}_hall_status", "disabled"),
        ("switch.turn_on", {"entity_id": f"switch.{switch}"}, f"sensor.edgewatch_{DEVICE}_hall_status", "ok"),
    )
    done = []
    for action, fields, entity, wanted in commands:
        house.home.act(action, **fields)
        hope(lambda entity=entity, wanted=wanted: house.home.states.get(entity) == wanted, action)
        if house.home.states.get(entity) == wanted:
            done.append(action)
    return done


def measure(setting: Setting) -> Evidence:
    """Make the house, restart each of its parts, and let people fall in between."""
    folder, work = setting.work.parent / "home-assistant", setting.work / "run"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with ExitStack() as opened:
        house = House(folder, work, opened)
        appeared = house.ours()
        rounds = [round_of_falls(house, "at first")]
        restarts = []
        parts: tuple[tuple[str, Callable[[], None], Callable[[], None]], ...] = (
            ("box", house.box.kill, house.box.start),
            ("broker", house.broker.kill, house.broker.start),
            ("home assistant", house.home.stop, house.home.start),
        )
        for name, end, start in parts:
            restarts.append(restart(house, name, end, start))
            rounds.append(round_of_falls(house, f"after {name}"))
        return {
            "bundle_sha256": Bundle.load(BUILTIN).digest,
            "version": house.home.version,
            "named": house.entities,
            "appeared": appeared,
            "rounds": rounds,
            "restarts": restarts,
            "obeyed": obeyed(house),
            "silent": house.without(UNAVAILABLE, UNKNOWN),
        }


def figures(evidence: Evidence) -> Figures:
    rounds, restarts = evidence["rounds"], evidence["restarts"]
    gone = {said for each in restarts if each["of"] == "box" for said in each["told"] if said.startswith(GONE)}
    return {
        "version": evidence["version"],
        "entities": len(evidence["named"]),
        "missing": len(set(evidence["named"]) - set(evidence["appeared"])),
        "strange": len(set(evidence["appeared"]) - set(evidence["named"])),
        "silent": len(set(evidence["silent"]) - WITHOUT_VALUE),
        "transitions": sum(len(each["sent"]) for each in rounds),
        "unseen": sum(sent not in each["seen"] for each in rounds for sent in each["sent"]),
        "unswitched": sum(abs(alarms(each) - sum(each[way].values())) for each in rounds for way in ("on", "off")),
        "unlit": sum(abs(alarms(each) - each["lamp"]) for each in rounds),
        "untold": sum(abs(alarms(each) - sum(said.startswith(ALARM) for said in each["told"])) for each in rounds),
        "gone_told": len(gone),
        "still_available": sum(len(each["available"]) for each in restarts),
        "not_back": sum(len(each["not_back"]) for each in restarts),
        "obeyed": len(evidence["obeyed"]),
    }


def alarms(each: Evidence) -> int:
    """How many began in a round."""
    return sum(kind == "started" for _, kind in each["sent"])


PROOF = Proof(
    name="home-assistant",
    summary="Home Assistant itself with a box: discovery, states, restarts, the example automation",
    table=TABLE,
    measure=measure,
    figures=figures,
)
