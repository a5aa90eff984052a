"""The long scene of the demo: several people and events in one room before one camera."""

import numpy as np

from trainer.clips.manifest import Segment
from trainer.synth import falls, lying, moves, pairs
from trainer.synth.actions import cast, sit_on_bed
from trainer.synth.body import Array
from trainer.synth.clothes import random_look
from trainer.synth.furnish import random_room
from trainer.synth.room import Panel, Room
from trainer.synth.script import Actor, Script
from trainer.synth.track import Track

LONGEST_S = 120.0
"""The choreography below ends before."""
FIGHT_S = 7.0
SCENE_FPS = 20.0
SCENE_SIZE_PX = (480, 640)
CALM_S = 4.0
"""Walking or standing between events, longer than the alerts' default quiet and refractory times ask for together."""
LYING_S = 3.0
"""How long the fallen person is still said to be falling: what an alarm may be late for."""


def scene(rng: np.random.Generator) -> Script:
    """Someone walks, is hugged, lies down on a bed, gets up, falls, gets up and leaves; two others come and fight."""
    script = Script(random_room(rng, bed=True), 0.0, radius_m=1.7)
    room = script.room
    script.target = room.spot(0, 0.15)
    doors = _open_doors(room)
    first = cast(rng, LONGEST_S, room.clear(room.spot(-0.9, -0.3)), 0.0)
    t = _stroll(first, rng, 0.3, script)
    t = _visit(script, rng, first, t, doors[1])
    t = _nap(first, rng, t + 1.0, script)
    t = _stroll(first, rng, t, script)
    t = _tumble(first, t, script)
    t = moves.walk(first, t, [room.spot(-0.8, -0.4), doors[0]], 1.0)
    script.actors.append(Actor(first.finish(tuple(room.supports)), random_look(rng), 0.0, t))
    script.seconds = _brawl(script, rng, t + CALM_S, doors)
    return script


def _open_doors(room: Room) -> list[Array]:
    """A door in each side wall, and the places behind them where people come from and go to."""
    deep = room.stage[1] - 0.3
    width_m = 0.45
    for wall in (0, 1):
        room.panels.append(Panel(wall, (deep, 1.05), (width_m, 1.05), np.full(3, 0.12), "plain"))
    room.boxes = [
        box for box in room.boxes if abs(box.centre[0]) < 0.3 * room.width_m or abs(box.centre[1] - deep) > 1.5
    ]
    return [np.array([side * (room.width_m / 2 + 0.5), deep]) for side in (-1, 1)]


def _stroll(track: Track, rng: np.random.Generator, t: float, script: Script) -> float:
    middle = script.room.spot(0, -0.2)
    corners = [script.room.clear(middle + rng.uniform(-1, 1, 2) * (1.0, 0.6)) for _ in range(3)] + [middle]
    t = moves.walk(track, t, corners, rng.uniform(0.8, 1.1))
    return moves.stand(track, t, 1.5)


def _visit(script: Script, rng: np.random.Generator, host: Track, t: float, door: Array) -> float:
    """A visitor comes in, hugs, and leaves again."""
    guest = cast(rng, LONGEST_S, door, np.pi)
    i = host.at(t)
    t = moves.turn(host, t, float(np.arctan2(*(door - host.pelvis[i, :2])[::-1])))
    near = host.pelvis[i, :2] + 1.5 * (door - host.pelvis[i, :2]) / np.linalg.norm(door - host.pelvis[i, :2])
    arrived = moves.walk(guest, t - 1.0, [near], 1.0)
    t = pairs.hug(host, guest, arrived, 3.5)
    gone = moves.walk(guest, t + 0.3, [door], 1.0)
    script.actors.append(Actor(guest.finish(), random_look(rng), arrived - 2.5, gone))
    return t + 0.5


def _nap(track: Track, rng: np.random.Generator, t: float, script: Script) -> float:
    """Lie down slowly on the bed, rest, get up."""
    bed = script.room.supports[0]
    t = sit_on_bed(track, t, bed)
    t = lying.lie_on_bed(track, t, bed, 3.0)
    t = lying.rest(track, t, 3.0)
    t = lying.leave_bed(track, t, bed, rng.uniform(2.6, 3.2))
    return t + 0.5


def _tumble(track: Track, t: float, script: Script) -> float:
    """Turn to a side wall and fall along the free floor before the bed; lie, and get up."""
    toward_middle = 0.0 if track.pelvis[track.at(t), 0] < script.room.stage[0] else np.pi
    backward = track.rng.random() < 0.5
    t = moves.turn(track, t, toward_middle + np.pi * backward)
    t = moves.stand(track, t, 0.8)
    done = falls.fall(track, t, "backward" if backward else "forward", 1.0, script.room.free_depth_m + 0.2)
    script.segments.append(Segment("fall", round(done.start_s, 2), round(done.impact_s + LYING_S, 2)))
    t = lying.rest(track, done.impact_s + 0.6, LYING_S + 4.0)
    return lying.get_up(track, t, 4.5)


def _brawl(script: Script, rng: np.random.Generator, t: float, doors: list[Array]) -> float:
    """Two people come in from both sides, fight, and go."""
    left, right = (cast(rng, LONGEST_S, door, yaw) for door, yaw in zip(doors, (0.0, np.pi), strict=True))
    moves.walk(left, t, [script.room.spot(-0.9, -0.35)], 1.1)
    start = moves.walk(right, t, [script.room.spot(0.9, -0.35)], 1.1)
    start = pairs.approach(left, right, start + 0.8, 0.85, 1.0)
    end = start + FIGHT_S
    script.segments.append(Segment("violence", round(start, 2), round(end, 2)))
    done = pairs.part(left, right, pairs.fight(left, right, start, FIGHT_S), 1.6)
    gone = max(moves.walk(track, done, [door], 1.0) for track, door in zip((left, right), doors, strict=True))
    script.actors += [Actor(track.finish(), random_look(rng), t, gone) for track in (left, right)]
    return gone + CALM_S
