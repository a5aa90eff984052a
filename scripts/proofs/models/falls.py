"""Falls that are found by bodies, by events, on people and sets that the person head has not learned from.

Evidence: for each clip when an alert of a fall began. `gmdcsa24` by a head that learned nothing of it, and with one
subject left out at a time, in floats and in integers; the built-in bundle on `normal/`, `action-samples` and `urfd`,
whose clips end as soon as the body is down, so that they are judged with the last picture held for three seconds, and
as they are. `urfd` is for research alone: it judges, and nothing is learned or chosen by it. When its bodies begin to
sink was read by eye. Of any fall, an alert before it is false, whatever follows. The falls of `gmdcsa24` once more
through the built-in bundle, which knows them: there it is judged how long an alert lasts; see `lies`.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras

from converters.convert_pose import POSE_FILE
from converters.person import PeopleNetwork, with_people
from converters.pose import cut_at_maps
from converters.write import write_bundle
from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.models.folds import eventless
from proofs.models.lies import LIES_S, lie_down, lying_figures
from proofs.models.people import SIZE_PX
from proofs.models.protocols import refuse_absent
from proofs.models.urfd import SINKS_S
from trainer.clips.datasets import read_dataset
from trainer.clips.labels import FALL, NORMAL
from trainer.clips.manifest import Clip, Segment
from trainer.features.cache import Cache
from trainer.features.poses import PUBLISHED
from trainer.judging.scoring import watch_clips
from trainer.recipes.builtin.people import PoseCache, fit_people
from trainer.recipes.builtin.person import PersonSettings
from trainer.synth import render_clip

SETS: Final = "sets"
LEFT_OUT: Final = "gmdcsa24"
BESIDE: Final = ("surveillance-fight", "t2v-bed-fall")
EVENTLESS: Final = ("normal", "action-samples")
RESEARCH: Final = "urfd"
HELD_S: Final = 3.0
PRECISIONS: Final = ("float32", "int8")
RATES_HZ: Final = (7, 5, 4, 3)
"""Of looks, beside the usual one."""
EARLY_S: Final = 0.3
"""So much before its start, which is to the tenth, an alert is still one of the fall."""
SEED: Final = 0
OVERHEAD: Final = ("walk", "sit", "bend", "lie_down", "stand")
"""What is done without falling in rendered rooms that are seen from the ceiling."""
OVERHEAD_CLIPS: Final = 20
"""Of falls, and as many of the rest."""
OVERHEAD_SEED: Final = 5000
SHORT_VIRTUAL: Final = 60
SHORT_LIES_S: Final = 90.0

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
    *(
        figure
        for rate_hz in RATES_HZ
        for figure in (
            Figure(
                f"sets_found_{rate_hz}hz", f"head without anything of it, int8, {rate_hz} looks a second: found, of 14"
            ),
            Figure(f"sets_false_{rate_hz}hz", f"the same: others alerted, of 9, {rate_hz} looks a second"),
        )
    ),
    Figure("delay_s", "median delay from the annotated start, integers, subjects left out", "s", Limit("<=", 1.5), 2),
    Figure("urfd_found", "`urfd`, never learned from, last picture held: falls found, of 30", "", Limit(">=", 28)),
    Figure("urfd_false", "`urfd`: clips of daily life alerted, of 40", "", Limit("<=", 3)),
    Figure("urfd_early", "`urfd`: falls alerted before the body begins to sink, which are not found"),
    Figure("urfd_delay_s", "`urfd`: median delay from when the body begins to sink, read by eye", "s"),
    Figure("urfd_found_as_is", "`urfd`, as it is: falls found, of 30"),
    Figure("overhead_found_both", f"rendered, from the ceiling: falls found, of {OVERHEAD_CLIPS}"),
    Figure("overhead_false_both", f"the same: others alerted, of {OVERHEAD_CLIPS}"),
    Figure("overhead_found_bodies", "the same by bodies alone, without the scene's head: falls found"),
    Figure("overhead_false_bodies", "the same by bodies alone: others alerted"),
    Figure("normal_false", "`normal/`, never learned from: alerts of a fall", "", Limit("<=", 0)),
    Figure("actions_false", "`action-samples`, never learned from: clips with an alert of a fall", "", Limit("<=", 0)),
    Figure(
        "lies_on",
        "falls of `gmdcsa24`, which it knows, lying for 10 min under noise and H.264: told once and throughout, of 14",
        "",
        Limit(">=", 14),
    ),
    Figure("lies_still", "the same: one `still_down`", "", Limit(">=", 14)),
    Figure("lies_standing", "of them, who stood before; then they are played backwards"),
    Figure("lies_up", "the same: `got_up` within 3 s of standing", "", Limit(">=", 11)),
    Figure("lies_up_s", "the same: the latest", "s"),
)


def measure(setting: Setting) -> Evidence:
    """Fit heads without sets and subjects, and watch the clips that they have not learned from."""
    refuse_absent((LEFT_OUT, *BESIDE, *EVENTLESS, RESEARCH), setting)
    sets = {name: read_dataset(setting.data / name) for name in (LEFT_OUT, *BESIDE)}
    own, others = sets[LEFT_OUT], [clip for name in BESIDE for clip in sets[name]]
    if setting.short:
        others = others[::40]
    networks = _networks(setting)
    subjects = sorted({clip.group for clip in own})
    tasks = [(SETS, others, own)]
    if not setting.short:
        tasks += [
            (subject, others + [clip for clip in own if clip.group != subject], [c for c in own if c.group == subject])
            for subject in subjects
        ]
    builtin = Bundle.load(BUILTIN).digest

    def fold(name: str, known: Sequence[Clip], judged: Sequence[Clip]) -> Evidence:
        rates_hz = RATES_HZ if name == SETS and not setting.short else ()
        return setting.once(f"falls-{name}", [builtin, SEED], lambda: _fold(known, judged, networks, rates_hz, setting))

    folds = {name: fold(name, known, judged) for name, known, judged in tasks}
    alone = {name: eventless(setting.data / name) for name in EVENTLESS} | {
        RESEARCH: read_dataset(setting.data / RESEARCH)
    }
    if setting.short:
        alone = {name: clips[:2] for name, clips in alone.items()}
    watched = {name: _watched(BUILTIN, clips, HELD_S if name == RESEARCH else 0.0) for name, clips in alone.items()}
    watched[f"{RESEARCH} as it is"] = _watched(BUILTIN, alone[RESEARCH])
    overhead = setting.once("falls-overhead", [builtin, setting.short], lambda: _overhead(setting))
    lies = setting.once("falls-lies", [builtin, setting.short], lambda: _lies(own, setting))
    return {"bundle_sha256": builtin, "folds": folds, "watched": watched, "overhead": overhead, "lies": lies}


def _overhead(setting: Setting) -> dict[str, list[dict[str, Any]]]:
    """Rendered rooms from the ceiling, watched with the scene's head beside the person head, and without it."""
    folder = setting.work / "overhead"
    folder.mkdir(parents=True, exist_ok=True)
    clips: list[Clip] = []
    for number in range(2 if setting.short else OVERHEAD_CLIPS):
        for action in ("fall", OVERHEAD[number % len(OVERHEAD)]):
            path = folder / f"{action}-{number}.mp4"
            rendered = render_clip(action, OVERHEAD_SEED + number, path, overhead=True)
            segments = rendered.segments or (Segment(NORMAL),)
            clips.append(Clip(path, path.stem, frozenset({FALL}), segments, path.name, "overhead", timed=True))
    builtin = Bundle.load(BUILTIN)
    alone = builtin.spec.model_copy(update={"combine": builtin.spec.combine | {FALL: {"person": 1.0}}})
    write_bundle(alone, builtin.files, setting.work / "bodies", force=True)
    return {"both": _watched(BUILTIN, clips), "bodies": _watched(setting.work / "bodies", clips)}


