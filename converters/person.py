"""What of a bundle sees people: a network that was converted before, and the head that follows each body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from converters.keypoints import POSTURES
from converters.write import sha256
from edge.bundle import STATES, Bundle, BundleSpec, PeopleNetworkSpec, PersonHeadSpec
from edge.errors import ModelError
from edge.people.decoding import MOST_PEOPLE
from edge.people.features import FEATURES_VERSION, N_TRACK_FEATURES

PERSON_FILE = "person.tflite"


@dataclass(frozen=True, slots=True)
class PeopleNetwork:
    """A network that finds bodies, converted before (`converters.convert_pose`)."""

    spec: PeopleNetworkSpec
    files: Mapping[str, bytes]
    """Those that the spec names."""
    verification: Mapping[str, Any]
    loss: str = ""
    """What its conversion lost over the limits, and was accepted."""


def person_spec(model: Any) -> PersonHeadSpec:
    """What `bundle.json` says of a person head (a keras.Model).

    Raises:
        ModelError: inputs or outputs have other names or sizes.
    """
    from converters.export import check_head, input_widths  # noqa: PLC0415  (takes seconds)

    check_head("person head", model)
    widths, n_states = input_widths(model), int(model.output["probabilities"].shape[-1])
    if (widths["features"], n_states) != (N_TRACK_FEATURES, len(STATES)):
        raise ModelError(
            f"person head: takes {widths['features']} features and tells {n_states} states; "
            f"{N_TRACK_FEATURES} and {len(STATES)} are needed"
        )
    return PersonHeadSpec(file=PERSON_FILE, n_state=widths["state"], features_version=FEATURES_VERSION)


def convert_person(model: Any) -> tuple[bytes, dict[str, Any]]:
    """A person head as TFLite, a step of all tracks at once, and how far it is from Keras.

    Raises:
        ModelError: it has an operation that TFLite does not have.
        QualityError: the two drift apart.
    """
    from converters.export import export_head  # noqa: PLC0415
    from converters.verify import verify_head  # noqa: PLC0415

    converted = export_head(model, MOST_PEOPLE)
    return converted, verify_head(model, converted, MOST_PEOPLE)


def people_lines(verification: Mapping[str, Any]) -> list[str]:
    """What the figures of a conversion say of the people network and the person head, for people."""
    if "people" not in verification:
        return []
    people, person = verification["people"], verification["person"]
    line = f"people network, {verification['parts']['people']['precision']}: {_seen(people.get('pose'))}"
    if "edgetpu" in people:
        line += f"; on an Edge TPU {100 * people['edgetpu']['predicted_mac_share']:.2f} % of its multiply-accumulates"
    head = (
        f"person head, float32: {person['size_bytes'] / 1e6:.2f} MB, off by at most "
        f"{person['probability_difference_max']:g} over {person['n_steps']} steps"
    )
    return [line, head]


def _seen(pose: Mapping[str, Any] | None) -> str:
    if pose is None:
        return "not judged"
    seen = ", ".join(
        f"{posture} {pose[posture]['similarity']:.3f} ({lost_of(pose[posture])})"
        for posture in POSTURES
        if pose[posture]["n"]
    )
    return (
        f"{pose['size_bytes'] / 1e6:.2f} MB, {pose['latency_ratio']:.2f} of float32's latency; keypoint similarity to "
        f"it on {pose['n_held_out']} held-out pictures: {seen or 'nobody is in them'}"
    )


def lost_of(of_posture: Mapping[str, Any]) -> str:
    """How many people nobody saw, for people."""
    return f"{of_posture['lost']} of {of_posture['n']} lost"


def with_people(before: Bundle, people: PeopleNetwork, head: Any) -> tuple[BundleSpec, dict[str, bytes]]:
    """A bundle with another network for people and another person head; its scene stays.

    Args:
        before: the bundle.
        people: the network.
        head: keras.Model of the person head.
    """
    spec, scene = before.spec, before.spec.networks.scene
    person, figures = convert_person(head)
    kept = (*scene.files.values(), spec.heads.scene.file)
    files = {name: before.files[name] for name in kept if name is not None} | {**people.files, PERSON_FILE: person}
    changes: dict[str, Any] = {
        "networks": spec.networks.model_copy(update={"people": people.spec}),
        "heads": spec.heads.model_copy(update={"person": person_spec(head)}),
        "files": {name: sha256(content) for name, content in files.items()},
        "verification": spec.verification | {"people": dict(people.verification), "person": figures},
    }
    return spec.model_copy(update=changes), files
