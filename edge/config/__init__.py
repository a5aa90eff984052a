"""One TOML file, checked before anything runs. Everything has a default except the cameras and the broker.

    device_id = "corridor-2"             # default: the host's name
    state_dir = "/var/lib/edgewatch"     # default: systemd's STATE_DIRECTORY; without one the outbox is in memory
    bundle = "my-model.zip"              # default: the built-in bundle

    [broker]
    url = "mqtts://edgewatch@broker.example:8883"
    ca_file = "ca.pem"

    [cameras.hall]
    source = "/dev/video0"

    [cameras.hall.alerts.fall]           # only what differs from the bundle
    onset_threshold = 0.8

Relative paths are relative to the file. Secrets are not in it: the broker's password comes from the environment
variable EDGEWATCH_MQTT_PASSWORD or from the file `mqtt-password` in systemd's credentials directory, and that of camera
`hall` from EDGEWATCH_CAMERA_HALL_PASSWORD or `camera-hall-password`.
"""

from edge.config.box import Config, HealthConfig, PicturesConfig, load, parse
from edge.config.broker import BrokerConfig, HomeAssistantConfig, OutboxConfig, split_url
from edge.config.cameras import AlertOverride, CameraConfig, alert_specs
from edge.config.passwords import PASSWORD_VARIABLE, broker_password, camera_password

__all__ = [
    "PASSWORD_VARIABLE",
    "AlertOverride",
    "BrokerConfig",
    "CameraConfig",
    "Config",
    "HealthConfig",
    "HomeAssistantConfig",
    "OutboxConfig",
    "PicturesConfig",
    "alert_specs",
    "broker_password",
    "camera_password",
    "load",
    "parse",
    "split_url",
]
