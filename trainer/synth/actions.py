"""What happens in a clip: people, timing and labels for each action."""

from collections.abc import Callable

import numpy as np

from trainer.clips.manifest import Segment
from trainer.synth import falls, lying, moves, pairs
from trainer.synth.body import Array, Build, Support
from trainer.synth.clothes import random_look
from trainer.synth.furnish import SEAT_HEIGHT_M, add_chair, random_room
from trainer.synth.room import Room
from trainer.synth.script import Actor, Script
from trainer.synth.track import Track


def random_build(rng: np.random.Generator) -> Build:
    """A grown person."""
    return Build(float(np.clip(rng.normal(1.7, 0.09), 1.48, 1.95)), rng.uniform(0.85, 1.3))


def cast(rng: np.random.Generator, seconds: float, place: Array, yaw: float) -> Track:
    """A person who stands somewhere at the start."""
    return Track(random_build(rng), rng, seconds, place, yaw)


def _around(rng: np.random.Generator, room: Room, low_m: float, high_m: float) -> Array:
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(low_m, high_m)
    return room.clear(room.stage + distance * np.array([np.cos(angle), 0.8 * np.sin(angle)]))


def _toward(a: Array, b: Array) -> float:
    return float(np.arctan2(b[1] - a[1], b[0] - a[0]))


def _enact(script: Script, rng: np.random.Generator, *tracks: Track, supports: tuple[Support, ...] = ()) -> None:
    script.actors += [Actor(track.finish(supports), random_look(rng)) for track in tracks]


def _script(rng: np.random.Generator, seconds: float, bed: bool = False, radius_m: float = 1.6) -> Script:
    room = random_room(rng, bed)
    return Script(room, seconds, target=room.stage.copy(), radius_m=radius_m)


def _walker(rng: np.random.Generator, script: Script, seconds: float) -> Track:
    """Someone who walks between places, stops, talks, and walks on."""
    start = _around(rng, script.room, 0.5, script.radius_m)
    track = cast(rng, seconds, start, rng.uniform(-np.pi, np.pi))
    t = rng.uniform(0, 0.5)
    while t < seconds:
        places = [_around(rng, script.room, 0.3, script.radius_m) for _ in range(rng.integers(1, 3))]
        t = moves.walk(track, t, places, rng.uniform(0.7, 1.5))
        pause = rng.random()
        if pause < 0.25:
            t = moves.stand(track, t, rng.uniform(0.5, 2))
        elif pause < 0.5:
            t = moves.gesture(track, t, rng.uniform(1.5, 3.5))
        elif pause < 0.6:
            t = moves.bend(track, t)
    return track


def walk(rng: np.random.Generator) -> Script:
    """One to three people walk about."""
    script = _script(rng, rng.uniform(4, 8), radius_m=rng.uniform(1.5, 2.2))
    tracks = [_walker(rng, script, script.seconds) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    _enact(script, rng, *tracks)
    return script


def stand(rng: np.random.Generator) -> Script:
    """One or two people stand, talk with their hands, or exercise."""
    script = _script(rng, rng.uniform(4, 7))
    lively = rng.random() < 0.4
    centre = _around(rng, script.room, 0, 0.5)
    angle, apart = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.4)
    for k in range(1 if lively or rng.random() < 0.3 else 2):
        offset = (0.5 - k) * apart * moves.heading(angle)
        track = cast(rng, script.seconds, centre + offset, angle + np.pi * (1 - k) + rng.normal(0, 0.2))
        t = rng.uniform(0.1, 1.0)
        while t < script.seconds - 1.5:
            length = min(rng.uniform(2, 4), script.seconds - t - 0.1)
            t = moves.exercise(track, t, length) if lively else moves.gesture(track, t, length, rng.uniform(0.6, 1.5))
            t = moves.stand(track, t, rng.uniform(0.3, 1.0))
        _enact(script, rng, track)
    return script


