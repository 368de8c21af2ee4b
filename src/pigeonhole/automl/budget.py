"""The clock of a search, and how its time is dealt out. Stops nothing itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# The promise: the command is back at most so long after its budget, whichever is longer.
GRACE_S, GRACE = 15.0, 0.05
# Of the grace: until when ensembles may go on, until when a first model is waited for, and the report.
_FOR_THE_END, _FOR_A_FIRST, _FOR_THE_LAST = 0.4, 0.55, 0.7
_RESERVE_AT_MOST = 0.2
# For choosing, joining, and the report.
_RESERVE_S = 7.0
# Images that a bundle is verified on, by one and by several models, and whose latency is taken.
_VERIFIED = 3000
_MEMBERS = 5


@dataclass
class Budget:
    """Time since the search began, kills included.

    Args:
        budget_s: all that it may take.
        consumed_s: what it took before it was killed.
        age_s: how long the command has been running already.
        clock: seconds.
    """

    budget_s: float
    consumed_s: float = 0.0
    age_s: float = 0.0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._began = self.clock() - self.age_s

    @property
    def now_s(self) -> float:
        """Seconds of the search until now."""
        return self.consumed_s + self.clock() - self._began

    @property
    def grace_s(self) -> float:
        """What the command may take beyond its budget."""
        return max(GRACE_S, GRACE * self.budget_s)

    @property
    def left_s(self) -> float:
        """Of the budget; negative in the grace."""
        return self.budget_s - self.now_s

    @property
    def end_left_s(self) -> float:
        """Until what follows the fits must have ended."""
        return self.left_s + _FOR_THE_END * self.grace_s

    @property
    def first_left_s(self) -> float:
        """Until a first model is waited for no longer."""
        return self.left_s + _FOR_A_FIRST * self.grace_s

    @property
    def last_left_s(self) -> float:
        """Until the report must have been written."""
        return self.left_s + _FOR_THE_LAST * self.grace_s

    def fits_left_s(self, slowest_ms: list[float], set_aside: float = 0.0) -> float:
        """Until the fits must have ended.

        Args:
            slowest_ms: latencies of the exported models; those that an ensemble could have say how long it will take.
            set_aside: a share of the budget for what follows the fits besides.
        """
        ensemble_s = sum(sorted(slowest_ms)[-_MEMBERS:]) / 1000 * _VERIFIED
        return self.left_s - min(_RESERVE_S + ensemble_s, _RESERVE_AT_MOST * self.budget_s) - set_aside * self.budget_s
