"""What people do without falling, and what looks like a fall: acts of a puppet that is posed, never let go.

Sitting down hard, lying down on purpose, tying shoes, kneeling, crawling, push-ups, jumping children and stumbles are
here at least as often as falls are elsewhere.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from trainer.synth.bodies import acts_low as low
from trainer.synth.bodies import acts_upright as upright
from trainer.synth.bodies.motion import Motion
from trainer.synth.bodies.stage import Stage

CHILD_M: Final = 1.35


ACTS: Final[dict[str, tuple[float, Callable[[Stage], bool]]]] = {
    "sits down": (0.07, upright.sits_down),
    "sits down hard": (0.13, upright.sits_down_hard),
    "sits": (0.05, upright.sits),
    "ties shoes": (0.08, upright.ties_shoes),
    "kneels": (0.08, upright.kneels),
    "bends": (0.07, upright.bends),
    "squats": (0.05, upright.squats),
    "crawls": (0.06, low.crawls),
    "push-ups": (0.05, low.push_ups),
    "jumps": (0.05, upright.jumps),
    "stumbles": (0.05, upright.stumbles),
    "walks": (0.06, upright.walks),
    "sits on the floor": (0.05, low.sits_on_the_floor),
    "lies down": (0.08, low.lies_down),
    "lies": (0.05, low.lies),
    "in bed": (0.08, low.in_bed),
    "to bed": (0.08, low.to_bed),
}
"""Shares and acts; an act says whether its trunk may lie."""
PLAYFUL: Final = ("jumps", "crawls", "sits on the floor", "bends")
"""What children do more than others."""


def act(rng: np.random.Generator, group: str, height_m: float) -> Motion:
    """Something by chance that is no fall.

    Raises:
        ConfigurationError: MuJoCo, which poses the body, is not installed.
    """
    names = list(ACTS)
    shares = np.array([share for share, _ in ACTS.values()])
    if height_m < CHILD_M:
        shares = shares * np.array([3.0 if name in PLAYFUL else 1.0 for name in names])
    kind = names[rng.choice(len(names), p=shares / shares.sum())]
    stage = Stage(rng, height_m)
    may_lie = ACTS[kind][1](stage)
    return stage.motion(kind, group, may_lie)
