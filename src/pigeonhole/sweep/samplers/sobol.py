"""Sobol's quasi-random points: the first 2^m of them fill the space evenly. Looks at no trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pigeonhole.core.optional import require
from pigeonhole.core.seeds import derive
from pigeonhole.sweep.space import SearchSpace
from pigeonhole.sweep.trial import Trial, Values

_BITS = 32


@dataclass(frozen=True)
class SobolSampler:
    """Point `number` of the sequence, one dimension a parameter in the order of declaration.

    The points are scrambled by a digital shift: the bits of each dimension are flipped by a pattern that follows from
    the seed. That keeps what makes them even, never gives the corner where all is 0, and depends on no version of a
    random generator.
    """

    space: SearchSpace
    seed: int

    def waits_for(self, number: int) -> int:
        """None."""
        del number
        return 0

    def suggest(self, number: int, ended: Sequence[Trial]) -> Values:
        """The values at the sequence's point of that number."""
        del ended
        return self.space.draw(shifted(self.seed, point(self.space.dimensions, number)))


def shifted(seed: int, bits_D: Sequence[int]) -> list[float]:
    """The point in (0, 1) per dimension, in the middle of the cell that its bits stand for."""
    return [
        ((bits ^ derive(seed, "sweep", "sobol", dimension) % 2**_BITS) + 0.5) * 2.0**-_BITS
        for dimension, bits in enumerate(bits_D)
    ]


def point(dimensions: int, number: int) -> list[int]:
    """Point `number` (from 0) of the plain sequence, each coordinate as its 32 bits."""
    return _points(dimensions, max(64, 1 << number.bit_length()))[number]


@lru_cache(maxsize=4)
def _points(dimensions: int, count: int) -> list[list[int]]:
    qmc: Any = require("scipy.stats", extra="search").qmc
    sequence_ND = qmc.Sobol(dimensions, scramble=False, bits=_BITS).random(count)
    return [[int(coordinate * 2**_BITS) for coordinate in row_D] for row_D in sequence_ND]
