"""The topics of the MQTT contract."""


class Topics:
    """The topics of one box."""

    def __init__(self, device_id: str) -> None:
        self.base = f"edgewatch/{device_id}"
        self.availability = f"{self.base}/availability"
        self.events = f"{self.base}/events"
        self.stats = f"{self.base}/stats"
        self.fault = f"{self.base}/fault"
        self.update = f"{self.base}/update"
        self.check = f"{self.base}/check"

    def state(self, camera: str, label: str) -> str:
        """Where `ON` and `OFF` of one label of one camera are retained."""
        return f"{self.base}/{camera}/{label}/state"

    def status(self, camera: str) -> str:
        """Where the camera's own condition is retained."""
        return f"{self.base}/{camera}/status"

    def people(self, camera: str) -> str:
        """Where it is retained how many people are in the picture."""
        return f"{self.base}/{camera}/people"

    def enabled(self, camera: str) -> str:
        """Where it is retained whether the camera is watched; with `/set`, where that is commanded."""
        return f"{self.base}/{camera}/enabled"

    def threshold(self, camera: str, label: str) -> str:
        """Where the onset threshold in force is retained; with `/set`, where it is commanded."""
        return f"{self.base}/{camera}/{label}/threshold"

    def figure(self, event_id: str) -> str:
        """Where the stick figures of an event go."""
        return f"{self.base}/events/{event_id}/figure"

    def snapshot(self, camera: str) -> str:
        """Where pictures go."""
        return f"{self.base}/{camera}/snapshot"
