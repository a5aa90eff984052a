"""Falls that nobody saw, or that somebody denies: looks come every 0.2 s where nothing else is said."""

import pytest

from edge.bundle import AlertSpec

STARTED, FOUND = ("started", None), ("started", "found_down")
GOT_UP, LEFT, QUIET = ("ended", "got_up"), ("ended", "left"), ("ended", None)
UNSEEN, ANOTHER, STILL = ("updated", "unseen"), ("updated", "another"), ("updated", "still_down")
FALSE = ("ended", "false_alarm")
GOES_ON = ("updated", None)
BED = [[(0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0)]]


@pytest.fixture
def fallen(room, who):
    def make(seconds: float = 3.0, **rules):
        hall = room(**rules)
        hall.during(2.0, who.stands())
        hall.during(1.6, who.falls())
        hall.during(seconds, who.lies())
        assert hall.said()[:1] == [STARTED]
        return hall

    return make


# Found down


def test_who_lies_still_for_long_is_found(room, who):
    hall = room(rest_zones=[])
    hall.during(20.0, who.lies(jitter=0.03))
    assert hall.events == []
    hall.during(0.4, who.lies(jitter=0.03))
    assert hall.said() == [FOUND]
    (started,) = hall.events
    assert started.duration_s == pytest.approx(20.0, abs=0.4)
    assert started.region is not None
    assert (started.people, started.score) == (1, pytest.approx(0.95))
    hall.during(60.0, who.lies())
    hall.during(2.0, who.stands())
    assert hall.said() == [FOUND, GOES_ON, GOES_ON, GOT_UP]


def test_how_long_is_a_rule(room, who):
    hall = room(rest_zones=[], found_down_s=5.0)
    hall.during(5.4, who.lies())
    assert hall.said() == [FOUND]


def test_nobody_is_found_where_nobody_has_said_where_people_rest(room, who):
    hall = room(rest_zones=None)
    hall.during(120.0, who.lies())
    assert hall.events == []


def test_who_rests_in_a_zone_is_not_found(room, who):
    hall = room(rest_zones=BED)
    hall.during(60.0, who.lies(x=0.7))
    assert hall.events == []
    hall.during(20.4, who.lies(x=0.7), who.lies(2, x=0.3))
    assert hall.said() == [FOUND]


def test_who_turns_over_is_not_still(room, who):
    hall = room(rest_zones=[])
    for k in range(6):
        hall.during(15.0, who.lies(x=0.5 + 0.05 * (k % 2)))
    assert hall.events == []


def test_who_moves_an_arm_is_not_still(room, who):
    hall = room(rest_zones=[])
    for k in range(6):
        hall.during(15.0, who.lies(arm=0.3 * (k % 2)))
    assert hall.events == []


@pytest.mark.parametrize(
    ("posture", "says"),
    [("sitting", "lies"), ("upright", "lies"), ("lying", "neither")],
    ids=["sits", "stands", "kneels"],
)
def test_who_lies_by_posture_or_head_alone_is_not_found(room, who, posture, says):
    hall = room(rest_zones=[])
    hall.during(60.0, who.lies(posture=posture, says=says))
    assert hall.events == []


def test_who_kneels_in_between_lies_anew(room, who):
    hall = room(rest_zones=[])
    hall.during(15.0, who.lies())
    hall.during(2.0, who.lies(says="neither"))
    hall.during(15.0, who.lies())
    assert hall.events == []


def test_a_coat_and_a_poster_are_nobody(room, who):
    hall = room(rest_zones=[])
    hall.during(60.0, who.stands(1, x=0.2), who.sits(2, x=0.7))
    assert hall.events == []
    hall.during(21.0, who.stands(1, x=0.2), who.sits(2, x=0.7), who.lies(3))
    assert hall.said() == [FOUND]
    assert hall.events[0].people == 1


def test_who_is_lost_for_a_while_lies_on(room, who):
    hall = room(rest_zones=[])
    for _ in range(7):
        hall.during(2.0, who.lies())
        hall.during(1.0, who.lies(lost=True))
    hall.during(1.0, who.lies())
    assert hall.said() == [FOUND]


def test_looks_every_five_seconds_are_enough_to_be_found(room, who):
    hall = room(rest_zones=[], period_s=5.0)
    hall.during(30.0, who.lies())
    assert hall.said() == [FOUND]


