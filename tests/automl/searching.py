"""Searches without a model: fits whose scores and seconds are made up, on a clock that only they move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.facts import Facts
from pigeonhole.automl.fits import Fit, Tried
from pigeonhole.automl.loop import Plan
from pigeonhole.automl.pace import Pace
from pigeonhole.automl.situation import Epochs, Situation
from pigeonhole.compute.job import Event, Job, Outcome, Report
from pigeonhole.models.costs import Cost

FACTS = Facts(50_000, 5_000, (28, 28, 1), 10, None, 2)
SECONDS = {"logistic-regression": 1e-4, "knn": 2e-4, "svm-rbf": 1e-3, "xgboost": 4e-3, "cnn-fast": 2e-4, "cnn": 1e-3}


def estimator(preset: str, key: str | None = None) -> Candidate:
    """A candidate that is an estimator."""
    return Candidate(key or preset, preset, "estimator", preset.upper())


ESTIMATORS = [estimator(preset) for preset in ("xgboost", "svm-rbf", "knn", "logistic-regression")]
NETWORKS = {"cnn-fast": Epochs(2), "cnn": Epochs(6)}


def declared(candidate: Candidate, images: int) -> Cost:
    """So many seconds an image, and for networks an epoch in the preset's own number of them."""
    default = NETWORKS[candidate.preset].default or 1 if candidate.preset in NETWORKS else 1
    share = float(candidate.settings.get("epochs", default)) / default
    return Cost(fit_s=SECONDS[candidate.preset] * images * share, predict_s=0.0, memory_bytes=10**8, export_s=0.0)


def plan(
    estimators: Sequence[Candidate] = ESTIMATORS,
    networks: Mapping[str, Epochs] = NETWORKS,
    facts: Facts = FACTS,
    limits: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Plan:
    """A plan of these candidates."""
    return Plan(facts, estimators, list(networks), networks, limits or {}, declared, 10**9, **settings)


def situation(
    tried: Sequence[Tried] = (), *, left_s: float = 600.0, budget_s: float = 600.0, of: Plan | None = None
) -> Situation:
    """What is known after these fits."""
    from_plan = of or plan()
    return Situation(
        from_plan.facts,
        tried,
        from_plan.estimators,
        from_plan.networks,
        from_plan.epochs,
        from_plan.limits,
        Pace(from_plan.declared, tried),
        left_s,
        budget_s,
    )


def ended(fit: Fit, number: int, score: float, **known: Any) -> Tried:
    """A fit that went well and took what it was to take."""
    seconds = declared(fit.candidate, fit.images).fit_s
    own: dict[str, Any] = {"seconds": seconds, "fit_s": seconds, "at_s": float(number), "low": score, "high": score}
    return Tried(fit, number, "ok", score, **{**own, **known})


@dataclass
class FakeCompute:
    """Runs nothing: each job ends when the clock says so, with what the test makes of it.

    Attributes:
        slots: jobs at once.
        result: seconds and score of a fit's key; or a state to end in.
        now_s: the clock.
    """

    slots: int
    result: Callable[[str], tuple[float, float | str]]
    now_s: float = 0.0
    submitted: list[Job] = field(default_factory=list)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _running: dict[str, tuple[Job, float]] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _canceled: set[str] = field(default_factory=set)

    def clock(self) -> float:
        """Seconds."""
        return self.now_s

    @property
    def free(self) -> int:
        """Places that are free."""
        return self.slots - len(self._running)

    def submit(self, job: Job) -> None:
        """Notes when it will end."""
        self.submitted.append(job)
        self._running[job.key] = (job, self.now_s)

    def cancel(self, key: str) -> None:
        """It ends now."""
        self._canceled.add(key)

    def answer(self, key: str, record: Mapping[str, Any]) -> None:
        """Keeps the answer."""
        self.answers[key] = record

    def events(self, timeout_s: float | None) -> Sequence[Event]:
        """What is due next, or what `timeout_s` brings."""
        for key in list(self._canceled & self._running.keys()):
            return [self._end(key, "Canceled")]
        if not self._running:
            return []
        key = min(self._running, key=self._due)
        due = self._due(key)
        if timeout_s is not None and due > self.now_s + timeout_s:
            self.now_s += timeout_s
            return []
        self.now_s = max(self.now_s, due)
        job, began_s = self._running[key]
        _, score = self.result(key)
        if job.deadline_s is not None and due >= began_s + job.deadline_s:
            return [self._end(key, "TimedOut")]
        if isinstance(score, str):
            return [self._end(key, score)]
        if key not in self._asked:
            self._asked.add(key)
            figures = {"score": score, "low": score, "high": score, "fit_s": self.now_s - began_s, "metrics": {}}
            return [Report(key, {"figures": figures}, question=True)]
        return [self._end(key, "Completed")]

    def close(self) -> None:
        """Nothing is left."""

    def __enter__(self) -> FakeCompute:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _due(self, key: str) -> float:
        job, began_s = self._running[key]
        return began_s + min(self.result(key)[0], job.deadline_s or float("inf"))

    def _end(self, key: str, state: Any) -> Outcome:
        _, began_s = self._running.pop(key)
        self._canceled.discard(key)
        exports = self.answers.get(key, {}).get("export")
        value = {"run_id": f"run-{len(self.submitted)}", "latency_ms": 1.0, "size_bytes": 1} if exports else {}
        error = None if state == "Completed" else f"it ended as {state}"
        return Outcome(key, state, value, error=error, seconds=self.now_s - began_s)
