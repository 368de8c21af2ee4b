"""A search on disk: its row, and a row for each fit, written before and after it. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.fits import Fit, Tried
from pigeonhole.core.database import Database, Row, Step

ROOM = "automl"
_MIGRATIONS: dict[int, list[Step]] = {
    1: [
        "CREATE TABLE automl_searches (name TEXT PRIMARY KEY, consumed_s REAL NOT NULL, status TEXT NOT NULL,"
        " facts TEXT NOT NULL)",
        "CREATE TABLE automl_fits (search TEXT NOT NULL REFERENCES automl_searches (name), number INTEGER NOT NULL,"
        " candidate TEXT NOT NULL, images INTEGER NOT NULL, part TEXT NOT NULL, state TEXT NOT NULL,"
        " figures TEXT NOT NULL, PRIMARY KEY (search, number))",
    ]
}
_FIGURES = (
    "score",
    "low",
    "high",
    "seconds",
    "fit_s",
    "at_s",
    "run_id",
    "latency_ms",
    "size_bytes",
    "metrics",
    "reason",
)


class SearchRecord:
    """One search's rows.

    Args:
        database: the workspace's.
        name: the search's.
    """

    def __init__(self, database: Database, name: str) -> None:
        database.declare(ROOM, _MIGRATIONS)
        self._database, self.name = database, name
        database.execute(
            "INSERT INTO automl_searches (name, consumed_s, status, facts) VALUES (?, 0, 'Running', '{}')"
            " ON CONFLICT (name) DO NOTHING",
            (name,),
        )

    @property
    def consumed_s(self) -> float:
        """Seconds of the budget that the search has taken, kills included."""
        return float(self._row()["consumed_s"])

    @property
    def status(self) -> str:
        """Running (also where a kill left it so), Completed, TimedOut or Canceled."""
        return str(self._row()["status"])

    def note(self, consumed_s: float, status: str = "Running") -> None:
        """Writes down how much of the budget is gone."""
        self._database.execute(
            "UPDATE automl_searches SET consumed_s = ?, status = ? WHERE name = ?",
            (round(consumed_s, 3), status, self.name),
        )

    def fits(self) -> list[Tried]:
        """All fits in order of starting."""
        rows = self._database.execute("SELECT * FROM automl_fits WHERE search = ? ORDER BY number", (self.name,))
        return [_tried(row) for row in rows]

    def write(self, tried: Tried) -> None:
        """Writes a fit as it is now."""
        figures = {name: getattr(tried, name) for name in _FIGURES}
        self._database.execute(
            "INSERT INTO automl_fits (search, number, candidate, images, part, state, figures)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (search, number) DO UPDATE SET state = excluded.state,"
            " figures = excluded.figures",
            (
                self.name,
                tried.number,
                json.dumps(tried.fit.candidate.to_dict()),
                tried.fit.images,
                tried.fit.part,
                tried.state,
                json.dumps(_plain(figures), allow_nan=False),
            ),
        )

    def _row(self) -> Row:
        return self._database.execute("SELECT * FROM automl_searches WHERE name = ?", (self.name,))[0]


def _tried(row: Row) -> Tried:
    candidate = Candidate.from_dict(json.loads(row["candidate"]))
    fit = Fit(candidate, int(row["images"]), row["part"])
    return Tried(fit, int(row["number"]), row["state"], **json.loads(row["figures"]))


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    metrics: Mapping[str, Any] = figures["metrics"]
    return {**figures, "metrics": dict(metrics)}