def _lies(clips: Sequence[Clip], setting: Setting) -> Evidence:
    falls = [clip for clip in clips if clip.label == FALL]
    if setting.short:
        return {"clips": lie_down(falls[:1], setting.work, SHORT_LIES_S)}
    return {"clips": lie_down(falls, setting.work, LIES_S)}


def _networks(setting: Setting) -> dict[str, Path]:
    """Files of the people network by precision."""
    setting.work.mkdir(parents=True, exist_ok=True)
    float32 = setting.work / "people-float32.tflite"
    float32.write_bytes(cut_at_maps((setting.weights / PUBLISHED).read_bytes(), SIZE_PX, SIZE_PX))
    return {"float32": float32, "int8": BUILTIN / POSE_FILE}


def _fold(
    known: Sequence[Clip],
    judged: Sequence[Clip],
    networks: dict[str, Path],
    rates_hz: Sequence[int],
    setting: Setting,
) -> dict[str, list[dict[str, Any]]]:
    """What a head says, by precision of the network that it follows, of clips that it has not learned from."""
    settings = PersonSettings(n_virtual=SHORT_VIRTUAL, epochs=1) if setting.short else PersonSettings()
    head = fit_people(known, list(networks.values()), PoseCache(Cache(setting.work / "cache"), 2), SEED, settings)
    path = setting.work / "falls"
    found: dict[str, list[dict[str, Any]]] = {}
    for precision, network in networks.items():
        _write(path, head, precision, network)
        found[precision] = _watched(path, judged)
    for rate_hz in rates_hz:
        _write(path, head, "int8", networks["int8"], rate_hz)
        found[f"{rate_hz}hz"] = _watched(path, judged)
    return found


