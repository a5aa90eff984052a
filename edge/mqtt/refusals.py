"""Why there is no connection, in one line each, and what to do about it."""

import ssl
from datetime import UTC, datetime
from typing import Final

from edge.config import PASSWORD_VARIABLE, BrokerConfig
from edge.errors import BrokerError

CREDENTIALS_REFUSED = frozenset({"Bad user name or password", "Not authorized", "Bad authentication method"})
"""Answers to CONNECT, as paho words them; so are those below."""
VERSION_REFUSED: Final = "Unsupported protocol version"
RETAIN_REFUSED: Final = "Retain not supported"
TAKEN_OVER: Final = "Session taken over"
HUNG_UP: Final = "the broker hung up"
OUT_OF_TIME: Final = frozenset({9, 10})
"""OpenSSL's numbers of a certificate that is not valid yet, or no longer: by the clock of this machine."""


class CredentialsRefusedError(BrokerError):
    """The broker answered and does not want us: trying again changes nothing until somebody acts."""


class HungUpError(BrokerError):
    """The broker ended a connection that it had taken, without a word."""


class VersionRefusedError(BrokerError):
    """The broker does not speak the version of MQTT in which we asked."""


class UnansweredError(VersionRefusedError):
    """The broker hangs up instead of answering, or is silent: as some do that do not know the version, and others."""


class OversizedMessageError(BrokerError):
    """Somebody sends us what no command can be."""


def refusal(broker: BrokerConfig, answer: str) -> BrokerError:
    """Explain a broker's no to CONNECT."""
    if answer == RETAIN_REFUSED:
        return BrokerError(
            f"{broker.address}: the broker keeps no messages, and boxes need that for their states; "
            "allow it (mosquitto: retain_available true)"
        )
    if answer == VERSION_REFUSED:
        return VersionRefusedError(f"{broker.address}: the broker does not speak this version of MQTT ({answer})")
    if answer not in CREDENTIALS_REFUSED:
        return BrokerError(f"{broker.address}: the broker refuses the connection ({answer})")
    if broker.username is None:
        return CredentialsRefusedError(
            f"{broker.address}: the broker wants a user and password ({answer}); "
            f"write user@ into the URL and set {PASSWORD_VARIABLE}"
        )
    return CredentialsRefusedError(
        f"{broker.address}: the broker refuses user {broker.username!r} or the password ({answer}); "
        f"check the URL's user and {PASSWORD_VARIABLE}"
    )


def no_answer(broker: BrokerConfig, end: str, *, retains: bool) -> BrokerError:
    """Explain why the broker ended a connection instead of answering CONNECT."""
    also = "; if it is the right one, whether it keeps messages (mosquitto: retain_available)" if retains else ""
    kind = UnansweredError if end == HUNG_UP else BrokerError
    return kind(f"{broker.address}: hung up without an MQTT answer ({end}); check the port, and TLS{also}")


def fallen_silent(error: UnansweredError) -> BrokerError:
    """Add what else may be the matter with a broker that has answered before."""
    return BrokerError(
        f"{error}; it spoke MQTT 5 before: if it was replaced, "
        'set broker.version = "3.1.1", or start this program again'
    )


def loss(broker: BrokerConfig, client_id: str, end: str) -> BrokerError:
    """Explain the end of a connection."""
    if end == TAKEN_OVER:
        return BrokerError(
            f"{broker.address}: another client has connected as {client_id} and ended our connection; "
            "give each box a device_id of its own, and each dashboard and notifier a state directory"
        )
    if end == RETAIN_REFUSED:
        return refusal(broker, end)
    kind = HungUpError if end == HUNG_UP else BrokerError
    return kind(f"{broker.address}: the connection was lost ({end})")


def absence(broker: BrokerConfig, error: OSError | ValueError) -> BrokerError:
    """Explain why nobody was reached with whom MQTT could be spoken."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in OUT_OF_TIME:
        return BrokerError(
            f"{broker.address}: by the clock of this machine, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, the broker's "
            f"{error.verify_message}; set the clock (NTP), or renew the certificate"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return BrokerError(
            f"{broker.address}: the broker's certificate is not trusted ({error.verify_message}); "
            "set broker.ca_file, and check the host name"
        )
    if isinstance(error, ssl.SSLError):
        return BrokerError(f"{broker.address}: no TLS connection ({error.reason}); check the port and the certificates")
    reason = "no answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
    return BrokerError(f"{broker.address}: no broker there ({reason}); start it, or correct its address")


def unusable_tls_files(broker: BrokerConfig, error: OSError | ValueError) -> CredentialsRefusedError:
    """Explain why the files that the configuration names are of no use."""
    return CredentialsRefusedError(
        f"{broker.address}: the TLS files cannot be used ({error}); check ca_file, client_cert_file and client_key_file"
    )
