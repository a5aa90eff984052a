"""`edge test-alarm`: has the running daemon send a test, and listens whether it arrives."""

from edge.config import Config
from edge.errors import BrokerError, ConfigurationError
from edge.events.testalarm import request_alarm


def try_alarm(config: Config, password: str | None, camera: str, label: str) -> str:
    """Have a test sent; return what shows that it arrived, in one line.

    Raises:
        ConfigurationError: no daemon runs there, it has no such camera and label, or we may not ask.
        BrokerError: the broker has not acknowledged it in time, or nothing shows that it arrived.
    """
    from edge.mqtt.connection import Connection, Message  # noqa: PLC0415 - only where it is needed
    from edge.mqtt.echo import hears, say_arrival  # noqa: PLC0415
    from edge.mqtt.incoming import read_event  # noqa: PLC0415
    from edge.mqtt.topics import Topics  # noqa: PLC0415

    topic = Topics(config.device_id).events

    def is_it(message: Message) -> bool:
        event = read_event(message.payload) if message.topic == topic and not message.retained else None
        return event is not None and event.test and (event.camera, event.label) == (camera, label)

    if config.broker is None:
        raise ConfigurationError("broker: missing, so no alarm is sent; add a table [broker] with its url")
    try:
        connection = Connection(config.broker, password, f"edgewatch-{config.device_id}-check")
    except BrokerError as error:
        request_alarm(config.state_dir, camera, label)
        return f"the broker has acknowledged the test; nobody here could listen whether it arrived ({error})"
    try:
        connection.subscribe([topic])
        request_alarm(config.state_dir, camera, label)
        said = say_arrival(connection, topic, is_heard=hears(connection, is_it))
        return f"the broker has acknowledged the test; {said}"
    finally:
        connection.close()
