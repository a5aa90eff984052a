"""One performer's controls over time, written phase by phase, and the feet that follow the pelvis."""

from collections.abc import Sequence

import numpy as np

from trainer.synth.body import ANKLE_M, HIP_HALF_WIDTH_M, LEFT_RIGHT, Build, Controls, Skeleton, Support, solve
from trainer.synth.timing import STEPS_HZ, Array, minimum_jerk, smooth, wobble

WALKING_M_S = 1.15
FOOT_LIFT_M = 0.07
STEP_S = 0.38
STEP_SLACK_M = 0.06
ARM_SWING = 0.55
"""Arm lengths that a hand swings for one metre that the opposite foot is ahead."""
HANGING_HANDS = np.stack([[0.08, sign * 0.16, -0.96] for sign in LEFT_RIGHT])


class Track:
    """Controls of one person. A phase writes from its start; what it leaves behind holds until the next one."""

    def __init__(self, build: Build, rng: np.random.Generator, duration_s: float, place: Array, yaw: float) -> None:
        n = int(np.ceil(duration_s * STEPS_HZ)) + 1
        self.build, self.rng, self.n = build, rng, n
        self.times = np.arange(n) / STEPS_HZ
        self.pelvis = np.tile([place[0], place[1], build.standing_m], (n, 1)).astype(float)
        self.yaw = np.full(n, float(yaw))
        self.lean, self.spine, self.head = np.zeros((n, 2)), np.zeros((n, 3)), np.zeros((n, 2))
        self.spine[:, 0] = rng.uniform(0.02, 0.12)
        self.hands = np.tile(HANGING_HANDS, (n, 1, 1)) + rng.normal(0, 0.03, (1, 2, 3))
        self.hang = np.full((n, 2), 0.6)
        self.reach, self.reach_mix = np.zeros((n, 2, 3)), np.zeros((n, 2))
        self.feet, self.feet_mix = np.zeros((n, 2, 3)), np.zeros((n, 2))
        self.swing = np.ones((n, 2))

    def at(self, t: float) -> int:
        """The step of a time."""
        return min(max(round(t * STEPS_HZ), 0), self.n - 1)

    def span(self, t0: float, t1: float) -> tuple[slice, Array]:
        """Steps from t0 up to and with t1, and how far each is between them, 0 to 1."""
        a = self.at(t0)
        steps = max(round((t1 - t0) * STEPS_HZ), 1)
        x = np.arange(steps + 1) / steps  # what lies beyond the end of the track is cut off
        return slice(a, min(a + steps + 1, self.n)), x[: self.n - a]

    def ease(self, channel: Array, t0: float, t1: float, value: object, power: float = 1.0) -> float:
        """Move a channel (or a view of it) to a value and hold it there. `power` over 1 starts late and hits hard."""
        steps, x = self.span(t0, t1)
        start = np.array(channel[steps.start], dtype=float)
        part = minimum_jerk(x**power).reshape(-1, *[1] * (channel.ndim - 1))
        channel[steps] = start + part * (np.asarray(value, dtype=float) - start)
        channel[steps.stop :] = channel[steps.stop - 1]
        return t1

    def write(self, channel: Array, t0: float, values: Array) -> None:
        """Put values for the steps from t0, and hold the last."""
        a = self.at(t0)
        kept = values[: self.n - a]
        channel[a : a + len(kept)] = kept
        channel[a + len(kept) :] = kept[-1]

    def pulse(self, channel: Array, t0: float, rise_s: float, fall_s: float, value: object) -> None:
        """Add something that comes and goes: a blow's recoil, a nod."""
        for a, b, sign in ((t0, t0 + rise_s, 1), (t0 + rise_s, t0 + rise_s + fall_s, -1)):
            steps, x = self.span(a, b)
            part = minimum_jerk(x if sign > 0 else 1 - x).reshape(-1, *[1] * (channel.ndim - 1))
            channel[steps.start + (sign < 0) : steps.stop] += (part * np.asarray(value, dtype=float))[sign < 0 :]

    def shake(self, channel: Array, t0: float, t1: float, amount: object, seconds: float) -> None:
        """Add smooth noise between two times, faded in and out."""
        steps, x = self.span(t0, t1)
        envelope = np.minimum(1, 6 * np.minimum(x, 1 - x)).reshape(-1, *[1] * (channel.ndim - 1))
        channel[steps] += envelope * np.asarray(amount) * wobble(self.rng, channel[steps].shape, seconds)

    def finish(self, supports: Sequence[Support] = ()) -> Skeleton:
        """Place the feet, swing the arms, breathe, and solve."""
        automatic = follow(self)
        mix = self.feet_mix[..., None]
        feet = (1 - mix) * automatic + mix * self.feet
        self._keep_legs_attached(feet)
        self._swing_arms(feet)
        self._breathe()
        controls = Controls(
            self.pelvis, self.yaw, self.lean, self.spine, self.head, self.hands,
            self.hang, self.reach, self.reach_mix, feet,
        )  # fmt: skip
        return solve(self.build, controls, tuple(supports))

    def _keep_legs_attached(self, feet: Array) -> None:
        """Lower the pelvis where a planted foot would be out of reach."""
        reach = self.build.leg_m * 0.997
        offset = self.pelvis[:, None, :2] - feet[..., :2]
        across = np.minimum((offset**2).sum(-1), (0.95 * reach) ** 2)
        highest = (feet[..., 2] + np.sqrt(reach**2 - across)).min(1) + self.build.length(0.05)
        upright = np.clip(1 - 2 * np.linalg.norm(self.lean, axis=1), 0, 1) * smooth(1.0 - self.feet_mix.max(1), 0.06)
        lowered = np.minimum(self.pelvis[:, 2], smooth(highest, 0.04))
        self.pelvis[:, 2] += upright * (lowered - self.pelvis[:, 2])

    def _swing_arms(self, feet: Array) -> None:
        forward = np.stack([np.cos(self.yaw), np.sin(self.yaw)], -1)
        ahead = ((feet[..., :2] - self.pelvis[:, None, :2]) * forward[:, None]).sum(-1)  # (n, 2)
        free = (1 - self.reach_mix) * self.swing * (1 - self.feet_mix)
        swing = smooth(ARM_SWING * ahead[:, ::-1] * free, 0.05)
        self.hands[..., 0] += swing
        self.hands[..., 2] += 0.35 * np.abs(swing)
        self.spine[:, 2] += 0.25 * (swing[:, 1] - swing[:, 0])

    def _breathe(self) -> None:
        phase = self.rng.uniform(0, 2 * np.pi)
        self.spine[:, 0] += 0.012 * np.sin(2 * np.pi * 0.27 * self.times + phase)
        self.spine += 0.015 * wobble(self.rng, (self.n, 3), 0.5)
        self.head += 0.06 * wobble(self.rng, (self.n, 2), 0.6)
        self.hands += 0.012 * wobble(self.rng, (self.n, 2, 3), 0.35)


