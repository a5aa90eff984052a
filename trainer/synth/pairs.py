"""What two people do with each other: a fight, a hug, a handshake. They stand face to face along an axis."""

from dataclasses import dataclass

import numpy as np

from trainer.synth.body import LEFT_RIGHT, Array, pelvis_axes
from trainer.synth.moves import heading, nearest_turn, turn, walk
from trainer.synth.timing import STEPS_HZ, minimum_jerk, smooth, wobble
from trainer.synth.track import HANGING_HANDS, Track

GUARD = np.stack([[0.5, sign * -0.02, 0.05] for sign in LEFT_RIGHT])
OPPONENTS = (1, 0)


@dataclass(slots=True)
class Pair:
    """Two tracks and the way they stand: centre (n, 2), axis from the first to the second (n,), distance (n,)."""

    tracks: tuple[Track, Track]
    centre: Array
    axis: Array
    apart: Array

    def place(self, t0: float, t1: float) -> None:
        """Write where both stand and that they face each other."""
        steps, _ = self.tracks[0].span(t0, t1)
        half = 0.5 * self.apart[:, None] * np.stack([np.cos(self.axis), np.sin(self.axis)], -1)
        for track, sign, turned in zip(self.tracks, (-1, 1), (0, np.pi), strict=True):
            fade = minimum_jerk(np.arange(steps.stop - steps.start) / (0.5 * STEPS_HZ))
            place = (self.centre + sign * half)[steps]
            start = track.pelvis[steps.start, :2].copy()
            track.write(track.pelvis[:, :2], t0, start + fade[:, None] * (place - start))
            yaw_start = float(track.yaw[steps.start])
            yaw = self.axis[steps] + turned
            yaw = yaw + nearest_turn(yaw_start, float(yaw[0])) - yaw[0]
            track.write(track.yaw, t0, yaw_start + fade * (yaw - yaw_start))

    def toward(self, who: int, t: float) -> Array:
        """Unit vector from one to the other."""
        return heading(float(self.axis[self.tracks[0].at(t)])) * (1 if who == 0 else -1)


def meet(a: Track, b: Track) -> Pair:
    """A pair as the tracks stand at their start."""
    offset = b.pelvis[:, :2] - a.pelvis[:, :2]
    return Pair(
        (a, b),
        0.5 * (a.pelvis[:, :2] + b.pelvis[:, :2]),
        np.unwrap(np.arctan2(offset[:, 1], offset[:, 0])),
        np.linalg.norm(offset, axis=1),
    )


def approach(a: Track, b: Track, t0: float, apart_m: float, speed_m_s: float) -> float:
    """Walk up to each other, to a distance between the pelvises."""
    i = a.at(t0)
    start_a, start_b = a.pelvis[i, :2].copy(), b.pelvis[i, :2].copy()
    middle, toward = 0.5 * (start_a + start_b), start_b - start_a
    toward = toward / max(float(np.linalg.norm(toward)), 1e-6)
    end_a = walk(a, t0, [middle - 0.5 * apart_m * toward], speed_m_s)
    end_b = walk(b, t0, [middle + 0.5 * apart_m * toward], speed_m_s)
    yaw = float(np.arctan2(toward[1], toward[0]))
    return max(turn(a, end_a, yaw), turn(b, end_b, yaw + np.pi))


def part(a: Track, b: Track, t0: float, apart_m: float) -> float:
    """Step back from each other."""
    pair = meet(a, b)
    a.ease(pair.apart, t0, t0 + 1.2, apart_m)
    pair.place(t0, t0 + 1.2)
    return t0 + 1.2


def _spot_on(track: Track, up: float, forward: float, left: float, steps: slice) -> Array:
    """A place on somebody's trunk over time: metres from the pelvis along the trunk's axes, (n, 3)."""
    axes = pelvis_axes(track.yaw[steps], track.lean[steps])
    return track.pelvis[steps] + axes @ np.array([forward, left, up]) * track.build.scale


def hug(a: Track, b: Track, t0: float, seconds: float) -> float:
    """Approach slowly, embrace, sway a little, pat a back, part."""
    rng = a.rng
    t1 = approach(a, b, t0, 0.75, rng.uniform(0.55, 0.9))
    pair = meet(a, b)
    t2, t3 = t1 + rng.uniform(0.7, 1.1), t1 + seconds
    a.ease(pair.apart, t1 - 0.2, t2, rng.uniform(0.27, 0.33))
    a.ease(pair.apart, t3, t3 + 1.1, rng.uniform(0.75, 0.95))
    steps, x = a.span(t2, t3)
    sway = 0.03 * np.sin(2 * np.pi * rng.uniform(0.2, 0.4) * x * (t3 - t2)) * np.minimum(1, 4 * np.minimum(x, 1 - x))
    across = heading(float(pair.axis[steps.start]) + np.pi / 2)
    pair.centre[steps] += sway[:, None] * across
    pair.place(t1 - 0.2, t3 + 1.1)
    for who, track in enumerate((a, b)):
        other = pair.tracks[OPPONENTS[who]]
        _embrace(track, other, (t1 - 0.5, t2, t3), pair.toward(who, t1))
        track.spine[steps, 1] += 1.5 * sway
    return t3 + 1.1


