"""A supervisor's line to the records: hears wishes, tells states, and outlives a database that is away for a while."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from pigeonhole.core.database import Database
from pigeonhole.endpoints import changes, records
from pigeonhole.endpoints.plans import Change
from pigeonhole.endpoints.records import Report
from pigeonhole.endpoints.tables import declare

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
        self._database = declare(Database(database_url))
        self._told: dict[int, Report] = {}
        # What could not be written, in the order in which it happened; of one deployment only the newest state.
        self._unwritten: dict[object, Callable[[], None]] = {}

    def newest(self) -> Change | None:
        """The newest change asked for; `None` too while the database cannot be read."""
        return self._read(changes.newest)

    def in_effect(self) -> Change | None:
        """The newest change that was done; `None` too while the database cannot be read."""
        return self._read(changes.in_effect)

    def tell(self, generation: int, report: Report) -> None:
        """Records the state of a deployment, if it is news."""
        if self._told.get(generation) == report:
            return
        self._told[generation] = report
        self._write(generation, lambda: records.tell(self._database, self._name, generation, report))

    def take_effect(self, generation: int, port: int) -> None:
        """Marks a change as done on a port, and the deployments that it leaves out as ended."""
        self._write(("done", generation), lambda: changes.take_effect(self._database, self._name, generation, port))

    def refuse(self, generation: int, reason: str, remedy: str) -> None:
        """Marks a change as refused."""
        self._write(
            ("refused", generation), lambda: changes.refuse(self._database, self._name, generation, reason, remedy)
        )

    def give_up(self, generation: int) -> None:
        """Marks a change as given up for a later one."""
        self._write(("given up", generation), lambda: changes.give_up(self._database, self._name, generation))

    def take_back(self, generation: int, why: str) -> bool:
        """Asks for what was there before a change; False where there is nothing to go back to."""
        try:
            return changes.take_back(self._database, self._name, generation, why)
        except Exception:
            logger.exception("the way back could not be recorded")
            return False

    def retry(self) -> None:
        """Tries again what could not be recorded."""
        for key, write in list(self._unwritten.items()):
            self._write(key, write)

    def leave(self, handled: int = EVER) -> bool:
        """Says goodbye, unless a later change than `handled` was asked for; then False."""
        try:
            return records.leave(self._database, self._name, handled)
        except Exception:
            logger.exception("the goodbye could not be recorded")
        return True

    def close(self) -> None:
        """Ends the connection."""
        self._database.close()

    def _read(self, read: Callable[[Database, str], Change | None]) -> Change | None:
        try:
            return read(self._database, self._name)
        except Exception:
            logger.exception("the records cannot be read")
            self._reconnect()
            return None

    def _write(self, key: object, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception:
            logger.exception("a state could not be recorded; it is tried again")
            self._unwritten[key] = write
            return
        self._unwritten.pop(key, None)

    def _reconnect(self) -> None:
        with contextlib.suppress(Exception):
            fresh = declare(Database(self.url))
            self._database.close()
            self._database = fresh