def test_a_gap_proves_no_stillness(room, who):
    hall = room(rest_zones=[])
    hall.during(15.0, who.lies())
    hall.now_s += 60.0
    hall.during(15.0, who.lies())
    assert hall.events == []


def test_who_is_found_while_another_lies_is_another(fallen, who):
    hall = fallen(rest_zones=[])
    hall.during(25.0, who.lies(), who.lies(2, x=0.1))
    assert hall.said() == [STARTED, GOES_ON, ANOTHER]


# Still down


def test_who_does_not_move_is_told_once(fallen, who):
    hall = fallen(still_down_s=30.0)
    hall.during(120.0, who.lies(jitter=0.03))
    assert hall.said().count(STILL) == 1
    still = next(event for event in hall.events if event.reason == "still_down")
    assert still.position_s == pytest.approx(2.0 + 30.0, abs=1.0)  # since it came to rest


def test_who_moves_is_told_later(fallen, who):
    hall = fallen(still_down_s=30.0)
    hall.during(20.0, who.lies())
    hall.during(1.0, who.lies(arm=0.4))
    hall.during(25.0, who.lies())
    assert STILL not in hall.said()
    hall.during(10.0, who.lies())
    assert hall.said().count(STILL) == 1


def test_what_moves_beside_a_body_is_not_the_body(fallen, who):
    hall = fallen(still_down_s=30.0)
    for k in range(200):
        hall.look(who.lies(), who.stands(2, x=0.45 + 0.1 * (k % 10) / 10))
    assert STILL in hall.said()