def sit(rng: np.random.Generator) -> Script:
    """Walk to a chair, sit down, stay, perhaps stand up again."""
    script = _script(rng, rng.uniform(5, 9))
    place, yaw = _around(rng, script.room, 0, 0.8), rng.uniform(-np.pi, np.pi)
    add_chair(rng, script.room, place, yaw)
    front = place + 0.42 * moves.heading(yaw)
    start = front + rng.uniform(0.6, 1.5) * moves.heading(yaw + rng.uniform(-1, 1))
    track = cast(rng, script.seconds, start, _toward(start, front))
    t = moves.walk(track, rng.uniform(0, 0.6), [front], rng.uniform(0.7, 1.2))
    t = moves.turn(track, t, yaw)
    t = moves.sit(track, t, SEAT_HEIGHT_M, 0.42, rng.uniform(0.8, 1.5))
    t = lying.rest(track, t, rng.uniform(0.8, 3))
    if rng.random() < 0.6:
        t = moves.rise(track, t, rng.uniform(0.9, 1.6))
        moves.walk(track, t, [_around(rng, script.room, 0.8, 1.6)])
    _enact(script, rng, track, supports=tuple(script.room.supports))
    return script


def bend(rng: np.random.Generator) -> Script:
    """Walk, pick something up, walk on."""
    script = _script(rng, rng.uniform(4, 7))
    start, place = _around(rng, script.room, 0.6, 1.4), _around(rng, script.room, 0, 0.7)
    track = cast(rng, script.seconds, start, _toward(start, place))
    t = moves.walk(track, rng.uniform(0, 0.4), [place], rng.uniform(0.7, 1.3))
    t = moves.bend(track, t, rng.uniform(0.2, 1.2))
    if rng.random() < 0.4:
        t = moves.bend(track, t + 0.2, rng.uniform(0.2, 0.8))
    moves.walk(track, t, [_around(rng, script.room, 0.8, 1.6)])
    _enact(script, rng, track)
    return script


def lie_down(rng: np.random.Generator) -> Script:
    """Lie down slowly, on a bed or on the floor; some get up again."""
    on_bed = rng.random() < 0.6
    script = _script(rng, rng.uniform(7, 11), bed=on_bed)
    start = _around(rng, script.room, 0.3, 1.0)
    if on_bed:
        track, t = to_bed(rng, script.room, script.seconds, start, rng.uniform(0, 0.5))
        lying.lie_on_bed(track, t, script.room.supports[0], rng.uniform(2.0, 3.2))
        script.target = np.array(script.room.supports[0].centre) - (0, 0.7)
    else:
        place = _around(rng, script.room, 0, 0.6)
        track = cast(rng, script.seconds, start, _toward(start, place))
        t = moves.walk(track, 0.2, [place], rng.uniform(0.7, 1.1))
        t = moves.turn(track, t, rng.uniform(-np.pi, np.pi))
        t = lying.lie_on_floor(track, t + 0.2, rng.uniform(2.8, 4.2))
        t = lying.rest(track, t, rng.uniform(0.5, 2.0))
        if rng.random() < 0.5:
            lying.get_up(track, t, rng.uniform(3.2, 4.5))
    _enact(script, rng, track, supports=tuple(script.room.supports))
    return script


def to_bed(rng: np.random.Generator, room: Room, seconds: float, start: Array, t: float) -> tuple[Track, float]:
    """Someone who walks to the bed and sits on its free side; the time when they sit."""
    bed = room.supports[0]
    side = np.array(bed.centre) - (0, bed.half_size[1] + 0.14)
    track = cast(rng, seconds, start, _toward(start, side))
    return track, sit_on_bed(track, t, bed)


def sit_on_bed(track: Track, t: float, bed: Support) -> float:
    """Walk to the bed's free side, turn round and sit on its edge."""
    side = np.array(bed.centre) - (0, bed.half_size[1] + 0.14)
    t = moves.walk(track, t, [side], track.rng.uniform(0.7, 1.1))
    t = moves.turn(track, t, -np.pi / 2)
    t = moves.sit(track, t, bed.height_m, 0.42, track.rng.uniform(1.0, 1.5))
    return t + track.rng.uniform(0.0, 0.6)


