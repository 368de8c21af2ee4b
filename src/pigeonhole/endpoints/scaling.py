"""When an endpoint needs one worker more, or one less: judged by how busy its workers are, and for how long."""

from __future__ import annotations

import time

from pigeonhole.endpoints.rollout import Rollout

# A worker handles its requests one after the other: where it is this busy, they wait for their turn.
BUSY, BUSY_FOR_S = 0.85, 2.0
# One less must leave the others this idle, so that it is not wanted back at once.
IDLE, IDLE_FOR_S = 0.5, 30.0
_LEAST_S = 0.5


class Scaler:
    """Watches the workers of the rollout that answers; one change of their number at a time."""

    def __init__(self) -> None:
        self._rollout: Rollout | None = None
        self._seen: dict[int, float] = {}
        self._looked_s = 0.0
        self._busy_since: float | None = None
        self._idle_since: float | None = None

    def look(self, rollout: Rollout, now_s: float | None = None) -> tuple[int, str]:
        """1 for a worker more, -1 for one less, 0 for neither; and why.

        Args:
            rollout: the rollout that answers.
            now_s: the time; `None` means that of the clock.
        """
        now_s = time.perf_counter() if now_s is None else now_s
        low, high = rollout.change.workers
        if low == high:
            return 0, ""
        if rollout is not self._rollout:
            self._rollout, self._seen, self._looked_s = rollout, {}, 0.0
            self._forget()
        if now_s - self._looked_s < _LEAST_S:
            return 0, ""
        busy = self._busy(rollout, now_s)
        if busy is None or not all(worker.is_well for worker in rollout.workers):
            self._forget()
            return 0, ""
        return self._judge(busy, len(rollout.workers), now_s, low, high)

    def _busy(self, rollout: Rollout, now_s: float) -> list[float] | None:
        """Each worker's share of the processor time that it can use; `None` before there are two looks at each."""
        used = {child.pid: child.cpu_s() for child in rollout.children}
        before, self._seen = self._seen, used
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        if set(before) != set(used):
            return None
        threads = max(max(1, int(slot.cpu)) for slot in rollout.slots)
        return [(used[pid] - before[pid]) / passed_s / threads for pid in used]

    def _judge(self, busy: list[float], workers: int, now_s: float, low: int, high: int) -> tuple[int, str]:
        self._busy_since = (self._busy_since or now_s) if min(busy) >= BUSY else None
        fits = workers > low and sum(busy) / (workers - 1) <= IDLE
        self._idle_since = (self._idle_since or now_s) if fits else None
        shown = ", ".join(f"{share:.0%}" for share in busy)
        if self._busy_since is not None and now_s - self._busy_since >= BUSY_FOR_S and workers < high:
            self._forget()
            return 1, f"requests wait: the workers were {shown} busy for {BUSY_FOR_S:g} s"
        if self._idle_since is not None and now_s - self._idle_since >= IDLE_FOR_S:
            self._forget()
            return -1, f"the workers were only {shown} busy, for {IDLE_FOR_S:g} s"
        return 0, ""

    def _forget(self) -> None:
        self._busy_since = self._idle_since = None
