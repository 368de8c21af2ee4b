"""One fit of a candidate, from its proposal to what became of it. Holds values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pigeonhole.automl.candidates import Candidate

# What is held out: the validation split, one fold of several, nothing (the last fit after all folds are known), or the
# validation split and a share of the training images (the second fit of a member, by which a stack is judged).
HOLD_OUT = "hold-out"
ALL = "all"
REFIT = "refit"


def fold(number: int, folds: int) -> str:
    """The part that is scored on fold `number`, from 1."""
    return f"fold {number}/{folds}"


@dataclass(frozen=True)
class Fit:
    """What is to be fitted.

    Attributes:
        candidate: what.
        images: on how many images.
        part: what is held out: `hold-out`, `fold 2/5`, or `all`: nothing.
    """

    candidate: Candidate
    images: int
    part: str = HOLD_OUT

    @property
    def key(self) -> str:
        """Its name in the search, and of its folder."""
        return f"{self.candidate.key}/{self.images}/{self.part}"


@dataclass(frozen=True)
class Tried:
    """What became of a fit, or becomes of it.

    Attributes:
        fit: what was fitted.
        number: in order of starting, from 1.
        state: `running`, `ok`, `stopped`, `not-applicable` or `failed`.
        score: the primary metric; `None` before it is known, and where nothing is held out.
        low: where its 95% interval begins.
        high: where it ends.
        seconds: that the fit has taken, its export included.
        fit_s: of them, those of training and scoring.
        at_s: when it ended, in seconds of the search.
        run_id: its run, where it was exported.
        latency_ms: of one image through its bundle.
        size_bytes: of its bundle.
        metrics: further figures.
        reason: why it has no score.
    """

    fit: Fit
    number: int
    state: str = "running"
    score: float | None = None
    low: float | None = None
    high: float | None = None
    seconds: float = 0.0
    fit_s: float = 0.0
    at_s: float | None = None
    run_id: str | None = None
    latency_ms: float | None = None
    size_bytes: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None

    @property
    def is_ok(self) -> bool:
        """Whether it reached its end."""
        return self.state == "ok"

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.state == "running"
