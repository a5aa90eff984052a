"""What was commanded holds through restarts, of whatever version."""

import pytest

from edge.mqtt.outbox import SCHEMA
from edge.mqtt.settings import Settings
from edge.mqtt.store import Store

NAME = "hall/fall/threshold"


@pytest.mark.parametrize(
    ("stored", "in_force"),
    [
        ({"instead_of": 0.7, "value": 0.5, "by": "slider"}, 0.5),
        ({"instead_of": 0.6, "value": 0.5}, 0.7),  # the configuration has said something new
        ({"instead_of": 0.7}, 0.7),
        ({"value": 0.5}, 0.7),
    ],
)
def test_what_another_version_kept_holds_as_far_as_it_is_understood(stored: dict, in_force: float) -> None:
    settings = Settings(Store(None, SCHEMA))
    settings.put(NAME, stored)
    assert settings.in_force(NAME, 0.7) == in_force
