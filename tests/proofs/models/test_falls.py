"""Figures of the proof of falls, from clips few enough to count by hand."""

from typing import Any

import pytest

from edge.sources.file import read_header
from proofs.models.falls import PROOF, figures
from proofs.models.urfd import SINKS_S

FIRST, THIRD, ADL = "Fall/fall-01-cam0.mp4", "Fall/fall-03-cam0.mp4", "ADL/adl-01-cam0.mp4"


def seen(clip: str, *alerts_s: float, falls: bool = False, start_s: float | None = None) -> dict[str, Any]:
    return {"clip": clip, "falls": falls, "start_s": start_s, "alerts_s": list(alerts_s)}


def evidence(own: list[dict[str, Any]], held: list[dict[str, Any]], as_is: list[dict[str, Any]]) -> dict[str, Any]:
    fold = {"float32": own, "int8": own}
    watched = {"urfd": held, "urfd as it is": as_is, "normal": [seen("vtest.avi")], "action-samples": [seen("a.avi")]}
    overhead = {
        "both": [seen("fall-0.mp4", 2.0, falls=True, start_s=1.0), seen("sit-1.mp4", 1.0)],
        "bodies": [seen("fall-0.mp4", falls=True, start_s=1.0), seen("sit-1.mp4")],
    }
    folds = {"sets": fold, "Subject 1": fold}
    return {"folds": folds, "watched": watched, "overhead": overhead, "lies": {"clips": []}}


def test_every_fall_of_urfd_has_a_time():
    assert sorted(SINKS_S) == [f"fall-{number:02d}" for number in range(1, 31)]


def test_the_times_lie_within_the_clips(data_dir):
    folder = data_dir / "urfd" / "Fall"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    for name, start_s in SINKS_S.items():
        header = read_header(folder / f"{name}-cam0.mp4")
        assert 0 < start_s < header.n_frames / header.rate_hz - 0.5, name


def test_an_alert_before_the_body_begins_to_sink_is_none_of_the_fall():
    held = [seen(FIRST, SINKS_S["fall-01"] - 0.4, falls=True), seen(THIRD, SINKS_S["fall-03"] + 0.9, falls=True)]
    found = figures(evidence([], held, held[:1]))
    assert (found["urfd_found"], found["urfd_early"], found["urfd_found_as_is"]) == (1, 1, 0)
    assert found["urfd_delay_s"] == pytest.approx(0.9)


def test_an_alert_a_little_before_it_is_as_good_as_the_reading():
    found = figures(evidence([], [seen(FIRST, SINKS_S["fall-01"] - 0.2, falls=True)], []))
    assert (found["urfd_found"], found["urfd_early"]) == (1, 0)


def test_a_true_alert_does_not_redeem_an_early_one():
    own = [seen("Subject 1/Fall/1.mp4", 0.5, 4.0, falls=True, start_s=3.0)]
    held = [seen(FIRST, 0.5, SINKS_S["fall-01"] + 0.5, falls=True)]
    found = figures(evidence(own, held, held))
    assert (found["sets_found_int8"], found["subjects_wrong_int8"], found["delay_s"]) == (0, 1, None)
    assert (found["urfd_found"], found["urfd_early"], found["urfd_delay_s"]) == (0, 1, None)


def test_falls_and_false_alerts_are_counted():
    own = [
        seen("Subject 1/Fall/1.mp4", 4.0, falls=True, start_s=3.0),
        seen("Subject 1/Fall/2.mp4", 4.5, falls=True, start_s=3.0),
        seen("Subject 1/Fall/3.mp4", falls=True, start_s=3.0),
        seen("Subject 1/ADL/1.mp4", 2.0, 9.0),
        seen("Subject 1/ADL/2.mp4"),
    ]
    held = [seen(FIRST, 3.5, falls=True), seen(THIRD, falls=True), seen(ADL, 1.0)]
    found = figures(evidence(own, held, [seen(FIRST, falls=True)]))
    assert (found["sets_found_int8"], found["sets_false_int8"], found["subjects_wrong_int8"]) == (2, 1, 2)
    assert found["delay_s"] == pytest.approx(1.25)
    assert [found[f"overhead_{what}_{heads}"] for heads in ("both", "bodies") for what in ("found", "false")] == [
        1,
        1,
        0,
        0,
    ]
    assert (found["sets_found_3hz"], found["sets_false_3hz"]) == (None, None)
    assert (found["urfd_found"], found["urfd_false"], found["urfd_found_as_is"]) == (1, 1, 0)
    assert (found["normal_false"], found["actions_false"]) == (0, 0)
    assert {row.name for row in PROOF.table} == set(found)
