"""Falls that are found by bodies, by events, on people and sets that the person head has not learned from.

Evidence: for each clip when an alert of a fall began. `gmdcsa24` by a head that learned nothing of it, and with one
subject left out at a time, in floats and in integers; the built-in bundle on `normal/`, `action-samples` and `urfd`,
whose clips end as soon as the body is down, so that they are judged with the last picture held for three seconds, and
as they are. `urfd` is for research alone: it judges, and nothing is learned or chosen by it.
"""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from converters.convert_pose import POSE_FILE
from converters.person import PeopleNetwork, with_people
from converters.pose import cut_at_maps
from converters.write import write_bundle
from edge.bundle import BUILTIN, Bundle
from edge.inference.model import Model, open_model
from edge.pipeline import Watcher
from edge.sources.file import FileSource
from edge.types import NS_PER_S, RawFrame
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.models.people import NETWORK, SIZE_PX
from proofs.models.protocols import refuse_absent
from trainer.clips.datasets import read_dataset
from trainer.clips.labels import FALL
from trainer.clips.manifest import Clip
from trainer.features.cache import Cache
from trainer.recipes.builtin.people import PoseCache, fit_people
from trainer.recipes.builtin.person import PersonSettings

LEFT_OUT: Final = "gmdcsa24"
BESIDE: Final = ("surveillance-fight", "t2v-bed-fall")
JUDGED_ALONE: Final = ("normal", "action-samples", "urfd")
RESEARCH: Final = "urfd"
HELD_S: Final = 3.0
PRECISIONS: Final = ("float32", "int8")
EARLY_S: Final = 0.3
"""So much before the annotated start, which is to the tenth, an alert is still one of the fall."""
SEED: Final = 0
SHORT_VIRTUAL: Final = 60

TABLE = (
    *(
        figure
        for precision in PRECISIONS
        for figure in (
            Figure(
                f"sets_found_{precision}",
                f"`gmdcsa24`, head without anything of it, {precision}: falls found, of 14",
                "",
                Limit(">=", 13),
            ),
            Figure(f"sets_false_{precision}", f"the same: others alerted, of 9, {precision}", "", Limit("<=", 1)),
            Figure(
                f"subjects_wrong_{precision}",
                f"`gmdcsa24`, one subject left out, {precision}: wrong of 23",
                "",
                Limit("<=", 1 if precision == "float32" else 2),
            ),
        )
    ),
    Figure("delay_s", "median delay from the annotated start, integers, subjects left out", "s", Limit("<=", 1.5), 2),
    Figure("urfd_found", "`urfd`, never learned from, last picture held: falls found, of 30", "", Limit(">=", 28)),
    Figure("urfd_false", "`urfd`: clips of daily life alerted, of 40", "", Limit("<=", 3)),
    Figure("urfd_found_as_is", "`urfd`, as it is: falls found, of 30"),
    Figure("normal_false", "`normal/`, never learned from: alerts of a fall", "", Limit("<=", 0)),
    Figure("actions_false", "`action-samples`, never learned from: clips with an alert of a fall", "", Limit("<=", 0)),
)


def measure(setting: Setting) -> Evidence:
    """Fit heads without sets and subjects, and watch the clips that they have not learned from."""
    refuse_absent((LEFT_OUT, *BESIDE, *JUDGED_ALONE), setting)
    sets = {name: read_dataset(setting.data / name) for name in (LEFT_OUT, *BESIDE)}
    own, others = sets[LEFT_OUT], [clip for name in BESIDE for clip in sets[name]]
    if setting.short:
        others = others[::40]
    networks = _networks(setting)
    subjects = sorted({clip.group for clip in own})
    tasks = [("sets", others, own)]
    if not setting.short:
        tasks += [
            (subject, others + [clip for clip in own if clip.group != subject], [c for c in own if c.group == subject])
            for subject in subjects
        ]
    folds = {
        name: setting.once(
            f"falls-{name}", [], lambda known=known, judged=judged: _fold(known, judged, networks, setting)
        )
        for name, known, judged in tasks
    }
    alone = {name: read_dataset(setting.data / name)[: 2 if setting.short else None] for name in JUDGED_ALONE}
    model = open_model(Bundle.load(BUILTIN))
    watched = {name: _watched(model, clips, HELD_S if name == RESEARCH else 0.0) for name, clips in alone.items()}
    watched[f"{RESEARCH} as it is"] = _watched(model, alone[RESEARCH], 0.0)
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "folds": folds, "watched": watched}


def _networks(setting: Setting) -> dict[str, Path]:
    """Files of the people network by precision."""
    float32 = setting.work / "people-float32.tflite"
    float32.write_bytes(cut_at_maps((setting.weights / NETWORK).read_bytes(), SIZE_PX, SIZE_PX))
    return {"float32": float32, "int8": BUILTIN / POSE_FILE}


