"""Rounding to multiples of q, shared by the distributions whose names begin with q."""

from __future__ import annotations

import math


def to_multiple(x: float, q: int) -> float:
    """The multiple of `q` nearest to `x`; halfway between two, the even multiple."""
    return float(round(x / q)) * q


def clipped(value: float, low: float, high: float) -> float:
    """`value`, or the bound that it lies beyond."""
    return min(max(value, low), high)


def plain(value: float) -> int | float:
    """A whole number as an `int`, as a script reads it from its command line; any other as it is."""
    return int(value) if math.isfinite(value) and value.is_integer() else value