def _write(path: Path, head: keras.Model, precision: str, network: Path, rate_hz: float | None = None) -> None:
    """The built-in bundle with another person head, which alone tells falls: the scene's head knows the clips."""
    builtin = Bundle.load(BUILTIN)
    shipped = builtin.spec.networks.people
    assert shipped is not None
    spec = shipped.model_copy(update={"precision": precision, "files": {"cpu": POSE_FILE}})
    if rate_hz is not None:
        looks = shipped.input.model_copy(update={"rate_hz": rate_hz})
        spec = spec.model_copy(update={"input": looks, "least_rate_hz": min(rate_hz, shipped.least_rate_hz)})
    people = PeopleNetwork(spec, {POSE_FILE: network.read_bytes()}, {})
    with_head, files = with_people(builtin, people, head)
    combine = with_head.combine | {FALL: {"person": 1.0}}
    write_bundle(with_head.model_copy(update={"combine": combine}), files, path, force=True)


def _watched(bundle: Path, clips: Sequence[Clip], held_s: float = 0.0) -> list[dict[str, Any]]:
    """When alerts of falls began in each clip."""
    return [
        {
            "clip": result.clip.name,
            "falls": result.clip.start_s(FALL) is not None,
            "start_s": result.clip.start_s(FALL) if result.clip.timed else None,
            "alerts_s": [round(alarm.position_s, 2) for alarm in result.alarms if alarm.label == FALL],
        }
        for result in watch_clips(bundle, clips, workers=2, held_s=held_s)
    ]


def figures(evidence: Evidence) -> Figures:
    """Counts, from the times of alerts."""
    folds, watched = evidence["folds"], evidence["watched"]
    found: Figures = {f"sets_{what}_{rate_hz}hz": None for rate_hz in RATES_HZ for what in ("found", "false")}
    delays_s: list[float] = []
    for seen, of_sets in folds[SETS].items():
        found[f"sets_found_{seen}"] = sum(_is_found(one) for one in of_sets)
        found[f"sets_false_{seen}"] = sum(_is_false(one) for one in of_sets if not one["falls"])
    for precision in PRECISIONS:
        left_out = [one for name, fold in folds.items() if name != SETS for one in fold[precision]]
        wrong = sum(not _is_found(one) if one["falls"] else _is_false(one) for one in left_out)
        found[f"subjects_wrong_{precision}"] = wrong if left_out else None
        delays_s = [_delay_s(one) for one in left_out if _is_found(one)] or delays_s
    research, as_is = _timed(watched[RESEARCH]), _timed(watched[f"{RESEARCH} as it is"])
    research_s = [_delay_s(one) for one in research if _is_found(one)]
    found |= lying_figures(evidence["lies"]["clips"])
    for heads, seen in evidence["overhead"].items():
        found[f"overhead_found_{heads}"] = sum(_is_found(one) for one in seen)
        found[f"overhead_false_{heads}"] = sum(_is_false(one) for one in seen if not one["falls"])
    return found | {
        "delay_s": statistics.median(delays_s) if delays_s else None,
        "urfd_found": sum(_is_found(one) for one in research),
        "urfd_false": sum(_is_false(one) for one in research if not one["falls"]),
        "urfd_early": sum(_is_false(one) and not _is_found(one) for one in research if one["falls"]),
        "urfd_delay_s": statistics.median(research_s) if research_s else None,
        "urfd_found_as_is": sum(_is_found(one) for one in as_is),
        "normal_false": sum(len(one["alerts_s"]) for one in watched["normal"]),
        "actions_false": sum(_is_false(one) for one in watched["action-samples"]),
    }


def _timed(seen: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with the times that were read by eye: `Fall/fall-01-cam0.mp4` is of the sequence `fall-01`."""
    return [
        one | {"start_s": SINKS_S["-".join(Path(one["clip"]).stem.split("-")[:2])]} if one["falls"] else one
        for one in seen
    ]


def _is_found(one: dict[str, Any]) -> bool:
    """Whether an alert came, and none before the fall."""
    least_s = 0.0 if one["start_s"] is None else one["start_s"] - EARLY_S
    return one["falls"] and bool(one["alerts_s"]) and min(one["alerts_s"]) >= least_s


def _is_false(one: dict[str, Any]) -> bool:
    return bool(one["alerts_s"])


def _delay_s(one: dict[str, Any]) -> float:
    return min(one["alerts_s"]) - one["start_s"]


PROOF = Proof(
    "falls",
    "falls found by bodies, on people and sets that the person head has not learned from",
    TABLE,
    measure,
    figures,
    of_bundle=True,
    short_keeps_limits=False,
)
