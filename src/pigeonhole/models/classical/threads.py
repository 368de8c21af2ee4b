"""How many threads estimators may use: as many as linear algebra does, which heeds OMP_NUM_THREADS and the cores."""

from __future__ import annotations

from pigeonhole.core.optional import require


def threads() -> int:
    """1 or more."""
    pools = require("threadpoolctl", extra="train").threadpool_info()
    return max((pool["num_threads"] for pool in pools), default=1)