def _embrace(track: Track, other: Track, times: tuple[float, float, float], toward: Array) -> None:
    t1, t2, t3 = times
    hold, _ = track.span(t1, t3 + 0.8)
    low, high = (0, 1) if track.rng.random() < 0.5 else (1, 0)
    for side, up in ((low, 0.28), (high, 0.5)):
        back = _spot_on(other, up, -0.1, -0.06 * LEFT_RIGHT[side], hold)
        if side == high:
            pats = 0.02 * np.maximum(0, np.sin(2 * np.pi * 2.2 * track.times[hold]))
            back -= pats[:, None] * np.append(toward, 0)
        track.reach[hold, side] = back
        track.reach[hold.stop :, side] = back[-1]
    opening = np.stack([[0.65, s * 0.45, 0.15] for s in LEFT_RIGHT])
    track.ease(track.swing, t1, t1 + 0.2, 0.0)
    track.ease(track.hang, t1, t1 + 0.3, 0.0)
    track.ease(track.hands, t1, t1 + 0.7, opening)
    track.ease(track.reach_mix, t2 - 0.45, t2 + 0.15, 1.0)
    track.ease(track.lean, t2 - 0.4, t2 + 0.2, 0.1 * toward)
    track.ease(track.head[:, 1], t2 - 0.4, t2 + 0.2, 0.5 * (1 if low == 0 else -1))
    track.ease(track.reach_mix, t3, t3 + 0.5, 0.0)
    track.ease(track.lean, t3, t3 + 0.6, (0, 0))
    track.ease(track.head, t3, t3 + 0.6, (0, 0))
    track.ease(track.hands, t3 + 0.2, t3 + 1.1, HANGING_HANDS)
    track.ease(track.hang, t3 + 0.3, t3 + 1.0, 0.6)
    track.ease(track.swing, t3 + 0.9, t3 + 1.1, 1.0)


def shake_hands(a: Track, b: Track, t0: float, seconds: float = 1.6) -> float:
    """Approach, right hands together, a few small pumps."""
    t1 = approach(a, b, t0, 0.8, a.rng.uniform(0.7, 1.0))
    t2 = t1 + seconds
    hold, x = a.span(t1 - 0.3, t2 + 0.5)
    middle = 0.5 * (_spot_on(a, 0.12, 0, 0, hold) + _spot_on(b, 0.12, 0, 0, hold))
    pump = np.sin(2 * np.pi * a.rng.uniform(1.8, 2.8) * a.times[hold]) * np.sin(np.pi * x) ** 2
    middle[:, 2] += 0.045 * pump
    for who, track in enumerate((a, b)):
        toward = heading(float(track.yaw[track.at(t1)]))
        track.reach[hold, 1] = middle - 0.09 * np.append(toward, 0)
        track.reach[hold.stop :, 1] = track.reach[hold.stop - 1, 1]
        track.ease(track.reach_mix[:, 1], t1 - 0.3, t1 + 0.25, 1.0)
        track.ease(track.lean, t1 - 0.2, t1 + 0.3, 0.12 * toward)
        track.shake(track.head, t1, t2, (0.12, 0.05), 0.3 + 0.05 * who)
        track.ease(track.reach_mix[:, 1], t2, t2 + 0.5, 0.0)
        track.ease(track.lean, t2, t2 + 0.5, (0, 0))
    return t2 + 0.5


def fight(a: Track, b: Track, t0: float, seconds: float) -> float:
    """Punches, shoves, kicks and grappling; both bodies driven about by it."""
    rng, t1 = a.rng, t0 + seconds
    pair = meet(a, b)
    a.ease(pair.apart, t0, t0 + 0.5, 0.7)
    for track in (a, b):
        _stance(track, t0, t1)
    _drive(pair, t0, t1)
    blows: list[tuple[float, int, str]] = []
    grapples: list[tuple[float, float]] = []
    t = t0 + 0.25
    while t < t1 - 0.6:
        kind = rng.choice(["blows", "shove", "grapple", "kick"], p=[0.5, 0.18, 0.2, 0.12])
        who = int(rng.integers(2))
        if kind == "grapple" and t1 - t > 1.5:
            length = min(rng.uniform(1.0, 2.4), t1 - t - 0.4)
            grapples.append((t, t + length))
            t += length
        elif kind == "shove":
            blows.append((t, who, "shove"))
            t += rng.uniform(0.6, 0.9)
        else:
            t = _exchange(rng, t, who, str(kind), blows)
    _distances(pair, blows, grapples)
    pair.place(t0, t1)
    for start, end in grapples:
        _grapple(pair, start, end)
    for start, who, kind in blows:
        _strike(pair, start, who, kind)
    for track in (a, b):
        _tame(track, t0, t1 + 0.5)
    return _calm(pair, t1)


