"""`python -m pigeonhole.endpoints NAME FOLDER < URL`: becomes the detached supervisor process of one endpoint."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from pigeonhole.core.database import Database
from pigeonhole.core.locks import exclusive
from pigeonhole.endpoints import records
from pigeonhole.endpoints.processes import Identity
from pigeonhole.endpoints.supervisor import Supervisor
from pigeonhole.endpoints.tables import declare


def main() -> int:
    """Returns to the caller once the detached process has put itself on record."""
    # The URL may hold a password, and arguments are for all to see.
    database_url = sys.stdin.read().strip()
    name, folder = sys.argv[1], Path(sys.argv[2])
    # Whoever sees us on record may send this at once, and by default it ends a process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    read_fd, write_fd = os.pipe()
    if os.fork():
        os.close(write_fd)
        return 0 if os.read(read_fd, 1) else 1
    os.close(read_fd)
    os.setsid()
    _redirect(folder / "log.txt")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%FT%T%z")
    # The one before may still be saying goodbye.
    with exclusive(folder / "supervisor.lock", f"endpoint {name}", wait=True):
        _register(database_url, name)
        os.write(write_fd, b"1")
        os.close(write_fd)
        Supervisor(database_url, name, folder).run()
    return 0


def _register(database_url: str, name: str) -> None:
    database = declare(Database(database_url))
    identity = Identity.of(os.getpid())
    if identity:
        records.set_supervisor(database, name, identity)
    database.close()


def _redirect(log: Path) -> None:
    """Nothing of the caller's terminal or pipes stays open here."""
    null, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(null, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(null)
    os.close(file)


if __name__ == "__main__":
    sys.exit(main())