def follow(track: Track) -> Array:
    """Ankles that step after the pelvis: planted until it has moved on, then swung to where it will be: (n, 2, 3)."""
    stepper = _Stepper(track)
    for i in range(track.n):
        stepper.advance(i)
    return stepper.feet


class _Stepper:
    """Feet that stand, and swing one after the other."""

    def __init__(self, track: Track) -> None:
        left = np.stack([-np.sin(track.yaw), np.cos(track.yaw)], -1)
        stance = track.build.length(HIP_HALF_WIDTH_M)
        travel = np.linalg.norm(np.gradient(track.pelvis[:, :2], axis=0), axis=1)
        self._track = track
        self._floor_m = track.build.length(ANKLE_M)
        self._ideal = track.pelvis[:, None, :2] + stance * LEFT_RIGHT[:, None] * left[:, None]  # (n, 2, 2)
        self._speed = smooth(travel, 0.1) * STEPS_HZ
        self._spot = [np.append(self._ideal[0, side], self._floor_m) for side in (0, 1)]
        self._swing_end = [0, 0]
        self.feet = np.empty((track.n, 2, 3))

    def advance(self, i: int) -> None:
        """Place both feet at a step."""
        given = self._track.feet_mix[i]
        for side in (0, 1):
            if given[side] == 1:
                self._spot[side] = np.append(self._track.feet[i, side, :2], self._floor_m)
                self._swing_end[side] = i
            if i >= self._swing_end[side]:
                self.feet[i, side] = self._spot[side]
        if i >= max(self._swing_end) and not given.any():
            self._maybe_swing(i)

    def _maybe_swing(self, i: int) -> None:
        """Lift the foot that lags most, when it lags enough, and write its whole swing."""
        half_stride_s, speed = 0.5 * STEP_S, float(self._speed[i])
        lag = [float(np.linalg.norm(self._ideal[i, side] - self._spot[side][:2])) for side in (0, 1)]
        side = int(np.argmax(lag))
        if lag[side] < STEP_SLACK_M + 0.75 * half_stride_s * speed:
            return
        last = self._track.n - 1
        end = min(i + int(STEPS_HZ * np.clip(STEP_S - 0.06 * speed, 0.2, STEP_S)), last)
        ahead = min(end + int(half_stride_s * STEPS_HZ), last)
        start, target = self._spot[side], np.append(self._ideal[ahead, side], self._floor_m)
        x = np.linspace(0, 1, end - i + 1)
        path = start + minimum_jerk(x)[:, None] * (target - start)
        stride = float(np.linalg.norm(target - start))
        path[:, 2] += min(FOOT_LIFT_M, 0.03 + 0.12 * stride) * np.sin(np.pi * x)
        self.feet[i : end + 1, side] = path
        self._spot[side], self._swing_end[side] = target, end + 1