def in_bed(rng: np.random.Generator) -> Script:
    """Lie in bed, turn over, perhaps get up."""
    script = _script(rng, rng.uniform(4.5, 8), bed=True)
    script.target = np.array(script.room.supports[0].centre) - (0, 0.4)
    bed = script.room.supports[0]
    track = cast(rng, script.seconds, np.array(bed.centre), 0.0)
    lying.lying_on_bed(track, bed)
    t = rng.uniform(0.2, 1.5)
    while t < script.seconds - 3:
        if rng.random() < 0.35:
            t = lying.leave_bed(track, t, bed, rng.uniform(2.0, 3.0))
            moves.walk(track, t + 0.2, [_around(rng, script.room, 0.3, 1.2)])
            break
        t = lying.turn_over(track, t, bed, rng.uniform(0.9, 2.0)) + rng.uniform(0.3, 1.5)
    _enact(script, rng, track, supports=tuple(script.room.supports))
    return script


def fall(rng: np.random.Generator) -> Script:
    """Fall from standing, walking, sitting, or out of bed.

    The label lasts from the loss of balance until the end of the clip: who has fallen lies there.
    """
    from_bed = rng.random()
    script = _script(rng, rng.uniform(4.5, 8), bed=from_bed < 0.4)
    if from_bed < 0.15:
        track, done = _out_of_bed(rng, script)
    elif from_bed < 0.3:
        track, done = _from_seat(rng, script)
    else:
        track, done = _from_stand(rng, script)
    lying.rest(track, done.impact_s + 0.6, script.seconds - done.impact_s)
    script.segments = [Segment("fall", round(done.start_s, 2), round(script.seconds, 2))]
    _enact(script, rng, track, supports=tuple(script.room.supports))
    if rng.random() < 0.12:
        _enact(script, rng, _walker(rng, script, script.seconds))
    return script


def _out_of_bed(rng: np.random.Generator, script: Script) -> tuple[Track, falls.Fall]:
    bed = script.room.supports[0]
    script.target = np.array(bed.centre) - (0, 0.6)
    track = cast(rng, script.seconds, np.array(bed.centre), 0.0)
    lying.lying_on_bed(track, bed)
    t = rng.uniform(0.4, 1.2)
    if rng.random() < 0.5:
        t = lying.turn_over(track, t, bed, rng.uniform(0.8, 1.3)) + rng.uniform(0, 0.3)
    return track, falls.roll_off(track, t, bed)


def _from_seat(rng: np.random.Generator, script: Script) -> tuple[Track, falls.Fall]:
    bed = script.room.supports[0]
    script.target = np.array(bed.centre) - (0, 0.8)
    side = np.array(bed.centre) - (0, bed.half_size[1] + 0.14)
    track = cast(rng, script.seconds, side, -np.pi / 2)
    t = moves.sit(track, 0.0, bed.height_m, 0.42, 0.8) + rng.uniform(0.0, 1.0)
    return track, falls.fall(track, t, "forward", 1.6, script.room.free_depth_m + 0.2)


def _from_stand(rng: np.random.Generator, script: Script) -> tuple[Track, falls.Fall]:
    start, place = _around(rng, script.room, 0.5, 1.4), _around(rng, script.room, 0, 0.5)
    track = cast(rng, script.seconds, start, _toward(start, place))
    directions: tuple[falls.FallDirection, ...] = ("forward", "backward", "left", "right")
    direction = directions[rng.choice(4, p=[0.34, 0.3, 0.18, 0.18])]
    t, push = rng.uniform(0.1, 0.8), 1.0
    if rng.random() > 0.7:
        t = moves.stand(track, t, rng.uniform(0.5, 2.0))
    elif direction == "forward":  # a trip in mid-stride
        end = script.room.clear(place + 0.8 * moves.heading(_toward(start, place)))
        t = moves.walk(track, t, [end], rng.uniform(0.7, 1.4)) - 0.9
        push = 1.3
    else:
        t = moves.walk(track, t, [place], rng.uniform(0.7, 1.4)) + rng.uniform(-0.3, 0.8)
    start_s = float(np.clip(t, 0.1, script.seconds - 2.2))
    return track, falls.fall(track, start_s, direction, push, script.room.free_depth_m + 0.2)


