"""What the job of a trial says to the sweep and hears from it: one form for presets and for users' scripts.

A record is `{"metrics": {name: number}, "run_id": …, "intervals": …}`, each key where there is something to say. Each
record that has the primary metric is the trial's next interval. A job that goes on after a kill says everything again
from the first interval; what is known already changes nothing. The answer to a question is `{"go": true}` or
`{"stop": reason}`. In the end the job returns `{"metrics": {name: number}, "run_id": …}`, its final figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pigeonhole.compute.job import Conversation

GO: Mapping[str, Any] = {"go": True}


def stop(reason: str) -> Mapping[str, Any]:
    """The answer that ends a trial."""
    return {"stop": reason}


class Voice:
    """The side of the job.

    Args:
        conversation: with the owner of the compute.
        asks: whether to ask at each interval if the trial is to go on; without a policy nobody would say no.
    """

    def __init__(self, conversation: Conversation, asks: bool) -> None:
        self._conversation, self._asks = conversation, asks

    def begin(self, run_id: str) -> None:
        """Tells which run the trial is."""
        self._conversation.report({"run_id": run_id})

    def log(self, metrics: Mapping[str, Any], intervals: int | None = None) -> str | None:
        """Tells the figures of an interval; why to stop, or `None` to go on.

        Args:
            metrics: figures by name; what is no number is left out.
            intervals: how many there will be if nobody stops it; `None` where that is not known.
        """
        record: dict[str, Any] = {"metrics": numbers(metrics)}
        if intervals is not None:
            record["intervals"] = intervals
        if not self._asks:
            self._conversation.report(record)
            return None
        reason = self._conversation.ask(record).get("stop")
        return None if reason is None else str(reason)


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among `metrics`; a truth value is none."""
    return {
        str(name): value
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


@dataclass(frozen=True)
class Said:
    """A record, or a returned value, on the side of the sweep.

    Attributes:
        metrics: figures by name.
        run_id: of the trial's run, where it was told.
        intervals: how many the trial will have.
        question: whether the job waits for an answer.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    intervals: int | None = None
    question: bool = False

    @classmethod
    def of(cls, record: Any, question: bool = False) -> Said:
        """What a record says; whatever is no mapping says nothing."""
        if not isinstance(record, Mapping):
            return cls(question=question)
        metrics = record.get("metrics")
        return cls(
            numbers(metrics) if isinstance(metrics, Mapping) else {},
            record.get("run_id"),
            record.get("intervals"),
            question,
        )
