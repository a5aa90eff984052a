"""What a fall means: looks come every 0.2 s where nothing else is said."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.bundle import AlertSpec
from edge.events.alerts import Phase

STARTED, FOUND = ("started", None), ("started", "found_down")
GOT_UP, LEFT = ("ended", "got_up"), ("ended", "left")
UNSEEN, ANOTHER, STILL = ("updated", "unseen"), ("updated", "another"), ("updated", "still_down")
GOES_ON = ("updated", None)


@pytest.fixture
def fallen(room, who):
    """Make a room in which somebody stood, fell, and lies."""

    def make(**rules):
        hall = room(**rules)
        hall.during(3.0)
        hall.during(3.0, who.stands())
        hall.during(1.6, who.falls())
        hall.during(3.0, who.lies())
        assert hall.said() == [STARTED]
        return hall

    return make


def test_a_fall_lasts_as_long_as_somebody_lies_there(fallen, who):
    hall = fallen()
    hall.during(300.0, who.lies())
    assert {event.type for event in hall.events[1:]} == {"updated"}
    hall.during(3.0, who.stands())
    assert hall.said()[-1] == GOT_UP
    started, ended = hall.events[0], hall.events[-1]
    assert started.id == ended.id
    assert started.started_at == ended.started_at == "2026-03-01T12:00:06.200Z"  # of the first look that says so
    assert started.position_s == pytest.approx(6.6)  # 0.4 s after
    assert started.people == 1
    assert started.region is not None
    y0, x0, y1, x1 = started.region
    assert y0 < 0.8 < y1
    assert x0 < 0.5 < x1
    assert started.score == pytest.approx(0.95)
    assert ended.duration_s == pytest.approx(304.6)  # until the first look that sees it up
    assert ended.position_s is not None
    assert ended.position_s - 310.6 <= 1.0


def test_a_fall_takes_as_long_as_its_onset(room, who):
    hall = room()
    hall.during(2.0, who.stands(x=0.1))
    hall.during(2.0, who.stands())
    hall.during(0.4, who.falls())  # two looks, 0.2 s
    hall.during(5.0, who.stands())
    assert hall.events == []


def test_what_is_under_the_threshold_in_force_is_no_fall(room, who):
    hall = room()
    hall.machine = hall.machine.with_onset(0.95)
    hall.during(2.0, who.stands())
    hall.during(3.0, who.falls())
    assert hall.events == []
    hall.machine = hall.machine.with_onset(0.9)
    hall.during(3.0, who.falls())
    assert hall.said() == [STARTED]


def test_a_threshold_that_is_moved_ends_nothing(fallen, who):
    hall = fallen()
    for onset in (0.99, 0.1):
        hall.machine = hall.machine.with_onset(onset)
        hall.during(3.0, who.lies())
    assert hall.said() == [STARTED, GOES_ON]


def test_down_and_up_again_within_two_seconds_is_a_fall_too(room, who):
    hall = room()
    hall.during(2.0, who.stands())
    hall.during(1.6, who.falls())
    hall.during(3.0, who.stands())
    assert hall.said() == [STARTED, GOT_UP]
    assert hall.events[1].duration_s == pytest.approx(1.6)


@pytest.mark.parametrize(("x", "said"), [(0.9, [STARTED]), (0.99, [])])
def test_who_is_lost_at_the_picture_s_edge_may_have_left_it(room, who, x, said):
    hall = room()
    hall.during(2.0, who.stands(x=0.5))
    last = who.sits(x=x, says="falls", posture="nearly lying")
    hall.during(0.8, last)
    hall.during(2.0, last.but(lost=True))
    assert hall.said() == said


@pytest.mark.parametrize(("up_s", "said"), [(0.8, [STARTED, GOT_UP]), (0.4, [STARTED, UNSEEN])])
def test_who_got_up_and_walked_out_of_the_picture_has_got_up(fallen, who, up_s, said):
    hall = fallen()
    hall.during(up_s, who.stands())
    hall.during(4.0, who.stands(lost=True))
    assert hall.said() == said


def test_who_only_sits_up_has_not_got_up(fallen, who):
    hall = fallen()
    hall.during(60.0, who.sits())
    assert hall.events[-1].type == "updated"
    hall.during(2.0, who.stands())
    assert hall.said()[-1] == GOT_UP


def test_who_stands_by_the_posture_and_lies_by_the_head_has_not_got_up(fallen, who):
    hall = fallen()
    hall.during(30.0, who.stands().but(says="lies"))
    assert GOT_UP not in hall.said()


def test_a_moment_of_standing_is_an_error_of_the_network(fallen, who):
    hall = fallen()
    for _ in range(10):
        hall.during(0.4, who.stands())
        hall.during(1.0, who.lies())
    assert GOT_UP not in hall.said()


def test_who_sits_down_hard_and_does_not_lie_has_not_fallen(room, who):
    hall = room()
    hall.during(2.0, who.stands())
    hall.during(1.0, who.sits(says="falls"))
    hall.during(10.0, who.sits())
    hall.during(4.0, who.lies())
    assert hall.events == []


def test_who_seems_to_fall_and_lies_soon_after_has_fallen(room, who):
    hall = room()
    hall.during(2.0, who.stands())
    hall.during(1.0, who.sits(says="falls"))
    hall.during(0.6, who.sits())
    assert hall.events == []
    hall.during(1.0, who.lies())
    assert hall.said() == [STARTED]
    assert hall.events[0].position_s == pytest.approx(4.0)


def test_who_is_flat_for_a_moment_has_not_fallen(room, who):
    hall = room()
    hall.during(2.0, who.stands())
    hall.during(0.8, who.sits(says="falls"))
    hall.look(who.falls())
    hall.during(3.0, who.stands())
    assert hall.events == []


@pytest.mark.parametrize(
    ("posture", "found", "said"),
    [
        ("nearly lying", None, [STARTED]),
        ("sitting", None, []),
        ("nearly lying", 0.5, []),
        ("nearly lying", 0.0, [STARTED]),
    ],
)
def test_who_is_lost_as_he_comes_to_lie_has_fallen(room, who, posture, found, said):
    hall = room()
    hall.during(2.0, who.stands(x=0.4))
    hall.during(0.8, who.sits(says="falls"))
    last = who.sits(says="falls", posture=posture)
    hall.look(last)
    hall.look(last.but(lost=True))
    assert hall.events == []
    others = () if found is None else (who.stands(2, x=found),)
    hall.during(2.0, last.but(lost=True), *others)
    assert hall.said() == said
    hall.during(30.0, last.but(lost=True), *others)
    assert {event.type for event in hall.events[1:]} <= {"updated"}
    if said:
        assert hall.said()[1] == UNSEEN


@pytest.mark.parametrize("posture", ["upright", "sitting"])  # in a wheelchair
def test_who_is_seen_going_has_left(fallen, who, posture):
    hall = fallen()
    for x in np.linspace(0.5, 1.0, 15):
        hall.look(who.sits(x=x, posture=posture, says="lies" if posture == "upright" else "neither"))
    hall.during(1.0, who.sits(x=1.0, posture=posture))
    assert hall.said() == [STARTED, LEFT]


def test_who_crawls_away_still_lies(fallen, who):
    hall = fallen()
    for x in np.linspace(0.5, 0.9, 40):
        hall.look(who.lies(x=x))
    hall.during(3.0, who.lies(x=0.9))
    assert LEFT not in hall.said()
    hall.during(2.0, who.stands(x=0.9))
    assert hall.said()[-1] == GOT_UP
    assert hall.events[-1].region[1] > 0.6


def test_who_comes_to_lie_in_a_rest_zone_is_not_on_the_floor_any_more(fallen, who):
    hall = fallen(rest_zones=[[(0.7, 0.5), (1.0, 0.5), (1.0, 1.0), (0.7, 1.0)]])
    hall.during(1.0, who.lies(x=0.65))
    hall.during(2.0, who.lies(x=0.8))
    assert hall.said() == [STARTED]
    hall.during(2.0, who.lies(x=0.8))
    assert hall.said() == [STARTED, LEFT]


def test_a_body_that_the_network_loses_is_still_there_and_that_is_said_once_a_loss(fallen, who):
    hall = fallen()
    lying = who.lies()
    hall.during(60.0, lying.but(lost=True))
    hall.during(60.0, unseen=(lying,))  # its track is given up
    assert hall.said()[1:].count(UNSEEN) == 1
    assert {event.type for event in hall.events[1:]} == {"updated"}
    hall.during(3.0, who.lies(2))
    hall.during(10.0, who.lies(2, lost=True))
    assert hall.said().count(UNSEEN) == 2
    assert ANOTHER not in hall.said()
    hall.during(2.0, who.stands(2))
    assert hall.said()[-1] == GOT_UP


def test_a_body_that_is_lost_for_a_moment_is_not_unseen(fallen, who):
    hall = fallen()
    for _ in range(10):
        hall.during(2.0, who.lies(lost=True))
        hall.during(0.4, who.lies())
    assert UNSEEN not in hall.said()


def test_looks_at_which_nobody_looked_lose_nobody(fallen, who):
    hall = fallen()
    hall.during(5.0, who.lies(), looks=False)
    assert hall.said() == [STARTED]
    hall.during(2.0, who.stands())
    assert hall.said() == [STARTED, GOT_UP]


def test_a_place_that_looks_as_before_is_left(fallen, who):
    hall = fallen()
    hall.during(5.0, who.lies(lost=True))
    assert hall.said() == [STARTED, UNSEEN]
    hall.during(3.0)
    assert hall.said() == [STARTED, UNSEEN, GOES_ON, LEFT]


@pytest.mark.parametrize("light", [-30.0, 40.0])
def test_a_lamp_hides_nobody_and_is_no_body(fallen, who, light):
    hall = fallen()
    hall.light = light
    hall.during(20.0, unseen=(who.lies(),))
    assert hall.said() == [STARTED, UNSEEN, GOES_ON]
    hall.during(3.0)
    assert hall.said()[-1] == LEFT


def test_a_body_that_looks_like_the_floor_has_not_left(fallen, who):
    hall = fallen()
    hall.state = hall.machine.initial_state()
    hall.events.clear()
    hall.during(3.0)
    for doing, seconds in ((who.stands(2), 3.0), (who.falls(2), 1.6), (who.lies(2), 3.0)):
        for _ in range(round(seconds / hall.period_s)):
            hall.look(doing, drawn=False)
    hall.during(60.0)
    assert hall.said()[0] == STARTED
    assert LEFT not in hall.said()


def test_somebody_who_stands_where_another_lies_unseen_has_not_got_up(fallen, who):
    hall = fallen()
    lying = who.lies()
    hall.during(5.0, lying.but(lost=True))
    for x in np.linspace(0.1, 0.5, 20):
        hall.look(lying.but(lost=True), who.stands(2, x=x))
    hall.during(10.0, lying.but(lost=True), who.stands(2))
    hall.during(10.0, lying.but(lost=True), who.lies(2).but(says="neither"))  # on all fours, beside the other
    hall.during(10.0, lying.but(lost=True), who.stands(2))
    assert {event.type for event in hall.events[1:]} == {"updated"}
    hall.during(3.0, who.stands(), who.stands(2, x=0.6))
    assert hall.said()[-1] == GOT_UP


def test_a_track_that_was_somebody_elses_may_go_on_with_the_body_that_lies(fallen, who):
    hall = fallen(rest_zones=[])
    hall.during(2.0, who.lies(), who.stands(2, x=0.1))
    hall.during(2.0, who.lies(lost=True), who.stands(2, x=0.4))
    hall.during(30.0, who.lies(lost=True), who.lies(2))  # tracks were exchanged
    assert ANOTHER not in hall.said()
    hall.during(2.0, who.lies(lost=True), who.stands(2))
    assert hall.said()[-1] == GOT_UP


def test_who_gets_up_after_his_track_was_given_up_has_got_up(fallen, who):
    hall = fallen()
    hall.during(70.0, unseen=(who.lies(),))
    hall.during(1.0, who.sits(2))
    hall.during(2.0, who.stands(2))
    assert hall.said()[-1] == GOT_UP


def test_another_fall_is_an_update_and_the_end_comes_with_the_last(fallen, who):
    hall = fallen()
    hall.during(2.0, who.lies(), who.stands(2, x=0.1))
    hall.during(1.6, who.lies(), who.falls(2, x=0.15))
    assert hall.said() == [STARTED, ANOTHER]
    region = hall.events[1].region
    assert region is not None
    assert region[1] < 0.15 < region[3]
    assert hall.events[1].people == 2
    assert hall.events[1].id == hall.events[0].id
    hall.during(1.0, who.lies(), who.lies(2, x=0.15))
    hall.during(5.0, who.stands(), who.lies(2, x=0.15))
    assert hall.said()[1:] == [ANOTHER, GOES_ON]
    hall.during(2.0, who.stands(), who.stands(2, x=0.15))
    assert hall.said()[-1] == GOT_UP


def test_updates_grow_rarer(fallen, who):
    hall = fallen()
    hall.period_s = 1.0
    hall.during(1900.0, who.lies())
    told_s = hall.events[0].position_s
    after_s = [event.position_s - told_s for event in hall.events[1:]]
    assert after_s == [pytest.approx(s, abs=1.0) for s in (10.0, 60.0, 600.0, 1200.0, 1800.0)]
    assert all(event.reason is None for event in hall.events)


def test_who_falls_again_within_the_refractory_time_is_told_after_it(fallen, who):
    hall = fallen()
    hall.during(2.0, who.stands())
    hall.during(1.6, who.falls())
    assert hall.said() == [STARTED, GOT_UP]
    hall.during(6.0, who.lies())
    assert hall.said() == [STARTED, GOT_UP, STARTED]
    ended, again = hall.events[1:]
    assert again.position_s - ended.position_s == pytest.approx(5.0, abs=0.2)
    assert again.duration_s > 3.0
    assert again.id > ended.id


@pytest.mark.parametrize("period_s", [0.1, 0.35])
def test_looks_may_lie_further_apart(room, who, period_s):
    hall = room(period_s=period_s)
    hall.during(3.0, who.stands())
    hall.during(1.6, who.falls())
    hall.during(20.0, who.lies())
    hall.during(3.0, who.stands())
    assert hall.said() == [STARTED, GOES_ON, GOT_UP]


def test_a_gap_proves_no_fall_and_ends_none(room, who):
    hall = room()
    hall.during(2.0, who.stands())
    hall.look(who.falls())
    hall.now_s += 1.2
    hall.look(who.falls())
    hall.look(who.lies())
    assert hall.events == []
    hall.during(1.0, who.falls())
    assert hall.said() == [STARTED]
    hall.now_s += 3600
    hall.look(who.stands())
    hall.now_s += 1.2
    hall.look(who.stands())
    assert {event.type for event in hall.events[1:]} <= {"updated"}
    hall.during(1.0, who.stands())
    assert hall.said()[-1] == GOT_UP


@pytest.mark.parametrize("track", [1, 2], ids=["the same track", "another"])
def test_who_is_lost_while_falling_and_found_lying_has_fallen(room, who, track):
    hall = room()
    hall.during(2.0, who.stands(x=0.3))
    hall.during(1.0, who.stands())
    hall.look(who.stands(says="falls"))
    hall.during(0.6, who.stands(says="falls", lost=True))
    still_lost = () if track == 1 else (who.stands(says="falls", lost=True),)
    hall.during(1.2, who.lies(track, x=0.6), *still_lost)
    hall.during(5.0, who.lies(track, x=0.6))
    assert hall.said() == [STARTED]
    assert hall.events[0].started_at == "2026-03-01T12:00:03.200Z"


@pytest.mark.parametrize(
    ("says", "x", "lost_s"),
    [("neither", 0.6, 0.6), ("falls", 1.0, 0.6), ("falls", 0.6, 3.0)],
    ids=["walks", "far", "late"],
)
def test_who_is_lost_and_lies_there_need_not_have_fallen(room, who, says, x, lost_s):
    hall = room()
    hall.during(2.0, who.stands(x=0.3))
    hall.during(1.0, who.stands())
    hall.look(who.stands(says=says))
    hall.during(lost_s, who.stands(says=says, lost=True))
    hall.during(1.2, who.lies(2, x=x), who.stands(says=says, lost=True))
    hall.during(5.0, who.lies(2, x=x))
    assert hall.events == []


def test_a_coat_cannot_fall(room, who):
    hall = room()
    hall.during(5.0, who.stands(says="falls"))
    assert hall.events == []


BED = [[(0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0)]]


def test_who_falls_into_a_bed_rests(room, who):
    hall = room(rest_zones=BED)
    hall.during(2.0, who.stands(x=0.2))
    hall.during(1.0, who.stands(x=0.45))
    hall.during(0.6, who.stands(x=0.46, says="falls", speed=1.5))
    hall.during(1.0, who.falls(x=0.6))
    hall.during(60.0, who.lies(x=0.6))
    assert hall.events == []


def test_who_falls_out_of_a_bed_falls(room, who):
    hall = room(rest_zones=BED)
    hall.during(5.0, who.lies(x=0.6))
    hall.during(0.6, who.falls(x=0.55, speed=1.5))
    hall.during(1.0, who.falls(x=0.4))
    assert hall.said() == [STARTED]


def test_who_falls_beside_a_bed_falls(room, who):
    hall = room(rest_zones=BED)
    hall.during(2.0, who.stands(x=0.2))
    hall.during(1.0, who.stands(x=0.4))
    hall.during(1.6, who.falls(x=0.4))
    assert hall.said() == [STARTED]


def test_an_end_of_file_starts_nothing(room, who):
    hall = room(rest_zones=[])
    hall.during(2.0, who.stands())
    hall.during(0.4, who.falls())
    hall.closed("end of file")
    assert hall.events == []


def test_an_end_of_file_ends_what_goes_on(fallen):
    hall = fallen()
    hall.closed("end of file")
    assert hall.said() == [STARTED, ("ended", "end of file")]


def test_a_state_that_is_taken_up_goes_on_as_it_would_have(room, who):
    script = [who.stands(), who.falls(), who.lies(), who.lies(lost=True), who.stands()]
    halls = [room(rest_zones=[], still_down_s=3.0) for _ in range(2)]
    for doing in script:
        for _ in range(20):
            for hall in halls:
                hall.look(doing)
            halls[1].machine = room(rest_zones=[], still_down_s=3.0).machine
    assert halls[0].said() == halls[1].said()
    assert halls[0].said()[0] == STARTED
    assert halls[1].state.phase is Phase.REFRACTORY


def test_without_an_interval_updates_come_at_each_look(room, who):
    hall = room(spec=AlertSpec(update_interval_s=0.0))
    hall.during(1.0, who.stands())
    hall.during(1.6, who.falls())
    assert hall.said() == [STARTED] + [GOES_ON] * 5


DOINGS = st.tuples(
    st.sampled_from(["stands", "sits", "falls", "lies", "is lost", "is gone"]), st.sampled_from([0.2, 0.5, 0.8])
)
MOMENTS = st.tuples(
    st.lists(DOINGS, min_size=2, max_size=2),
    st.sampled_from([0.2, 1.0, 4.0]),  # seconds
    st.sampled_from([None, 0.1, 0.9]),  # of the scene
    st.sampled_from(["looks", "looks", "looks", "rests", "gap", "jump", "close", "deny"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MOMENTS, max_size=12), st.sampled_from([None, [], BED]))
def test_every_history_keeps_the_contract(room, who, moments, zones):
    hall = room(rest_zones=zones, still_down_s=3.0, found_down_s=3.0)
    for doings, seconds, scene, happening in moments:
        present = []
        for track, (doing, x) in enumerate(doings, 1):
            if doing == "is lost" and track in hall.tracks:
                present.append(who.stands(track, x=x, lost=True))
            elif not doing.startswith("is "):
                present.append(getattr(who, doing)(track, x=x))
        hall.now_s += 9.0 if happening == "gap" else 0.0
        hall.picture = (hall.picture + 1) % 2 if happening == "jump" else hall.picture
        hall.during(seconds, *present, scene=scene, looks=happening != "rests")
        if happening == "close":
            hall.closed("lost")
        if happening == "deny":
            hall.acknowledged(hall.state.id)
    hall.closed("end of file")
    active = None
    for event in hall.events:
        assert 0 <= event.score <= event.peak_score <= 1
        assert event.duration_s >= 0
        assert (event.ended_at is None) == (event.type != "ended")
        if event.type == "started":
            assert active is None
            active = event
        assert active is not None
        assert (event.id, event.started_at) == (active.id, active.started_at)
        active = None if event.type == "ended" else active
    assert active is None
    started = [event.id for event in hall.events if event.type == "started"]
    assert len(set(started)) == len(started)