def test_a_lost_body_is_still_unless_something_moves_there(fallen, who):
    hall = fallen(still_down_s=30.0)
    lying = who.lies()
    for k in range(150):
        hall.look(unseen=(lying.but(x=0.5 + 0.02 * (k // 20 % 2)),))
    assert STILL not in hall.said()
    hall.during(31.0, unseen=(lying,))
    assert STILL in hall.said()


def test_nobody_is_still_where_nobody_asked(fallen, who):
    hall = fallen()
    hall.during(300.0, who.lies())
    assert STILL not in hall.said()


# Said to be none


def test_who_was_said_to_be_no_alarm_is_ignored_until_he_moves(fallen, who):
    hall = fallen(rest_zones=[])
    hall.acknowledged(hall.events[0].id)
    assert hall.said() == [STARTED, FALSE]
    hall.during(60.0, who.lies(jitter=0.03))
    hall.during(5.0, who.falls())
    hall.during(5.0, who.lies(lost=True))
    hall.during(60.0, who.lies(2))  # which had another track
    assert hall.said() == [STARTED, FALSE]
    hall.during(21.0, who.lies(2, x=0.65))
    assert hall.said() == [STARTED, FALSE, FOUND]


def test_who_was_said_to_be_no_alarm_and_gets_up_may_fall_again(fallen, who):
    hall = fallen()
    hall.acknowledged(hall.events[0].id)
    hall.during(10.0, who.lies())
    hall.during(2.0, who.stands())
    hall.during(1.0, who.falls())
    assert hall.said() == [STARTED, FALSE, STARTED]


def test_who_was_said_to_be_no_alarm_is_ignored_after_a_reconnection_whatever_his_track(fallen, who):
    hall = fallen(rest_zones=[])
    hall.acknowledged(hall.events[0].id)
    hall.closed("lost")
    hall.tracks.clear()
    hall.during(10.0, who.stands(1, x=0.1), who.lies(2))
    hall.during(30.0, who.stands(1, x=0.1), who.lies(2))
    assert hall.said() == [STARTED, FALSE]


def test_who_gets_up_towards_the_camera_is_ignored_no_more(room, who):
    hall = room()
    hall.during(2.0, who.stands(y=0.93))
    hall.during(1.6, who.falls(y=0.6))
    hall.acknowledged(hall.events[0].id)
    hall.during(10.0, who.lies(y=0.6))
    hall.during(2.0, who.stands(y=0.93))  # the middle of the torso is where it was
    hall.during(1.0, who.falls(y=0.6))
    assert hall.said() == [STARTED, FALSE, STARTED]


def test_another_who_falls_where_one_was_said_to_be_no_alarm_falls(fallen, who):
    hall = fallen()
    hall.acknowledged(hall.events[0].id)
    hall.during(10.0)
    hall.during(1.0, who.stands(2, x=0.1))
    hall.during(1.0, who.stands(2))
    hall.during(1.0, who.falls(2))
    assert hall.said() == [STARTED, FALSE, STARTED]


def test_only_the_event_that_is_meant_ends(fallen, who):
    hall = fallen()
    hall.acknowledged("0" * 26)
    hall.during(1.0, who.lies())
    assert hall.said() == [STARTED]


# Told again


@pytest.mark.parametrize("zones", [None, []])
def test_who_lies_after_the_watching_was_interrupted_is_told_again(fallen, who, zones):
    hall = fallen(rest_zones=zones)
    hall.closed("lost")
    assert hall.said() == [STARTED, ("ended", "lost")]
    hall.now_s += 100
    hall.during(1.2, who.lies(2))
    assert hall.said() == [STARTED, ("ended", "lost"), FOUND]
    assert hall.events[2].id != hall.events[0].id
    hall.during(2.0, who.stands(2))
    assert hall.said()[-1] == GOT_UP


def test_a_reconnection_within_the_refractory_time_tells_it_at_once(fallen, who):
    hall = fallen()
    hall.closed("lost")
    hall.during(1.2, who.lies(2))
    assert hall.said() == [STARTED, ("ended", "lost"), FOUND]


def test_who_lies_after_a_restart_is_told_again(room, who):
    hall = room(was_down=True)
    hall.during(1.2, who.lies(1, x=0.2), who.lies(2, x=0.8))
    assert hall.said() == [FOUND]
    hall.during(2.0, who.stands(1, x=0.2), who.lies(2, x=0.8))
    assert hall.said() == [FOUND]


def test_who_lay_in_a_zone_is_not_told_again(room, who):
    hall = room(was_down=True, rest_zones=BED)
    hall.during(9.0, who.lies(x=0.7))
    assert hall.events == []


def test_after_the_first_looks_nobody_is_told_again(room, who):
    hall = room(was_down=True)
    hall.during(11.0, who.stands())
    hall.during(60.0, who.lies())
    assert hall.events == []


def test_nobody_is_told_again_where_nobody_lay(room, who):
    hall = room()
    hall.during(3.0, who.stands())
    hall.closed("lost")
    hall.during(15.0, who.lies())
    assert hall.events == []


def test_who_was_said_to_be_no_alarm_is_not_told_again(fallen, who):
    hall = fallen()
    hall.closed("stopped")
    hall.acknowledged(hall.events[0].id)
    hall.during(5.0, who.lies())
    assert hall.said() == [STARTED, ("ended", "stopped")]


# By the scene alone


def test_what_the_scene_alone_tells_lasts_as_its_score(room):
    hall = room(restless=True)
    for seconds, score in ((2.0, 0.1), (2.0, 0.9), (1.0, 0.5), (3.0, 0.1)):
        hall.during(seconds, scene=score)
    assert hall.said() == [STARTED, QUIET]
    started, ended = hall.events
    assert (started.region, started.people) == (None, 0)
    assert started.score == pytest.approx(0.9)
    assert started.position_s == pytest.approx(2.6)
    assert ended.duration_s == pytest.approx(3.0)
    assert ended.position_s == pytest.approx(2.2 + 3.0 + 2.0)


def test_of_an_empty_room_the_scene_knows_nothing_of_who_comes_in(room, who):
    hall = room(period_s=5.0)
    hall.during(60.0, scene=0.1)
    hall.period_s, hall.restless = 0.2, True
    hall.during(0.6, scene=0.9)
    assert hall.events == []
    hall.during(3.0, who.stands(), scene=0.9)
    assert hall.events == []


def test_between_the_scenes_scores_nothing_ends(room):
    hall = room(restless=True)
    for _ in range(25):
        hall.look(scene=0.9)
        hall.look()
        hall.look()
    assert hall.said() == [STARTED, GOES_ON]


def test_a_gap_between_the_scenes_scores_proves_nothing(room):
    hall = room(restless=True)
    hall.during(2.0, scene=0.1)
    hall.look(scene=0.9)
    hall.now_s += 1.2
    hall.look(scene=0.9)
    assert hall.events == []
    hall.during(1.0, scene=0.9)
    assert hall.said() == [STARTED]
    hall.look(scene=0.1)
    hall.now_s += 60.0
    hall.look(scene=0.1)
    assert QUIET not in hall.said()
    hall.during(2.2, scene=0.1)
    assert hall.said()[-1] == QUIET


def test_a_body_that_lies_takes_over(room, who):
    hall = room(restless=True)
    hall.during(2.0, who.stands(), scene=0.1)
    hall.during(2.0, who.stands(lost=True), scene=0.9)
    hall.during(2.0, who.lies(2), scene=0.9)
    hall.during(8.0, who.lies(2), scene=0.1)
    assert hall.said() == [STARTED, GOES_ON]
    assert hall.events[-1].region is not None
    hall.during(2.0, who.stands(2), scene=0.1)
    assert hall.said() == [STARTED, GOES_ON, GOT_UP]


def test_once_a_body_took_over_the_scenes_score_says_nothing_more(room, who):
    hall = room(spec=AlertSpec(refractory_s=1.0), restless=True)
    hall.during(2.0, who.stands(), scene=0.1)
    hall.during(2.0, who.stands(lost=True), scene=0.9)
    hall.during(2.0, who.lies(2), scene=0.9)
    hall.during(6.0, who.stands(2), scene=0.9)
    assert hall.said() == [STARTED, GOT_UP]


def test_where_bodies_are_found_the_scene_tells_nothing(room, who):
    hall = room(restless=True)
    hall.look(who.stands(x=0.2), scene=0.1)
    hall.during(5.0, who.stands(), scene=0.1)
    hall.during(5.0, who.sits(), scene=0.9)
    assert hall.events == []
    hall.during(1.0, who.sits(lost=True), scene=0.9)
    assert hall.events == []
    hall.during(1.6, who.sits(lost=True), scene=0.9)
    assert hall.said() == [STARTED]


def test_where_a_body_is_found_now_and_then_the_scene_tells_a_fall(room, who):
    hall = room(restless=True)
    for scene in [0.1] * 8 + [0.9] * 4:
        hall.during(0.2, who.stands(), scene=scene)
        hall.during(0.6, who.stands(lost=True), scene=scene)
    assert hall.said() == [STARTED]


@pytest.mark.parametrize(("score", "said"), [(0.15, [STARTED]), (0.25, [])])
def test_where_a_body_is_hardly_found_the_scene_tells_a_fall(room, who, score, said):
    hall = room(restless=True)
    hall.during(5.0, who.stands(score=score), scene=0.1)
    hall.during(2.0, who.stands(score=score), scene=0.9)
    assert hall.said() == said


def test_who_lay_before_the_scene_told_a_fall_is_somebody_else(room, who):
    hall = room(restless=True)
    for scene in [0.1] * 12 + [0.9] * 3 + [0.1] * 5:
        hall.during(0.2, who.lies(), scene=scene)
        hall.during(0.6, who.lies(lost=True), scene=scene)
    assert hall.said() == [STARTED, QUIET]


def test_while_somebody_rests_in_a_zone_the_scene_tells_nothing(room, who):
    hall = room(rest_zones=BED)
    hall.during(5.0, who.lies(x=0.7), scene=0.1)
    hall.during(5.0, who.lies(x=0.7), scene=0.9)
    assert hall.events == []


def test_what_the_scene_told_and_was_none_has_to_go_down_first(room):
    hall = room(spec=AlertSpec(refractory_s=1.0), restless=True)
    hall.during(2.0, scene=0.9)
    hall.acknowledged(hall.events[0].id)
    hall.during(5.0, scene=0.9)
    assert hall.said() == [STARTED, FALSE]
    hall.during(1.0, scene=0.1)
    hall.during(2.0, scene=0.9)
    assert hall.said() == [STARTED, FALSE, STARTED]


# A picture that jumps


def test_a_picture_that_jumps_starts_nothing(room, who):
    hall = room()
    hall.during(3.0, who.stands())
    hall.picture = 1
    hall.during(0.8, who.falls(2), scene=0.9)
    hall.during(3.0, who.lies(2), scene=0.1)
    assert hall.events == []


def test_a_picture_that_jumps_ends_nothing(fallen, who):
    hall = fallen()
    hall.picture = 1
    hall.during(3.0, who.stands(2))
    hall.picture = 0
    hall.during(3.0, who.lies(3))
    assert {event.type for event in hall.events[1:]} <= {"updated"}
    assert ANOTHER not in hall.said()
    hall.during(2.0, who.stands(3))
    assert hall.said()[-1] == GOT_UP