def _exchange(rng: np.random.Generator, t: float, who: int, kind: str, blows: list[tuple[float, int, str]]) -> float:
    """A burst of blows by one, the other answering now and then; the time after it."""
    if kind == "kick":
        blows.append((t, who, "kick"))
        return t + rng.uniform(0.5, 0.8)
    for _ in range(rng.integers(2, 6)):
        blows.append((t, who, "punch"))
        if rng.random() < 0.4:
            blows.append((t + rng.uniform(0.05, 0.2), 1 - who, "punch"))
        t += rng.uniform(0.2, 0.42)
    return t + rng.uniform(0.0, 0.25)


def _stance(track: Track, t0: float, t1: float) -> None:
    track.ease(track.swing, t0, t0 + 0.2, 0.0)
    track.ease(track.hang, t0, t0 + 0.2, 0.0)
    track.ease(track.hands, t0, t0 + 0.4, GUARD + track.rng.normal(0, 0.05, (2, 3)))
    track.ease(track.spine[:, 0], t0, t0 + 0.4, 0.25)
    track.ease(track.pelvis[:, 2], t0, t0 + 0.3, track.build.standing_m - 0.06)
    track.shake(track.hands, t0, t1, 0.09, 0.13)
    track.shake(track.spine, t0, t1, (0.12, 0.12, 0.22), 0.2)
    track.shake(track.lean, t0, t1, 0.08, 0.25)
    track.shake(track.head, t0, t1, 0.15, 0.2)
    track.shake(track.pelvis[:, 2], t0, t1, 0.025, 0.15)


def _drive(pair: Pair, t0: float, t1: float) -> None:
    """The pair wanders and turns as a whole, restlessly."""
    track = pair.tracks[0]
    steps, x = track.span(t0, t1)
    envelope = np.minimum(1, 5 * np.minimum(x, 1 - x))
    drift = 0.22 * wobble(track.rng, (len(x), 2), 0.8) + 0.05 * wobble(track.rng, (len(x), 2), 0.2)
    pair.centre[steps] += envelope[:, None] * (drift - drift.mean(0))
    turning = 0.8 * wobble(track.rng, (len(x),), 0.9)
    kept = pair.axis[steps] + np.minimum(1, 3 * x) * (turning - turning[0])
    pair.axis[steps] = kept
    pair.axis[steps.stop :] = kept[-1]


def _distances(pair: Pair, blows: list[tuple[float, int, str]], grapples: list[tuple[float, float]]) -> None:
    track = pair.tracks[0]
    for start, end in grapples:
        track.ease(pair.apart, start - 0.15, start + 0.2, 0.42)
        track.ease(pair.apart, end, end + 0.35, 0.7)
    for start, who, kind in blows:
        if kind == "shove":
            away = float(track.rng.uniform(0.3, 0.6))
            track.pulse(pair.apart, start + 0.12, 0.3, 0.7, away)
            push = pair.toward(who, start) * away * 0.35
            track.pulse(pair.centre, start + 0.12, 0.3, 0.9, push)
        elif kind == "kick":
            track.pulse(pair.apart, start - 0.1, 0.2, 0.6, 0.15)
        else:
            track.pulse(pair.apart, start, 0.12, 0.3, float(track.rng.uniform(-0.12, 0.05)))
    np.clip(pair.apart, 0.36, 2.0, out=pair.apart)


