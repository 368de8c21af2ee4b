from __future__ import annotations

import sqlite3
import threading

from pigeonhole.core.database import Database


def test_opening_waits_for_a_first_user_who_is_still_writing(tmp_path):
    path = tmp_path / "records.db"
    first = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    first.execute("CREATE TABLE t (a)")
    first.execute("BEGIN IMMEDIATE")  # in the old journal mode, SQLite refuses the change of mode at once
    release = threading.Timer(0.2, lambda: (first.execute("COMMIT"), first.close()))
    release.start()
    database = Database(f"sqlite:///{path}")
    release.join()
    assert database.execute("PRAGMA journal_mode")[0]["journal_mode"] == "wal"
    database.close()
