"""What is said of a camera, moment by moment."""

from dataclasses import replace

import pytest

from edge.cameras.condition import Condition, Facts, condition_of

OK = Condition("ok")
SEEN = Facts(now_s=100.0, begun_s=0.0, frame_s=99.9, camera_share=1.1, judged_share=1.1)
NEW = Facts(now_s=2.0, begun_s=0.0)


@pytest.mark.parametrize(
    ("facts", "before", "expected"),
    [
        (SEEN, OK, OK),
        (NEW, Condition("starting"), Condition("starting")),
        (replace(NEW, fault="refused", cannot_open=True), Condition("starting"), Condition("lost", "refused")),
        # A server that takes us and is silent:
        (replace(NEW, now_s=5.0), Condition("starting"), Condition("lost", "no answer for 5 s")),
        # Opening is tried again:
        (replace(NEW, now_s=4.0), Condition("lost", "refused"), Condition("lost", "refused")),
        # A short break is not worth a word:
        (replace(SEEN, frame_s=97.0, fault="gone"), OK, OK),
        (replace(SEEN, frame_s=97.0, fault="refused", cannot_open=True), OK, Condition("lost", "refused")),
        (replace(SEEN, frame_s=95.0), OK, Condition("stalled", "no picture for 5 s")),
        (replace(SEEN, frozen_s=5.0), OK, Condition("stalled", "its picture has not changed for 5 s")),
        # It is back:
        (SEEN, Condition("stalled", "no picture for 5 s"), OK),
        (SEEN, Condition("lost", "refused"), OK),
        (replace(SEEN, ended=True), OK, Condition("lost", "end of file")),
        (replace(SEEN, blind="is covered"), OK, Condition("blind", "the camera is covered")),
        (replace(SEEN, blind="is covered", moving=True), OK, Condition("blind", "the camera is covered")),
        (
            replace(SEEN, moving=True, judged_share=0.8),
            OK,
            Condition("moving", "the camera itself moves: violence is not told meanwhile, falls are"),
        ),
        # Too little is known of its rate:
        (replace(SEEN, camera_share=None, judged_share=None), OK, OK),
    ],
)
def test_states(facts, before, expected):
    assert condition_of(facts, before) == expected


def test_slow_says_whose_fault_it_is():
    of_camera = condition_of(replace(SEEN, camera_share=0.8, judged_share=0.8), OK)
    of_machine = condition_of(replace(SEEN, judged_share=0.8), OK)
    assert of_camera == Condition("slow", "below target rate: the camera gives too few pictures")
    assert of_machine == Condition("slow", "below target rate: this machine is too slow for all its cameras")


def test_slow_does_not_flap():
    shares = [1.1, 0.98, 1.02, 0.99, 1.02, 1.06, 1.02]
    states, condition = [], OK
    for share in shares:
        condition = condition_of(replace(SEEN, judged_share=share), condition)
        states.append(condition.state)
    assert states == ["ok", "slow", "slow", "slow", "slow", "ok", "ok"]
