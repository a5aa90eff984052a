"""Home Assistant's device discovery: one retained message that names everything this box has.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload. A component that is gone stays in the message
with nothing but its platform: that is how Home Assistant is told to forget it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.mqtt.publisher import OFFLINE, ONLINE
from edge.mqtt.retained import OFF, ON
from edge.mqtt.settings import Settings
from edge.mqtt.topics import Topics

CAMERA_STATES = ("starting", "ok", "slow", "stalled", "lost", "blind", "moving", "disabled")
THRESHOLD_STEP = 0.01
EXPIRE_STATS_S = 300
"""Without stats for so long the box hangs, whatever its connection says."""
KNOWN_CAMERAS = "cameras"
"""Name of the setting that remembers every camera ever announced, with its labels."""

Cameras = Mapping[str, Sequence[str]]
"""Labels that alert, by camera."""
Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Device:
    """What Home Assistant shows about the box itself."""

    device_id: str
    model: str
    """Name of the bundle."""
    version: str
    """Of edgewatch."""


def topic(prefix: str, device_id: str) -> str:
    """Where the message is retained."""
    return f"{prefix}/device/{device_id}/config"


def remember(settings: Settings, cameras: Cameras) -> dict[str, list[str]]:
    """Return what was announced in earlier runs and is no more: cameras, and labels of cameras that are still there."""
    known: dict[str, list[str]] = settings.get(KNOWN_CAMERAS) or {}
    union = {name: sorted({*known.get(name, []), *cameras.get(name, [])}) for name in sorted({*known, *cameras})}
    settings.put(KNOWN_CAMERAS, union)
    gone = {name: [label for label in labels if label not in cameras.get(name, [])] for name, labels in union.items()}
    return {name: labels for name, labels in gone.items() if labels or name not in cameras}


def retired_topics(topics: Topics, gone: Cameras, cameras: Cameras) -> list[str]:
    """Return the retained topics of what is gone; the broker forgets them when an empty payload is sent."""
    found: list[str] = []
    for camera, labels in gone.items():
        for label in labels:
            found += [topics.state(camera, label), topics.threshold(camera, label)]
        if camera not in cameras:
            found += [topics.status(camera), topics.enabled(camera), topics.people(camera)]
    return found


def payload(
    device: Device,
    topics: Topics,
    cameras: Cameras,
    gone: Cameras,
    *,
    counted: Collection[str],
    commands: bool,
    snapshots: bool,
) -> dict[str, Any]:
    """Return the discovery message.

    Args:
        device: the box.
        topics: of the box.
        cameras: that it watches.
        gone: what it once announced, from `remember`.
        counted: cameras that say how many people they see.
        commands: whether thresholds and switches can be set.
        snapshots: whether pictures are published.
    """
    present = _components(device, topics, cameras, counted, commands=commands, snapshots=snapshots)
    every = {name: [*cameras.get(name, []), *gone.get(name, [])] for name in {**cameras, **gone}}
    once = _components(device, topics, every, every, commands=True, snapshots=True)
    removed = {name: {"platform": once[name]["platform"]} for name in once if name not in present}
    return {
        "device": {
            "identifiers": [f"edgewatch_{device.device_id}"],
            "name": f"edgewatch {device.device_id}",
            "manufacturer": "edgewatch",
            "model": device.model,
            "sw_version": device.version,
        },
        "origin": {"name": "edgewatch", "sw_version": device.version},
        "availability": [
            {
                "topic": topics.availability,
                "payload_available": ONLINE,
                "payload_not_available": OFFLINE,
            }
        ],
        "qos": 1,
        "components": present | removed,
    }


def _components(
    device: Device, topics: Topics, cameras: Cameras, counted: Collection[str], *, commands: bool, snapshots: bool
) -> dict[str, Component]:
    components = {"events": _events(topics), **_stats(topics)}
    for camera, labels in cameras.items():
        components |= _camera(topics, camera, commands=commands, snapshots=snapshots)
        if camera in counted:
            components[_key(camera, "", "people")] = _count(topics, camera, "people", "people")
            components[_key(camera, "", "lying")] = _count(topics, camera, "people lying", "lying")
        for label in labels:
            components[_key(camera, label, "state")] = _alert(topics, camera, label)
            if commands:
                components[_key(camera, label, "threshold")] = _threshold(topics, camera, label)
    for name, component in components.items():
        component["unique_id"] = f"edgewatch_{device.device_id}_{name}"
    return components


def _key(*names: str) -> str:
    """Join names so that no two lists of names give the same key; in a name, `_` is always followed by `-`."""
    return "__".join(name.replace("_", "_-") for name in names)


def _alert(topics: Topics, camera: str, label: str) -> Component:
    return {
        "platform": "binary_sensor",
        "name": f"{camera} {label}",
        "device_class": "safety",
        "state_topic": topics.state(camera, label),
        "payload_on": ON,
        "payload_off": OFF,
    }


def _count(topics: Topics, camera: str, name: str, field: str) -> Component:
    """While nobody looks the field is null, which Home Assistant shows as unknown."""
    return {
        "platform": "sensor",
        "name": f"{camera} {name}",
        "state_class": "measurement",
        "state_topic": topics.people(camera),
        "value_template": f"{{{{ value_json.{field} }}}}",
    }


def _threshold(topics: Topics, camera: str, label: str) -> Component:
    return {
        "platform": "number",
        "name": f"{camera} {label} threshold",
        "entity_category": "config",
        "state_topic": topics.threshold(camera, label),
        "command_topic": f"{topics.threshold(camera, label)}/set",
        "min": 0,
        "max": 1,
        "step": THRESHOLD_STEP,
        "mode": "slider",
    }


def _camera(topics: Topics, camera: str, *, commands: bool, snapshots: bool) -> dict[str, Component]:
    components: dict[str, Component] = {
        _key(camera, "", "status"): {
            "platform": "sensor",
            "name": f"{camera} status",
            "device_class": "enum",
            "options": list(CAMERA_STATES),
            "entity_category": "diagnostic",
            "state_topic": topics.status(camera),
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": topics.status(camera),
        },
        _key(camera, "", "rate"): _stats_sensor(
            topics, f"{camera} rate", f"cameras['{camera}'].rate_hz", "Hz", "frequency"
        ),
    }
    if commands:
        components[_key(camera, "", "enabled")] = {
            "platform": "switch",
            "name": f"{camera} watched",
            "entity_category": "config",
            "state_topic": topics.enabled(camera),
            "command_topic": f"{topics.enabled(camera)}/set",
            "payload_on": ON,
            "payload_off": OFF,
        }
    if snapshots:
        components[_key(camera, "", "snapshot")] = {
            "platform": "image",
            "name": f"{camera} snapshot",
            "image_topic": topics.snapshot(camera),
            "content_type": "image/jpeg",
        }
    return components


def _events(topics: Topics) -> Component:
    """Home Assistant wants the type under a name of its own."""
    return {
        "platform": "event",
        "name": "events",
        "event_types": ["started", "updated", "ended"],
        "state_topic": topics.events,
        "value_template": "{{ dict(value_json, event_type=value_json.type) | to_json }}",
    }


def _stats(topics: Topics) -> dict[str, Component]:
    return {
        "events_waiting": _stats_sensor(topics, "events waiting", "outbox.waiting"),
        "events_dropped": _stats_sensor(topics, "events dropped", "outbox.dropped"),
        "memory": _stats_sensor(topics, "memory", "memory_mb", "MB", "data_size"),
        "temperature": _stats_sensor(topics, "temperature", "temperature_c", "°C", "temperature"),
        "uptime": _stats_sensor(topics, "uptime", "uptime_s", "s", "duration"),
        "disk": {
            "platform": "binary_sensor",
            "name": "disk",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "state_topic": topics.stats,
            "value_template": "{{ 'ON' if value_json.outbox.fault else 'OFF' }}",
            "payload_on": ON,
            "payload_off": OFF,
        },
    }


def _stats_sensor(
    topics: Topics, name: str, field: str, unit: str | None = None, device_class: str | None = None
) -> Component:
    sensor: Component = {
        "platform": "sensor",
        "name": name,
        "entity_category": "diagnostic",
        "state_class": "measurement",
        "state_topic": topics.stats,
        "value_template": f"{{{{ value_json.{field} }}}}",
        "expire_after": EXPIRE_STATS_S,
    }
    if unit is not None:
        sensor |= {"unit_of_measurement": unit, "device_class": device_class}
    return sensor
