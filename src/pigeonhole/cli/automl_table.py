"""An AutoML search on stderr while it runs, a live leaderboard or lines for a log, and its result on stdout."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from pigeonhole.cli.output import print_facts, print_table, say, size
from pigeonhole.cli.trial_table import plain

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table

_BEST = 10
_RUNNING = 4
_ALIKE = 3
_STYLES = {"running": "cyan", "stopped": "yellow", "failed": "red", "not-applicable": "dim"}


class Row(Protocol):
    """What is shown of a row of the leaderboard."""

    @property
    def candidate(self) -> str:
        """Its key in the search."""

    @property
    def name(self) -> str:
        """As users know it."""

    @property
    def state(self) -> str:
        """`ok`, `stopped`, `not-applicable`, `failed` or `running`."""

    @property
    def score(self) -> float | None:
        """The primary metric on validation."""

    @property
    def low(self) -> float | None:
        """Of its 95% interval."""

    @property
    def high(self) -> float | None:
        """Of its 95% interval."""

    @property
    def images(self) -> int | None:
        """How many the fit of this score was trained on."""

    @property
    def seconds(self) -> float:
        """Of all its fits."""

    @property
    def latency_ms(self) -> float | None:
        """Of one that was exported."""


class LeaderboardTable:
    """A view of a search; use it in a `with` block."""

    def __init__(self) -> None:
        self._metric = "accuracy"
        self._phase = ""
        self._rows: Sequence[Row] = ()
        self._left_s, self._told_at = 0.0, time.monotonic()
        self._best: tuple[str, float] | None = None
        self._live: Live | None = None

    def on_start(self, facts: Mapping[str, Any]) -> None:
        """Says what is searched: `search`, `dataset`, `primary_metric`, `budget_s`; `candidates`, `notes` if known."""
        self._metric = facts["primary_metric"]
        number = facts.get("candidates")
        tried = f", {number} candidates" if isinstance(number, int) else ""
        say(
            f"automl {facts['search']}: {facts['dataset']} by {self._metric}{tried}, "
            f"within {duration(facts['budget_s'])}"
        )
        for note in facts.get("notes") or ():
            say(f"note: {note}")
        self._heard(facts["budget_s"])
        if sys.stderr.isatty():
            self._begin()

    def on_phase(self, text: str) -> None:
        """Says what happens now; in a log once a phase, with how many candidates are in which state."""
        if text == self._phase:
            return
        self._phase = text
        if self._live is None:
            counts = self._counts()
            say(f"{text}  ({counts}, {duration(self.left_s)} left)" if counts else text)

    def on_rows(self, rows: Sequence[Row], left_s: float) -> None:
        """Shows the leaderboard as it is now.

        Args:
            rows: best first.
            left_s: of the budget.
        """
        self._rows = rows
        self._heard(left_s)
        best = self._leader()
        if best is None or best.score is None or (best.candidate, best.score) == self._best:
            return
        self._best = (best.candidate, best.score)
        if self._live is None:
            say(f"best so far: {self._line(best)}, {duration(self.left_s)} left")

    def say_best(self) -> None:
        """Says the best so far, where something has a score."""
        best = self._leader()
        say("no candidate has a score yet" if best is None else f"best so far: {self._line(best)}")

    @property
    def left_s(self) -> float:
        """Of the budget, now."""
        return max(0.0, self._left_s - (time.monotonic() - self._told_at))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __rich__(self) -> Group:
        """The picture of this moment: rich asks anew at each refresh, so that the time runs between two changes."""
        from rich.console import Group
        from rich.text import Text

        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in self._below()]
        return Group(self._table(), *lines)

    def _begin(self) -> None:
        from rich.console import Console
        from rich.live import Live

        # Transient: what is left in the end is the result, on stdout.
        self._live = Live(self, console=Console(file=sys.stderr), transient=True, refresh_per_second=4)
        self._live.start()

    def _heard(self, left_s: float) -> None:
        self._left_s, self._told_at = left_s, time.monotonic()

    def _leader(self) -> Row | None:
        return next((row for row in self._rows if row.score is not None), None)

    def _line(self, row: Row) -> str:
        images = f" on {row.images:,} images" if row.images is not None else ""
        return f"{row.name} {uncertain(self._metric, row.score, row.low, row.high)}{images}"

    def _counts(self) -> str:
        counts = Counter(row.state for row in self._rows)
        return ", ".join(f"{count} {state}" for state, count in counts.items())

    def _below(self) -> list[str]:
        running = [row.name for row in self._rows if row.state == "running"]
        more = f" and {len(running) - _RUNNING} more" if len(running) > _RUNNING else ""
        now = "; ".join(running[:_RUNNING]) + more
        told = ": ".join(part for part in (self._phase, now) if part)
        return [
            f"now  {told or 'getting ready'}",
            " · ".join(part for part in (f"{duration(self.left_s)} left", self._counts()) if part),
        ]

    def _table(self) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("#", justify="right", no_wrap=True)
        # The only column that may be narrowed, so that no figure is ever cut.
        table.add_column("candidate")
        table.add_column("state", no_wrap=True)
        for column in (self._metric, "images", "time", "latency"):
            table.add_column(column, justify="right", no_wrap=True)
        for place, row in enumerate(self._shown(), 1):
            name = Text(row.name, no_wrap=True, overflow="ellipsis")
            table.add_row(
                str(place), name, *self._cells(row), style=_STYLES.get(row.state, "bold" if place == 1 else "")
            )
        return table

    def _shown(self) -> list[Row]:
        return [row for row in self._rows if row.score is not None][:_BEST]

    def _cells(self, row: Row) -> list[str]:
        return [
            row.state,
            uncertain(self._metric, row.score, row.low, row.high),
            "" if row.images is None else f"{row.images:,}",
            duration(row.seconds),
            "" if row.latency_ms is None else f"{row.latency_ms:.3g} ms",
        ]


def print_leaderboard(facts: Mapping[str, Any]) -> None:
    """The finished search on stdout: its leaderboard, best first, and what came of it.

    Args:
        facts: the outcome as `to_dict()` gives it.
    """
    metric, best = facts["primary_metric"], facts["best"]
    columns = ["#", "candidate", "state", metric, "images", "time", "latency", "size", "run"]
    rows = [_row(metric, place, row) for place, row in enumerate(facts["leaderboard"], 1)]
    print_table(columns, rows, "no candidate")
    print_facts(
        f"automl {facts['search']}",
        {
            "status": facts["status"],
            "candidates": ", ".join(f"{count} {state}" for state, count in facts["counts"].items() if count),
            "best": best["name"],
            metric: uncertain(metric, best["score"], best["low"], best["high"]),
            "run": best["run_id"],
            **{name: _members(metric, ensemble) for name, ensemble in facts["ensembles"].items()},
            "alerts": "\n".join(one["friendly_result"] for one in facts["guardrails"] if one["result"] == "alerted")
            or None,
            "seconds": f"{facts['seconds']:,.1f} of {facts['budget_s']:,.0f}",
            "report": facts["report"],
            "folder": facts["folder"],
        },
    )
    for line in _without_score(facts["leaderboard"]):
        say(line)


def _without_score(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why some have no score; those for the same reason in one line."""
    names: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["state"] in {"stopped", "failed", "not-applicable"}:
            names.setdefault((row["state"], _gist(row["reason"])), []).append(row["name"])
    lines = []
    for (state, reason), alike in names.items():
        more = f" and {len(alike) - _ALIKE} more" if len(alike) > _ALIKE else ""
        lines.append(f"{'; '.join(alike[:_ALIKE])}{more} {state}: {reason}")
    return lines


