"""What became of a search, as users see it, and kept in its folder. Runs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pigeonhole.automl.leaderboard import LeaderboardRow
from pigeonhole.core.files import read_json, write_json

FILE = "outcome.json"


@dataclass(frozen=True)
class AutomlOutcome:
    """A search that has ended.

    Attributes:
        search: its name.
        status: Completed, TimedOut (more could have been tried; with a larger budget the same line goes on), Canceled.
        dataset: with its version.
        primary_metric: by which candidates are ranked.
        best: the row that the limits of the choice allow and that ranks first.
        leaderboard: a row for each candidate and ensemble, the best first.
        counts: how many in each state.
        seconds: that the search has taken, kills included.
        budget_s: that it might take.
        ensembles: by key, the members of each ensemble with weights and scores.
        guardrails: as Azure ML tells them.
        history: each score in the order in which it was known.
        notes: what the user should know, a sentence each.
        folder: where the search's files are.
        report: the page that shows it; `None` where there was no time for it, or no package for charts.
        ends: what besides the budget could end it.
    """

    search: str
    status: str
    dataset: str
    primary_metric: str
    best: LeaderboardRow
    leaderboard: tuple[LeaderboardRow, ...]
    seconds: float
    budget_s: float
    ensembles: Mapping[str, Mapping[str, Any]]
    guardrails: tuple[Mapping[str, Any], ...]
    history: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    folder: str
    report: str | None = None
    ends: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The best's run: `pigeonhole evaluate` and `register` take it from here."""
        return self.best.run_id or ""

    @property
    def counts(self) -> dict[str, int]:
        """Rows of the leaderboard by state."""
        return dict(Counter(row.state for row in self.leaderboard))

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-ready values."""
        return {**asdict(self), "run_id": self.run_id, "counts": self.counts}

    def save(self, folder: Path) -> None:
        """Keeps it in the search's folder."""
        write_json(folder / FILE, self.to_dict())


def read_outcome(folder: Path) -> AutomlOutcome | None:
    """What `save` kept; `None` where there is nothing."""
    if not (folder / FILE).is_file():
        return None
    kept: dict[str, Any] = read_json(folder / FILE)
    rows = _rows(kept.pop("leaderboard"))
    best = LeaderboardRow(**kept.pop("best"))
    for derived in ("run_id", "counts"):
        kept.pop(derived)
    lists: dict[str, Any] = {name: tuple(kept.pop(name)) for name in ("guardrails", "history", "notes")}
    return AutomlOutcome(best=best, leaderboard=rows, **lists, **kept)


def _rows(values: Sequence[Mapping[str, Any]]) -> tuple[LeaderboardRow, ...]:
    return tuple(LeaderboardRow(**value) for value in values)