def _couple(rng: np.random.Generator, script: Script, apart_m: float) -> tuple[Track, Track]:
    angle = rng.uniform(0, 2 * np.pi)
    centre = _around(rng, script.room, 0, 0.4)
    half = 0.5 * apart_m * moves.heading(angle)
    return (
        cast(rng, script.seconds, centre - half, angle + rng.normal(0, 0.3)),
        cast(rng, script.seconds, centre + half, angle + np.pi + rng.normal(0, 0.3)),
    )


def fight(rng: np.random.Generator) -> Script:
    """Two people fight, now and then with someone beside them."""
    script = _script(rng, rng.uniform(4, 7))
    lead_s = rng.choice([0.0, 0.0, rng.uniform(0.5, 2.5)])
    apart_m = 0.8 if lead_s == 0 else rng.uniform(1.4, 2.4)
    a, b = _couple(rng, script, apart_m)
    t = 0.0
    if lead_s:
        t = pairs.approach(a, b, 0.1, 0.85, rng.uniform(0.8, 1.5))
    end = script.seconds if rng.random() < 0.75 else max(script.seconds - 1.2, t + 2)
    done = pairs.fight(a, b, t, end - t)
    if done < script.seconds:
        pairs.part(a, b, done, 1.6)
    script.segments = [Segment("violence", round(t, 2), round(min(end, script.seconds), 2))]
    _enact(script, rng, a, b)
    if rng.random() < 0.3:
        _enact(script, rng, _bystander(rng, script))
    return script


def _bystander(rng: np.random.Generator, script: Script) -> Track:
    place = script.room.stage + moves.heading(rng.uniform(0, np.pi)) * rng.uniform(1.5, 2.0)
    track = cast(rng, script.seconds, place, _toward(place, script.room.stage))
    moves.gesture(track, 0.3, script.seconds - 0.5) if rng.random() < 0.5 else moves.stand(track, 0, script.seconds)
    return track


def hug(rng: np.random.Generator) -> Script:
    """Two people walk up, embrace and part."""
    hold_s = rng.uniform(2, 4.5)
    script = _script(rng, hold_s + rng.uniform(3, 4.5))
    a, b = _couple(rng, script, rng.uniform(1.3, 2.4))
    t = pairs.hug(a, b, rng.uniform(0, 0.4), hold_s)
    if t < script.seconds - 0.5 and rng.random() < 0.5:
        moves.gesture(a, t, script.seconds - t)
    _enact(script, rng, a, b)
    return script


def handshake(rng: np.random.Generator) -> Script:
    """Two people walk up, shake hands, talk or go."""
    script = _script(rng, rng.uniform(4.5, 7))
    a, b = _couple(rng, script, rng.uniform(1.4, 2.6))
    t = pairs.shake_hands(a, b, rng.uniform(0, 0.4), rng.uniform(1.0, 2.2))
    if rng.random() < 0.6:
        moves.gesture(a, t, max(script.seconds - t, 0.8))
        moves.gesture(b, t + 0.5, max(script.seconds - t - 0.5, 0.8))
    else:
        moves.walk(a, t, [_around(rng, script.room, 1.3, 1.8)])
        moves.walk(b, t, [_around(rng, script.room, 1.3, 1.8)])
    _enact(script, rng, a, b)
    return script


def empty(rng: np.random.Generator) -> Script:
    """Nobody; only the light and the camera's noise move."""
    return _script(rng, rng.uniform(3, 5))


ACTIONS: dict[str, Callable[[np.random.Generator], Script]] = {
    "walk": walk, "stand": stand, "sit": sit, "bend": bend, "lie_down": lie_down, "in_bed": in_bed,
    "fall": fall, "fight": fight, "hug": hug, "handshake": handshake, "empty": empty,
}  # fmt: skip
