"""Whether what is sent arrives, at a real mosquitto that denies topics."""

import pytest

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.mqtt.connection import Connection
from edge.mqtt.echo import prove_arrival

TOPIC = "edgewatch/box/check"


@pytest.fixture
def prove(start_mosquitto, tmp_path):
    """Prove arrival by a version of MQTT at a broker with this access list."""

    def run(access: str, version: str) -> str:
        acl = tmp_path / "acl"
        acl.write_text(f"topic {access} {TOPIC}\n", encoding="utf-8")
        broker = BrokerConfig.model_validate(
            {"url": start_mosquitto(lines=(f"acl_file {acl}",)).url, "version": version}
        )
        connection = Connection(broker, None, "box-check")
        try:
            return prove_arrival(connection, TOPIC)
        finally:
            connection.close()

    return run


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_what_is_heard_has_arrived(prove, version) -> None:
    assert prove("readwrite", version) == "what we send arrives"


def test_what_is_denied_is_told_from_what_arrives(prove) -> None:
    with pytest.raises(BrokerError, match=r"acknowledges what we send to .* does not come back"):
        prove("deny", "3.1.1")
    with pytest.raises(BrokerError, match=r"does not take .* from us \(Not authorized\); check its ACL"):
        prove("deny", "5")


def test_who_may_write_and_not_read_is_believed_the_newer_version_alone(prove) -> None:
    assert "does not let us hear" in prove("write", "5")
    with pytest.raises(BrokerError, match="does not come back"):
        prove("write", "3.1.1")
