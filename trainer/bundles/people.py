"""The network that finds bodies, for who trains: the one that the built-in bundle ships, converted and judged."""

from converters.person import PeopleNetwork
from trainer.features.poses import shipped_network


def shipped() -> PeopleNetwork:
    """Return the built-in bundle's.

    Raises:
        ConfigurationError: it has none.
    """
    bundle, spec = shipped_network()
    files = {name: bundle.files[name] for name in spec.files.values()}
    return PeopleNetwork(spec, files, bundle.spec.verification.get("people", {}))
