"""Hears what users' scripts log to MLflow, and says it to a sweep as their jobs' reports. Starts nothing itself."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from pigeonhole import tracking
from pigeonhole.compute.job import Compute, Event, Job, Outcome, Report
from pigeonhole.core.errors import TrainingError
from pigeonhole.sweep.trial import Values

POLL_S = 1.0
# Looking takes at most this share of the time, however many scripts run and however slow the store is.
_LOOK_SHARE = 0.1
_STATUS = {"Completed": "FINISHED", "Canceled": "KILLED", "Lost": "KILLED"}
_RUN_ID = "MLFLOW_RUN_ID"
_LONGEST_LINE = 300


class Heard:
    """A compute that also tells what scripts log: each value of the primary metric as a report, before the outcome.

    A job is known for a script's by its variable MLFLOW_RUN_ID.

    Args:
        metric: the primary metric.
        poll_s: how often to look, in seconds.
    """

    def __init__(self, metric: str, poll_s: float = POLL_S) -> None:
        self._metric, self._poll_s = metric, poll_s
        self._compute: Compute | None = None
        self._expected: dict[str, tuple[tracking.ScriptRun, Values]] = {}
        self._running: dict[str, tuple[tracking.ScriptRun, Values]] = {}
        self._begun: list[Event] = []
        self._next_look = 0.0

    def on(self, compute: Compute) -> Self:
        """Hears the jobs of that compute."""
        self._compute = compute
        return self

    def expect(self, attempt: tracking.ScriptRun, values: Values) -> None:
        """The script's job will be submitted; until its end its run is open for writing."""
        self._expected[attempt.mlflow_id] = (attempt, values)

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        return self._inner.slots

    @property
    def free(self) -> int:
        """How many more could be submitted now and start at once."""
        return self._inner.free

    def submit(self, job: Job) -> None:
        """Starts a job."""
        attempt = self._expected.get(job.environment.get(_RUN_ID, ""))
        self._inner.submit(job)
        if attempt is not None:
            del self._expected[attempt[0].mlflow_id]
            self._running[job.key] = attempt
            self._begun.append(Report(job.key, {"run_id": attempt[0].run.id}))

    def events(self, timeout_s: float | None) -> Sequence[Event]:
        """What happened, and what was logged, since the last call; waits for it while anything runs."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            events = [*self._begun, *self._looked()]
            self._begun.clear()
            wait_s = 0.0 if events else self._wait_s(end)
            for event in self._inner.events(wait_s):
                events += self._with_logged(event)
            is_over = end is not None and time.monotonic() >= end
            if events or is_over or self._inner.free == self._inner.slots:
                return events

    def answer(self, key: str, record: Mapping[str, Any]) -> None:
        """Answers a job's question; scripts ask none."""
        self._inner.answer(key, record)

    def cancel(self, key: str) -> None:
        """Stops a job and every process it started."""
        self._inner.cancel(key)

    def close(self) -> None:
        """Stops everything. Runs that had not ended can be gone on with."""
        self._inner.close()
        for attempt, values in [*self._running.values(), *self._expected.values()]:
            with attempt.run:
                attempt.end("KILLED", values)
        self._running.clear()
        self._expected.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self.close()
        else:
            # That a store cannot be written any more is not the news.
            with contextlib.suppress(Exception):
                self.close()

    @property
    def _inner(self) -> Compute:
        if self._compute is None:
            raise RuntimeError("Heard.on names the compute first")
        return self._compute

    def _wait_s(self, end: float | None) -> float | None:
        """Until the next look, or the end of what the caller waits for."""
        if not self._running:
            return None if end is None else max(0.0, end - time.monotonic())
        until = self._next_look if end is None else min(end, self._next_look)
        return max(0.0, until - time.monotonic())

    def _looked(self) -> list[Event]:
        """What running scripts have logged since the last look, if it is time for one."""
        began = time.monotonic()
        if not self._running or began < self._next_look:
            return []
        events: list[Event] = []
        for key, (attempt, _) in self._running.items():
            events += self._reports(key, attempt)
        now = time.monotonic()
        self._next_look = now + max(self._poll_s, (now - began) / _LOOK_SHARE)
        return events

    def _reports(self, key: str, attempt: tracking.ScriptRun) -> list[Event]:
        return [Report(key, {"metrics": {self._metric: value}}) for value in attempt.news(self._metric)]

    def _with_logged(self, event: Event) -> list[Event]:
        """An event; before the outcome of a script all that it still had logged, and with it its run and figures."""
        if not isinstance(event, Outcome) or event.key not in self._running:
            return [event]
        attempt, values = self._running.pop(event.key)
        reports = self._reports(event.key, attempt)
        figures = attempt.figures()
        attempt.end(_STATUS.get(event.state, "FAILED"), values)
        with attempt.run as run:
            run.add_metrics(figures)
            run.update(artifacts=[os.path.relpath(place, run.folder) for place in attempt.artifacts()])
            _settle(run, event)
        return [*reports, replace(event, value={"run_id": run.id, "metrics": figures}, error=_why(event))]


def _why(outcome: Outcome) -> str | None:
    """What went wrong, with the last line that the script printed: mostly its exception."""
    lines = [line for line in outcome.traceback.splitlines() if line.strip()]
    if outcome.state != "Failed" or outcome.error is None or not lines:
        return outcome.error
    return f"{outcome.error}: {lines[-1].strip()[:_LONGEST_LINE]}"


def _settle(run: tracking.Run, outcome: Outcome) -> None:
    """Writes the end of a script into its run; one whose process was lost is gone on with."""
    if outcome.state == "Completed":
        run.finish({})
        run.settle()
    elif outcome.state == "Canceled":
        run.cancel("its sweep stopped it")
    elif outcome.state != "Lost":
        error = _why(outcome) or f"its job ended as {outcome.state}"
        run.fail(TrainingError(f"{error}\n{outcome.traceback}".strip(), "a script that ends well", "see its log"))