def _strike(pair: Pair, t: float, who: int, kind: str) -> None:
    """One blow, and what it does to the other one."""
    striker, victim = pair.tracks[who], pair.tracks[OPPONENTS[who]]
    rng = striker.rng
    toward = pair.toward(who, t)
    out_s, back_s = rng.uniform(0.1, 0.17), rng.uniform(0.14, 0.24)
    strength = rng.uniform(0.6, 1.3)
    if kind == "punch":
        side = int(rng.integers(2))
        swing = rng.uniform(-0.1, 0.45) * LEFT_RIGHT[side]  # from straight to a wide hook
        peak = np.array((1.0, -0.25 * LEFT_RIGHT[side], rng.uniform(-0.15, 0.3))) - GUARD[side]
        striker.pulse(striker.hands[:, side], t - 0.5 * out_s, out_s * 0.8, out_s, (0, swing, 0.05))
        striker.pulse(striker.hands[:, side], t, out_s, back_s, peak)
        striker.pulse(striker.spine, t, out_s, back_s, (0.15, 0, -0.45 * LEFT_RIGHT[side]))
        striker.pulse(striker.lean, t, out_s, back_s * 1.5, 0.16 * toward)
    elif kind == "shove":
        both = np.array((1.0, 0, 0.05)) - GUARD
        striker.pulse(striker.hands, t, out_s * 1.3, back_s * 1.5, both)
        striker.pulse(striker.lean, t, out_s * 1.5, 0.4, 0.3 * toward)
        strength *= 1.7
        victim.pulse(victim.hands, t + out_s, 0.15, 0.5, rng.normal(0, 0.3, (2, 3)))
    else:
        _kick(striker, t, toward)
        out_s = 0.22
    hit = t + 0.8 * out_s
    victim.pulse(victim.lean, hit, 0.13, 0.35, 0.2 * strength * toward)
    victim.pulse(victim.spine, hit, 0.12, 0.3, rng.normal(0, 0.17, 3) * strength)
    victim.pulse(victim.head, hit, 0.1, 0.25, rng.normal(0, 0.35, 2) * strength)


def _kick(striker: Track, t: float, toward: Array) -> None:
    side, i = int(striker.rng.integers(2)), striker.at(t)
    left = heading(float(striker.yaw[i]) + np.pi / 2) * 0.1 * LEFT_RIGHT[side]
    ground = np.append(striker.pelvis[i, :2] + left, 0.08)
    peak = np.append(striker.pelvis[i, :2] + 0.62 * toward, striker.rng.uniform(0.4, 0.95))
    striker.feet[i:, side] = ground
    striker.ease(striker.feet_mix[:, side], t, t + 0.08, 1.0)
    striker.ease(striker.feet[:, side], t, t + 0.22, peak)
    striker.ease(striker.feet[:, side], t + 0.25, t + 0.55, ground + np.append(0.2 * toward, 0))
    striker.feet_mix[striker.at(t + 0.56) :, side] = 0.0
    striker.pulse(striker.lean, t, 0.22, 0.35, -0.25 * toward)


def _grapple(pair: Pair, t0: float, t1: float) -> None:
    """Hold each other by shoulders, neck and arms, and wrestle."""
    for who, track in enumerate(pair.tracks):
        other = pair.tracks[OPPONENTS[who]]
        hold, x = track.span(t0 - 0.1, t1 + 0.2)
        toward = pair.toward(who, t0)
        shaking = 0.07 * wobble(track.rng, (len(x), 3), 0.12)
        for side in (0, 1):
            up, forward = track.rng.uniform(0.25, 0.55), track.rng.uniform(-0.12, 0.1)
            track.reach[hold, side] = _spot_on(other, up, forward, -0.2 * LEFT_RIGHT[side], hold) + shaking
            track.reach[hold.stop :, side] = track.reach[hold.stop - 1, side]
        track.ease(track.reach_mix, t0 - 0.1, t0 + 0.2, 1.0)
        track.ease(track.reach_mix, t1 - 0.15, t1 + 0.15, 0.0)
        envelope = np.sin(np.pi * x)[:, None]
        track.lean[hold] += envelope * (0.3 * toward + 0.16 * wobble(track.rng, (len(x), 2), 0.25))
        track.spine[hold] += envelope * np.array((0.12, 0.2, 0.3)) * wobble(track.rng, (len(x), 3), 0.25)
        jolts = 0.1 * envelope * wobble(pair.tracks[0].rng, (len(x), 2), 0.22)
        track.pelvis[hold, :2] += jolts
        track.pelvis[hold, 2] -= 0.08 * envelope[:, 0]


def _calm(pair: Pair, t1: float) -> float:
    """Let go of each other, hands down."""
    for track in pair.tracks:
        track.ease(track.reach_mix, t1, t1 + 0.3, 0.0)
        track.ease(track.lean, t1, t1 + 0.5, (0, 0))
        track.ease(track.spine, t1, t1 + 0.6, (0.08, 0, 0))
        track.ease(track.head, t1, t1 + 0.5, (0, 0))
        track.ease(track.hands, t1, t1 + 0.8, HANGING_HANDS)
        track.ease(track.hang, t1 + 0.2, t1 + 0.8, 0.6)
        track.ease(track.pelvis[:, 2], t1, t1 + 0.5, track.build.standing_m)
        track.ease(track.swing, t1 + 0.6, t1 + 0.8, 1.0)
    return t1 + 0.8


def _tame(track: Track, t0: float, t1: float) -> None:
    """Keep what blows add up to within what a body can do."""
    steps, _ = track.span(t0, t1)
    for channel, limit in ((track.lean, 0.6), (track.spine, 0.6), (track.head, 0.8)):
        channel[steps] = smooth(limit * np.tanh(channel[steps] / limit), 0.03)
