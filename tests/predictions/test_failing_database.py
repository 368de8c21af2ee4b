"""A database that is locked, full, read-only or gone: the server answers on, and what is lost is counted and told."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest

from pigeonhole.core.database import Database
from pigeonhole.core.errors import UnavailableError, UsageError
from pigeonhole.predictions import add_feedback, read_window, writing
from pigeonhole.predictions import log as log_module
from tests.predictions.making import entry, open_log


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(writing, "LOCK_WAIT_S", 0.01)
    monkeypatch.setattr(log_module, "RETRY_S", 0.01)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def pragma(log, text):
    log._writer._database.execute(f"PRAGMA {text}")


@contextlib.contextmanager
def locked(url, log):
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextlib.contextmanager
def full(url, log):
    pragma(log, "max_page_count = 1")  # SQLite takes the least that holds what is there
    yield
    pragma(log, "max_page_count = 1000000")


@contextlib.contextmanager
def read_only(url, log):
    pragma(log, "query_only = ON")
    yield
    pragma(log, "query_only = OFF")


@pytest.mark.parametrize(
    ("failing", "said"), [(locked, "database is locked"), (full, "is full"), (read_only, "readonly database")]
)
def test_entries_wait_for_the_database_and_are_written_once(sqlite_url, caplog, failing, said):
    log = open_log(sqlite_url, capacity=20)
    log.add(entry(log, 0, [0]))
    log.flush()
    with failing(sqlite_url, log):
        log.add(entry(log, 1, [0] * 2000))
        until(lambda: "cannot be written" in caplog.text)
        until(lambda: not log._waiting)
        for number in range(2, 27):
            log.add(entry(log, number, [0]))
        assert (log.written, log.dropped) == (1, 5)
        assert not log.flush(timeout_s=0.05)
    assert log.flush()
    assert (log.written, log.dropped) == (22, 5)
    log.close()
    message = next(record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert said in message
    assert "\naccepted: a database that takes writes\nnext: " in message
    window = read_window(Database(sqlite_url), "digits")
    assert (len(window.status_R), window.lost_requests) == (22, 5)


def test_a_database_that_stays_away_is_told_of_seldom(sqlite_url, caplog):
    log = open_log(sqlite_url)
    tries = []
    store = log._store
    log._store = lambda *block: tries.append(1) or store(*block)
    with read_only(sqlite_url, log):
        log.add(entry(log, 0, [0]))
        until(lambda: len(tries) > 5)
        assert sum("cannot be written" in record.getMessage() for record in caplog.records) == 1
    with caplog.at_level("INFO", "pigeonhole.predictions"):
        assert log.flush()
    log.close()
    assert "is written again after" in caplog.text


def test_closing_gives_up_and_counts(sqlite_url, monkeypatch):
    monkeypatch.setattr(log_module, "BLOCK_ROWS", 10)
    log = open_log(sqlite_url)
    tries = []
    store = log._store
    log._store = lambda *block: tries.append(log._closing.is_set()) or store(*block)
    pragma(log, "query_only = ON")
    for number in range(1000):
        log.add(entry(log, number, [0]))
    log.close()
    assert (log.written, log.dropped) == (0, 1000)
    assert sum(tries) <= 1  # and does not wait for each of a hundred blocks again


@pytest.mark.parametrize("failing", [locked, read_only])
def test_feedback_that_cannot_be_recorded_is_refused_and_can_come_again(sqlite_url, failing):
    log = open_log(sqlite_url)
    log.add(entry(log, 1, [0]))
    log.flush()
    connection = log._writer._database  # this one waits a moment only, and is the one that is made to fail
    with failing(sqlite_url, log):
        with pytest.raises(UnavailableError, match="send it again later") as raised:
            add_feedback(connection, "digits", f"{log.source}-1", "b")
        assert raised.value.http_status == 503
    assert read_window(Database(sqlite_url), "digits").feedback_N.tolist() == [-1]
    add_feedback(connection, "digits", f"{log.source}-1", "c")
    assert read_window(Database(sqlite_url), "digits").feedback_N.tolist() == [2]
    log.close()


def test_a_log_that_cannot_be_opened_says_so_before_the_first_request(tmp_path):
    with pytest.raises(UsageError, match="check the workspace's folder") as raised:
        open_log(f"sqlite:///{tmp_path}/nowhere/workspace.db")
    assert "unable to open" in raised.value.received


def test_what_is_committed_is_forced_onto_the_disk(sqlite_url):
    log = open_log(sqlite_url)
    full_sync = 2
    for database in (log.database, log._writer._database):
        assert database.execute("PRAGMA synchronous") == [{"synchronous": full_sync}]
    log.close()


def test_a_postgresql_server_that_drops_its_clients_loses_no_entry(postgres_url, caplog):
    administrator = Database(postgres_url)
    administrator.execute("DROP SCHEMA IF EXISTS pigeonhole CASCADE")
    administrator.execute("CREATE SCHEMA pigeonhole")
    log = open_log(postgres_url)
    for number in range(5):
        log.add(entry(log, number, [number % 3]))
        log.flush()
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
        )
    log.add(entry(log, 5, [0]))
    assert log.flush()
    assert (log.written, log.dropped) == (6, 0)
    with pytest.raises(UnavailableError, match="send it again"):
        add_feedback(log.database, "digits", f"{log.source}-1", "b")
    add_feedback(log.database, "digits", f"{log.source}-1", "b")
    log.close()
    assert "cannot be written" in caplog.text
    window = read_window(administrator, "digits")
    assert window.label_N.tolist() == [0, 1, 2, 0, 1, 0]
    assert window.feedback_N.tolist() == [-1, 1, -1, -1, -1, -1]
    administrator.close()