def uncertain(metric: str, score: float | None, low: float | None = None, high: float | None = None) -> str:
    """`99.41% ± 0.18`, half of the 95% interval; a score that is not perfect never reads as one."""
    if score is None:
        return "–"
    half = None if low is None or high is None else (high - low) / 2
    if metric != "accuracy" or not 0 <= score <= 1:
        text = f"{score:.8g}" if score < 1 and f"{score:.5g}" == "1" else plain(score)
        return text if half is None else f"{text} ± {half:.2g}"
    text = f"{score:.4%}" if score < 1 and f"{score:.2%}" == "100.00%" else f"{score:.2%}"
    return text if half is None else f"{text} ± {100 * half:.2f}"


def duration(seconds: float) -> str:
    """`4.2s`, `48s`, `12m05s`, `1h07m`."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _row(metric: str, place: int, row: Mapping[str, Any]) -> list[Any]:
    return [
        place,
        row["name"],
        row["state"],
        uncertain(metric, row["score"], row["low"], row["high"]),
        "" if row["images"] is None else f"{row['images']:,}",
        duration(row["seconds"]),
        "" if row["latency_ms"] is None else f"{row['latency_ms']:.3g} ms",
        "" if row["size_bytes"] is None else size(row["size_bytes"]),
        row["run_id"],
    ]


def _members(metric: str, ensemble: Mapping[str, Any]) -> str:
    """A member a line, with its weight where it has one."""
    lines = []
    for member in ensemble["members"]:
        weight = member.get("weight")
        lines.append(
            f"{'' if weight is None else f'{weight:.3f}  '}{member['name']} {uncertain(metric, member['score'])}"
        )
    return "\n".join(lines)


def _gist(reason: str | None) -> str:
    """What happened: the first line of an error, the last of a traceback."""
    lines = (reason or "no reason was recorded").strip().splitlines() or ["no reason was recorded"]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]
