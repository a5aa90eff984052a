"""Topics, word for word."""

from edge.mqtt.topics import Topics


def test_topics() -> None:
    topics = Topics("corridor-2")
    assert topics.availability == "edgewatch/corridor-2/availability"
    assert topics.events == "edgewatch/corridor-2/events"
    assert topics.stats == "edgewatch/corridor-2/stats"
    assert topics.state("hall", "fall") == "edgewatch/corridor-2/hall/fall/state"
    assert topics.status("hall") == "edgewatch/corridor-2/hall/status"
    assert topics.people("hall") == "edgewatch/corridor-2/hall/people"
    assert topics.figure("01J") == "edgewatch/corridor-2/events/01J/figure"
