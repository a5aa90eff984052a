"""Secrets: from the environment, or from systemd's credentials directory; never from the file."""

import os
from collections.abc import Mapping
from pathlib import Path

from edge.errors import ConfigurationError
from edge.system.text import decoded

PASSWORD_VARIABLE = "EDGEWATCH_MQTT_PASSWORD"  # noqa: S105 - the name of the variable
PASSWORD_CREDENTIAL = "mqtt-password"  # noqa: S105 - the name of the credential
FOLDER_PREFIX = "edgewatch_"
"""What systemd puts before the files' names where `LoadCredential=edgewatch:` names a folder."""


def broker_password(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the broker's password from the environment, or else from systemd's credentials directory; it may be ''.

    Raises:
        ConfigurationError: the credential is there and cannot be read.
    """
    return _given(PASSWORD_VARIABLE, PASSWORD_CREDENTIAL, environment)


def camera_password(camera: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the password of a camera's user: of `hall` from `EDGEWATCH_CAMERA_HALL_PASSWORD`, or else from the
    credential `camera-hall-password`.

    Raises:
        ConfigurationError: the credential is there and cannot be read.
    """
    return _given(camera_variable(camera), f"camera-{camera}-password", environment)


def camera_variable(camera: str) -> str:
    """Return the environment variable of a camera's password."""
    return f"EDGEWATCH_CAMERA_{camera.upper().replace('-', '_')}_PASSWORD"


def secret(variable: str, credential_name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return a secret from an environment variable, or else from a file of systemd's credentials directory. An empty
    one is none: it would protect nothing.

    Raises:
        ConfigurationError: the credential is there and cannot be read.
    """
    return _given(variable, credential_name, environment) or None


def _given(variable: str, credential_name: str, environment: Mapping[str, str]) -> str | None:
    """Return what is given, which may be empty: some brokers and cameras have users without a password."""
    if (value := environment.get(variable)) is not None:
        return value
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    for name in (credential_name, FOLDER_PREFIX + credential_name):
        credential = Path(directory, name)
        try:
            return decoded(credential.read_bytes()).rstrip("\r\n")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{credential}: cannot be read ({error}); correct the unit's LoadCredential"
            ) from error
    return None