def _fold(
    known: Sequence[Clip], judged: Sequence[Clip], networks: dict[str, Path], setting: Setting
) -> dict[str, list[dict[str, Any]]]:
    """What a head says, by precision of the network that it follows, of clips that it has not learned from."""
    settings = PersonSettings(n_virtual=SHORT_VIRTUAL, epochs=1) if setting.short else PersonSettings()
    head = fit_people(known, list(networks.values()), PoseCache(Cache(setting.work / "cache"), 2), SEED, settings)
    builtin = Bundle.load(BUILTIN)
    shipped = builtin.spec.networks.people
    assert shipped is not None
    found: dict[str, list[dict[str, Any]]] = {}
    for precision, network in networks.items():
        spec = shipped.model_copy(update={"precision": precision, "files": {"cpu": POSE_FILE}})
        people = PeopleNetwork(spec, {POSE_FILE: network.read_bytes()}, {})
        bundle = write_bundle(*with_people(builtin, people, head), setting.work / f"falls-{precision}", force=True)
        found[precision] = _watched(open_model(bundle), judged, 0.0)
    return found


class _Held:
    """A recording whose last picture stays."""

    live = False

    def __init__(self, source: FileSource, hold_s: float) -> None:
        self.name = source.name
        self._source = source
        self._hold_s = hold_s

    @property
    def skipped_frames(self) -> int:
        return self._source.skipped_frames

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames, and the last that can be decoded again and again."""
        shown, last, gap_ns = None, 0, 0
        for frame in self._source.frames():
            if (pixels := frame.pixels()) is not None:
                shown, gap_ns, last = pixels, frame.capture_ns - last, frame.capture_ns
            yield frame
        n_more = round(self._hold_s * NS_PER_S / gap_ns) if shown is not None and gap_ns else 0
        for number in range(1, n_more + 1):
            assert shown is not None
            yield RawFrame.of(shown, 1_000_000 + number, last + number * gap_ns)

    def close(self) -> None:
        """End `frames`."""
        self._source.close()


def _watched(model: Model, clips: Sequence[Clip], hold_s: float) -> list[dict[str, Any]]:
    """When alerts of falls began in each clip."""
    found: list[dict[str, Any]] = []
    for clip in clips:
        watcher = Watcher(_Held(FileSource(clip.path), hold_s), model)
        begun = [
            round(event.position_s or 0.0, 2)
            for step in watcher.steps()
            for event in step.events
            if event.type == "started" and event.label == FALL
        ]
        falls = clip.start_s(FALL) is not None
        start_s = clip.start_s(FALL) if clip.timed else None
        found.append({"clip": clip.name, "falls": falls, "start_s": start_s, "alerts_s": begun})
    return found


def figures(evidence: Evidence) -> Figures:
    """Counts, from the times of alerts."""
    folds, watched = evidence["folds"], evidence["watched"]
    found: Figures = {}
    delays_s: list[float] = []
    for precision in PRECISIONS:
        of_sets = folds["sets"][precision]
        found[f"sets_found_{precision}"] = sum(_is_found(one) for one in of_sets)
        found[f"sets_false_{precision}"] = sum(_is_false(one) for one in of_sets if not one["falls"])
        left_out = [one for name, fold in folds.items() if name != "sets" for one in fold[precision]]
        wrong = sum(not _is_found(one) if one["falls"] else _is_false(one) for one in left_out)
        found[f"subjects_wrong_{precision}"] = wrong if left_out else None
        delays_s = [_delay_s(one) for one in left_out if _is_found(one)] or delays_s
    research = watched[RESEARCH]
    return found | {
        "delay_s": statistics.median(delays_s) if delays_s else None,
        "urfd_found": sum(_is_found(one) for one in research),
        "urfd_false": sum(_is_false(one) for one in research if not one["falls"]),
        "urfd_found_as_is": sum(_is_found(one) for one in watched[f"{RESEARCH} as it is"]),
        "normal_false": sum(len(one["alerts_s"]) for one in watched["normal"]),
        "actions_false": sum(_is_false(one) for one in watched["action-samples"]),
    }


def _is_found(one: dict[str, Any]) -> bool:
    """Whether an alert came, and not before the fall."""
    least_s = 0.0 if one["start_s"] is None else one["start_s"] - EARLY_S
    return one["falls"] and any(time_s >= least_s for time_s in one["alerts_s"])


def _is_false(one: dict[str, Any]) -> bool:
    return bool(one["alerts_s"])


def _delay_s(one: dict[str, Any]) -> float:
    return min(time_s for time_s in one["alerts_s"] if time_s >= one["start_s"] - EARLY_S) - one["start_s"]


PROOF = Proof(
    "falls",
    "falls found by bodies, on people and sets that the person head has not learned from",
    TABLE,
    measure,
    figures,
    short_keeps_limits=False,
)
