"""From the class names that data sets use to the labels that models use."""

import re
from collections.abc import Iterable, Mapping

from edge.errors import ConfigurationError

NORMAL = "normal"
FALL, VIOLENCE = "fall", "violence"
EVENT_LABELS = (FALL, VIOLENCE)
"""What the built-in model alerts on. A folder of footage without events annotates both."""

LABEL_OF_CLASS = {
    "fight": VIOLENCE,
    "fights": VIOLENCE,
    "fighting": VIOLENCE,
    "violence": VIOLENCE,
    "violent": VIOLENCE,
    "fall": FALL,
    "falls": FALL,
    "falling": FALL,
    "adl": NORMAL,
    "adls": NORMAL,
    "noevent": NORMAL,
    "noevents": NORMAL,
    "normal": NORMAL,
    "normals": NORMAL,
    "normalvideo": NORMAL,
    "normalvideos": NORMAL,
}
"""Class names of well-known sets, in lower case and without punctuation; normal too are the events' names after one of
`NEGATIONS` (`noFights`, `non_fall`, `NonViolence`)."""
NEGATIONS = ("no", "non", "not", "without")


def slug(name: str) -> str:
    """Spell a class name as a label: lower case, `[a-z0-9_-]`."""
    return re.sub(r"[^a-z0-9_-]+", "_", name.strip().lower()).strip("_")


def label_of_class(name: str, positive: Mapping[str, str] | None = None) -> str:
    """Map a data set's class name to a label.

    A class of the `positive` mapping becomes its label, and every class that it does not name becomes `normal`.
    Without a mapping the table decides, and an unknown class is its own label.
    """
    if positive:
        wanted = {slug(key): value for key, value in positive.items()}
        return wanted.get(slug(name), NORMAL)
    return _known_label(name) or slug(name)


def is_known_class(name: str) -> bool:
    """Whether the table knows a class name."""
    return _known_label(name) is not None


def _known_label(name: str) -> str | None:
    plain = letters(name)
    negated = any(
        LABEL_OF_CLASS.get(plain.removeprefix(word)) in EVENT_LABELS for word in NEGATIONS if plain.startswith(word)
    )
    return LABEL_OF_CLASS.get(plain, NORMAL if negated else None)


def letters(name: str) -> str:
    """Letters and digits of a name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of names of which only the letters and digits are the same."""
    spelled: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        spelled.setdefault(letters(name), []).append(name)
    return [found for found in spelled.values() if len(found) > 1]


def parse_positive(pairs: Iterable[str]) -> dict[str, str]:
    """Read `CLASS=LABEL` arguments.

    Raises:
        ConfigurationError: a pair has another form.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, _, label = pair.partition("=")
        if not name or slug(label) != label or not label:
            raise ConfigurationError(f"--positive {pair}: is not CLASS=LABEL, such as brawl=violence")
        mapping[name] = label
    return mapping


def ordered(labels: Iterable[str]) -> list[str]:
    """Put `normal` first and the others in alphabetical order, as bundles list them."""
    found = set(labels)
    return [NORMAL] * (NORMAL in found) + sorted(found - {NORMAL})
