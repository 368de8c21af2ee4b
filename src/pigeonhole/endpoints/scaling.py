"""When an endpoint needs one worker more, or one less: judged by how busy its workers are, and for how long."""

from __future__ import annotations

import time
from collections.abc import Mapping

# A worker handles its requests one after the other: where it is this busy, they wait for their turn.
BUSY, BUSY_FOR_S = 0.85, 2.0
# One less must leave the others this idle, so that it is not wanted back at once.
IDLE, IDLE_FOR_S = 0.5, 30.0
_LEAST_S = 0.5


class Scaler:
    """Watches the workers of an endpoint, and says when their number should change, by one at a time."""

    def __init__(self) -> None:
        self._before: dict[int, float] = {}
        self._looked_s = 0.0
        self._busy_since: float | None = None
        self._idle_since: float | None = None

    def look(
        self, demand_s: Mapping[int, float], limits: tuple[int, int], threads: int = 1, now_s: float | None = None
    ) -> tuple[int, str]:
        """1 for a worker more, -1 for one less, 0 for neither; and why.

        Args:
            demand_s: process number → the processor time that the worker has used or waited for so far.
            limits: the least and the greatest number of workers.
            threads: how many processors a worker can keep busy.
            now_s: the time; `None` means that of the clock.
        """
        now_s = time.perf_counter() if now_s is None else now_s
        passed_s = now_s - self._looked_s
        if passed_s < _LEAST_S:
            return 0, ""
        before, self._before, self._looked_s = self._before, dict(demand_s), now_s
        if set(before) != set(demand_s):
            # Another process has come or gone: what was seen of the others says nothing of the whole.
            self._busy_since = self._idle_since = None
            return 0, ""
        return self._judge([(demand_s[pid] - before[pid]) / passed_s / threads for pid in demand_s], limits, now_s)

    def _judge(self, busy: list[float], limits: tuple[int, int], now_s: float) -> tuple[int, str]:
        workers = len(busy)
        full = workers < limits[1] and min(busy) >= BUSY
        fits = workers > limits[0] and sum(busy) / (workers - 1) <= IDLE
        self._busy_since = (self._busy_since or now_s) if full else None
        self._idle_since = (self._idle_since or now_s) if fits else None
        shown = " and ".join(f"{min(share, 1):.0%}" for share in busy)
        if self._busy_since is not None and now_s - self._busy_since >= BUSY_FOR_S:
            self._busy_since = None
            return 1, f"requests wait: busy at {shown} for {BUSY_FOR_S:g} s"
        if self._idle_since is not None and now_s - self._idle_since >= IDLE_FOR_S:
            self._idle_since = None
            return -1, f"busy at only {shown} for {IDLE_FOR_S:g} s"
        return 0, ""
