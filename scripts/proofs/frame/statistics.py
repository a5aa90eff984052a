"""Summaries of repeated, paired measurements."""

import statistics
from collections.abc import Sequence


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Median of the ratios of pairs that were measured one right after the other, so that what else the machine does
    meets both alike."""
    return statistics.median(above / below for above, below in zip(numerators, denominators, strict=True))


def middle_half(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """The quartiles of the same ratios."""
    ratios = [above / below for above, below in zip(numerators, denominators, strict=True)]
    lower, _, upper = statistics.quantiles(ratios, n=4)
    return [lower, upper]
