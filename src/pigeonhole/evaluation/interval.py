"""Intervals for proportions and for the difference of two paired proportions. All are 95% intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval.

    Attributes:
        value: the estimate itself.
        low: where the interval begins.
        high: where it ends.
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def wilson(hits: int, n: int) -> Interval:
    """The proportion `hits / n` with Wilson's score interval, which stays inside 0..1 and holds at 0 and n hits.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209.

    Args:
        hits: how many of `n`.
        n: 1 or more.
    """
    return proportion(hits / n, n)


def proportion(p: float, n: float) -> Interval:
    """As `wilson`, for a proportion that is known as well as one of `n` things; `n` need not be a whole number."""
    spread = _Z**2 / n
    centre = (p + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    # The ends are exact at 0 and 1; rounding would leave them a hair outside.
    low = 0.0 if p == 0 else max(0.0, centre - half)
    high = 1.0 if p == 1 else min(1.0, centre + half)
    return Interval(p, low, high)


def paired_difference(only_first: int, only_second: int, n: int) -> Interval:
    """The difference of two proportions on the same n things, second minus first.

    Bonett and Price's adjusted Wald interval, which holds for few disagreements where the plain one is too short.
    Source: D. G. Bonett, R. M. Price, Journal of Educational and Behavioral Statistics 37 (2012), 479.

    Args:
        only_first: things that only the first has right.
        only_second: things that only the second has right.
        n: all things.
    """
    first, second = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    centre = second - first
    half = _Z * math.sqrt((first + second - centre**2) / (n + 2))
    return Interval((only_second - only_first) / n, max(-1.0, centre - half), min(1.0, centre + half))
