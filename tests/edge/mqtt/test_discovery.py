"""The discovery message: what is in it. `scripts/prove discovery` holds it against Home Assistant's own schemas."""

import contextlib
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.mqtt import discovery
from edge.mqtt.discovery import Device
from edge.mqtt.outbox import SCHEMA
from edge.mqtt.settings import Settings
from edge.mqtt.store import Store
from edge.mqtt.topics import Topics

DEVICE = Device("box", "built-in", "0.1.0")
TOPICS = Topics("box")
CAMERAS = {"hall": ["fall", "violence"], "living_room": ["fall"]}


def components(
    cameras=CAMERAS, gone=None, *, counted=(), commands: bool = False, snapshots: bool = False
) -> dict[str, dict]:
    found = discovery.payload(
        DEVICE, TOPICS, cameras, gone or {}, counted=counted, commands=commands, snapshots=snapshots
    )
    return json.loads(json.dumps(found))["components"]


def alive(found: dict[str, dict]) -> list[tuple[str, str]]:
    return sorted((part["platform"], part["name"]) for part in found.values() if len(part) > 1)


def test_what_a_box_has() -> None:
    names = alive(components())
    assert [name for platform, name in names if platform == "binary_sensor"] == [
        "disk",
        "hall fall",
        "hall violence",
        "living_room fall",
    ]
    assert ("event", "events") in names
    assert ("sensor", "hall status") in names
    assert ("sensor", "events dropped") in names
    assert not {"number", "switch", "image"} & {platform for platform, _ in names}


def test_what_can_be_told_to_it_and_seen() -> None:
    more = set(alive(components(commands=True, snapshots=True))) - set(alive(components()))
    assert more == {
        ("number", "hall fall threshold"),
        ("number", "hall violence threshold"),
        ("number", "living_room fall threshold"),
        ("switch", "hall watched"),
        ("switch", "living_room watched"),
        ("image", "hall snapshot"),
        ("image", "living_room snapshot"),
    }


def test_people_are_counted_where_that_is_published() -> None:
    found = components(counted=["hall"])
    assert set(alive(found)) - set(alive(components())) == {("sensor", "hall people"), ("sensor", "hall people lying")}
    assert found["hall____lying"] | {"unique_id": ""} == {
        "platform": "sensor",
        "name": "hall people lying",
        "state_class": "measurement",
        "state_topic": "edgewatch/box/hall/people",
        "value_template": "{{ value_json.lying }}",
        "unique_id": "",
    }
    assert components()["hall____people"] == {"platform": "sensor"}, "not published any more: forgotten"


def test_what_is_gone_is_left_with_its_platform_alone() -> None:
    before = components(counted=CAMERAS, commands=True, snapshots=True)
    gone = {"hall": ["violence"], "living_room": ["fall"]}
    after = components({"hall": ["fall"]}, gone, counted=["hall"], commands=True, snapshots=True)
    here = {name for name, part in after.items() if len(part) > 1}
    assert {name for name in before if "living_-room" in name or "violence" in name} == set(before) - here
    assert set(after) == set(before)
    assert all(after[name] == {"platform": before[name]["platform"]} for name in set(before) - here)


def test_what_was_announced_is_remembered(tmp_path: Path) -> None:
    with contextlib.closing(Store(tmp_path, SCHEMA)) as store:
        assert discovery.remember(Settings(store), CAMERAS) == {}
    with contextlib.closing(Store(tmp_path, SCHEMA)) as store:
        gone = discovery.remember(Settings(store), {"hall": ["fall"]})
        assert gone == {"hall": ["violence"], "living_room": ["fall"]}
        assert discovery.remember(Settings(store), CAMERAS) == {}
    assert discovery.retired_topics(TOPICS, gone, {"hall": ["fall"]}) == [
        "edgewatch/box/hall/violence/state",
        "edgewatch/box/hall/violence/threshold",
        "edgewatch/box/living_room/fall/state",
        "edgewatch/box/living_room/fall/threshold",
        "edgewatch/box/living_room/status",
        "edgewatch/box/living_room/enabled",
        "edgewatch/box/living_room/people",
    ]


names = st.text("ab_-", min_size=1, max_size=4)


@given(st.dictionaries(names, st.lists(names, unique=True, max_size=3), max_size=4))
def test_no_two_components_share_a_name_or_an_id(cameras: dict[str, list[str]]) -> None:
    found = components(cameras, counted=cameras, commands=True, snapshots=True)
    assert len(found) == len(components({})) + sum(6 + 2 * len(labels) for labels in cameras.values())
    assert len({part["unique_id"] for part in found.values()}) == len(found)
