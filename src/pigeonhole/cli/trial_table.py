"""A sweep's trials on stderr while they run: a live table on a terminal, a line for each start and end elsewhere."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pigeonhole.cli.output import say

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from pigeonhole.workflows.sweep_outcome import TrialOutcome

# A taller table would scroll, and then rich writes it again and again below itself.
_ROWS = 15
_WHOLE = 1e15
_STYLES = {"Running": "cyan", "Completed": "green", "Terminated": "yellow", "Failed": "red"}


class TrialTable:
    """A view of a sweep; use it in a `with` block."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}
        self._trials: dict[int, TrialOutcome] = {}
        self._live: Live | None = None

    def on_start(self, facts: dict[str, Any]) -> None:
        """Says what is to be tried, and what the spec's reader should know."""
        self._facts = facts
        judged = f", {facts['early_termination']}" if facts["early_termination"] else ""
        what = facts["model"] or "a command"
        say(
            f"sweep {facts['sweep']}: {what} on {facts['dataset'] or 'its inputs'}, {facts['sampling_algorithm']}"
            f"{judged}, at most {facts['max_total_trials']} trials, {facts['max_concurrent_trials']} at a time"
        )
        for note in facts["notes"]:
            say(f"note: {note}")
        if sys.stderr.isatty():
            self._begin()

    def on_trial(self, trial: TrialOutcome) -> None:
        """Shows what changed."""
        before = self._trials.get(trial.number)
        self._trials[trial.number] = trial
        if self._live is not None:
            self._live.update(self._table())
        elif before is None or before.state != trial.state:
            say(self._line(trial))

    def say_best(self) -> None:
        """Says the best trial so far, where one has ended."""
        best = self._best()
        if best is None:
            say("no trial has ended yet")
        else:
            say(f"best so far: {self._line(best)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _begin(self) -> None:
        from rich.console import Console
        from rich.live import Live

        # Transient: what is left in the end is the result, on stdout.
        self._live = Live(self._table(), console=Console(file=sys.stderr), transient=True, refresh_per_second=4)
        self._live.start()

    def _best(self) -> TrialOutcome | None:
        ended = [trial for trial in self._trials.values() if trial.state == "Completed" and trial.objectives]
        sign = -1 if self._facts["goals"][0] == "maximize" else 1
        return min(ended, key=lambda trial: (sign * (trial.objectives or [0])[0], trial.number), default=None)  # type: ignore[operator]

    def _line(self, trial: TrialOutcome) -> str:
        parts = [f"trial {trial.number}", trial.state, values_text(trial.values)]
        if trial.objectives:
            parts += [
                f"{name} {figure(name, value)}" for name, value in zip(self._metrics, trial.objectives, strict=True)
            ]
        parts += [trial.run_id] if trial.run_id else []
        return "  ".join([*parts, trial.reason] if trial.reason else parts)

    @property
    def _metrics(self) -> list[str]:
        return list(self._facts["metrics"])

    def _table(self) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        best = self._best()
        table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=self._caption(best), caption_justify="left")
        for column in ("trial", "state", "intervals", self._metrics[0], "seconds", "values"):
            table.add_column(column)
        for trial in self._shown():
            latest = (trial.objectives or list(trial.reports)[-1:] or [None])[0]
            table.add_row(
                f"{trial.number}{' ★' if best and best.number == trial.number else ''}",
                trial.state,
                str(len(trial.reports)),
                "" if latest is None else figure(self._metrics[0], latest),
                f"{trial.seconds:.0f}",
                values_text(trial.values),
                style=_STYLES[trial.state] if trial.state != "Completed" else "",
            )
        return table

    def _shown(self) -> list[TrialOutcome]:
        """Those that run and those that came last."""
        numbers = sorted(self._trials)
        running = [number for number in numbers if self._trials[number].state == "Running"]
        ended = [number for number in numbers if self._trials[number].state != "Running"]
        room = max(0, _ROWS - len(running))
        return [self._trials[number] for number in sorted(ended[len(ended) - room :] + running)[-_ROWS:]]

    def _caption(self, best: TrialOutcome | None) -> str:
        ended = sum(trial.state != "Running" for trial in self._trials.values())
        told = f"{ended} of at most {self._facts['max_total_trials']} trials have ended"
        return told if best is None else f"{told}; best so far: {self._line(best)}"


def figure(metric: str, value: float | None) -> str:
    """A metric's value as text; a share of images as a percentage."""
    if value is None or not math.isfinite(value):
        return "–"
    share = metric.rpartition("_")[2] in {"accuracy", "acc"} and 0 <= value <= 1
    return f"{value:.2%}" if share else plain(value)


def plain(value: float) -> str:
    """A number as text: a whole one with all its digits, bytes say."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < _WHOLE else f"{value:.5g}"


def values_text(values: Mapping[str, Any]) -> str:
    """`learning_rate=0.00323 batch_size=64`."""
    return " ".join(f"{name}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
