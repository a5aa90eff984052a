"""The network that finds bodies, for who trains: the one that the built-in bundle ships, converted and judged."""

from converters.convert import PeopleNetwork
from edge.bundle import BUILTIN, Bundle
from edge.errors import ConfigurationError


def shipped() -> PeopleNetwork:
    """Return the built-in bundle's.

    Raises:
        ConfigurationError: it has none.
    """
    bundle = Bundle.load(BUILTIN)
    spec = bundle.spec.networks.people
    if spec is None:
        raise ConfigurationError(f"{BUILTIN}: sees no people; install edgewatch again")
    files = {name: bundle.files[name] for name in spec.files.values()}
    return PeopleNetwork(spec, files, bundle.spec.verification.get("people", {}))
