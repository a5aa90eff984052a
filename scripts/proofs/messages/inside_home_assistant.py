"""Hold discovery messages against Home Assistant's own code. Runs beside Home Assistant's package, without ours.

Standard input: `{"messages": {name: payload}, "templates": [{"template", "payload"}]}`. Standard output: Home
Assistant's version, per message what its schemas find wrong, and what its templates make of the payloads.
"""
# pyright: reportMissingImports=false

import asyncio
import importlib
import json
import sys
from typing import Any

import voluptuous
from homeassistant import const, core
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA
from homeassistant.helpers.template import Template

SHARED = ("availability", "availability_mode", "state_topic", "command_topic", "qos", "encoding")
"""What a component takes over from the device, as Home Assistant does it."""


def faults(message: dict[str, Any]) -> list[str]:
    """What is wrong with a message, and which of its keys Home Assistant does not know."""
    try:
        DEVICE_DISCOVERY_SCHEMA(json.loads(json.dumps(message)))
    except voluptuous.Invalid as error:
        return [str(error)]
    found = []
    for name, component in message["components"].items():
        config = dict(component)
        platform = config.pop("platform")
        if not config:
            continue  # removed: nothing is set up
        shared = {key: message[key] for key in SHARED if key in message}
        schema = importlib.import_module(f"homeassistant.components.mqtt.{platform}").DISCOVERY_SCHEMA
        try:
            understood = schema(shared | config | {"device": message["device"], "origin": message["origin"]})
        except voluptuous.Invalid as error:
            found.append(f"{name}: {error}")
            continue
        found += [f"{name}: unknown key {key}" for key in config if key not in understood]
    return found


def rendered(template: str, payload: str, home_assistant: core.HomeAssistant) -> str:
    """What Home Assistant reads out of a payload."""
    return str(Template(template, home_assistant).async_render_with_possible_json_value(payload, "fault"))


async def main() -> None:
    """Everything in Home Assistant's event loop, without which its schemas refuse templates."""
    asked = json.load(sys.stdin)
    home_assistant = core.HomeAssistant("/root")
    answer = {
        "version": const.__version__,
        "faults": {name: faults(message) for name, message in asked["messages"].items()},
        "rendered": [rendered(each["template"], each["payload"], home_assistant) for each in asked["templates"]],
    }
    await home_assistant.async_stop(force=True)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
