"""What real clips weigh."""

from pathlib import Path

import pytest

from trainer.clips.manifest import Clip, Segment
from trainer.recipes.builtin.people import CALM_WEIGHT, CLIP_WEIGHT, clip_weights


def clips_of(dataset: str, **counts: int) -> list[Clip]:
    return [
        Clip(Path(f"{dataset}-{label}-{k}"), "group", frozenset({"fall"}), (Segment(label),), dataset=dataset)
        for label, count in counts.items()
        for k in range(count)
    ]


def test_four_times_as_many_clips_weigh_twice_as_much() -> None:
    clips = [*clips_of("rooms", fall=15, normal=10), *clips_of("beds", fall=50, normal=50)]
    weights = clip_weights(clips)
    assert sum(weights[:25]) == pytest.approx(5 * CLIP_WEIGHT)
    assert sum(weights[25:]) == pytest.approx(10 * CLIP_WEIGHT)
    assert len({round(weight, 6) for weight in weights[:25]}) == 1


def test_where_nobody_falls_quiet_clips_weigh_more_than_fights() -> None:
    clips = clips_of("streets", violence=2, normal=2)
    fight, calm = clip_weights(clips)[0], clip_weights(clips)[-1]
    assert calm == pytest.approx(CALM_WEIGHT * fight)
