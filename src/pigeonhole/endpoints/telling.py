"""A supervisor's line to the records: hears wishes, tells states, and outlives a database that is away for a while."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from pigeonhole.core.database import Database, Row
from pigeonhole.endpoints import records
from pigeonhole.endpoints.records import Report

logger = logging.getLogger("pigeonhole.endpoints")
EVER = 2**31 - 1


class Line:
    """The records of one endpoint. A failing database is logged and tried again; what runs must run on.

    Args:
        database_url: the workspace's records.
        name: the endpoint.
    """

    def __init__(self, database_url: str, name: str) -> None:
        self.url = database_url
        self._name = name
        self._database = records.declare(Database(database_url))
        self._told: dict[int, Report] = {}
        self._untold: dict[int, Report] = {}

    def newest(self) -> Row | None:
        """The newest deployment asked for; `None` too while the database cannot be read."""
        try:
            rows = records.deployments(self._database, self._name)
        except Exception:
            logger.exception("the records cannot be read")
            self._reconnect()
            return None
        return rows[-1] if rows else None

    def tell(self, generation: int, report: Report) -> None:
        """Records a report, if it is news; keeps it for `retry` where that is not possible now."""
        if self._told.get(generation) == report:
            self._untold.pop(generation, None)
            return
        try:
            records.tell(self._database, self._name, generation, report)
        except Exception:
            logger.exception("the state %s of generation %d could not be recorded", report.state, generation)
            self._untold[generation] = report
            return
        self._untold.pop(generation, None)
        self._told[generation] = report

    def retry(self) -> None:
        """Tries again what could not be recorded."""
        for generation, report in list(self._untold.items()):
            self.tell(generation, report)

    def end_before(self, generation: int) -> None:
        """Marks all earlier deployments as ended."""
        with _logged("the end of earlier deployments could not be recorded"):
            records.end_others(self._database, self._name, generation)

    def end_one(self, generation: int) -> None:
        """Marks one deployment as ended."""
        with _logged("the end of a deployment could not be recorded"):
            records.end_one(self._database, self._name, generation)

    def leave(self, handled: int = EVER) -> bool:
        """Says goodbye, unless a later deployment than `handled` was asked for; then False."""
        with _logged("the goodbye could not be recorded"):
            return records.leave(self._database, self._name, handled)
        return True

    def close(self) -> None:
        """Ends the connection."""
        self._database.close()

    def _reconnect(self) -> None:
        with contextlib.suppress(Exception):
            fresh = records.declare(Database(self.url))
            self._database.close()
            self._database = fresh


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        logger.exception(what)
