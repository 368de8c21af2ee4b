from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from pigeonhole.core.database import Database
from pigeonhole.core.errors import MissingDependencyError, UsageError
from pigeonhole.core.workspace import Workspace

THINGS = {1: ["CREATE TABLE things (name TEXT PRIMARY KEY, size REAL NOT NULL, content BLOB)"]}


@pytest.fixture
def database(url):
    opened = Database(url)
    opened.declare("tests", THINGS)
    yield opened
    opened.close()


def names(database):
    return [row["name"] for row in database.execute("SELECT name FROM things ORDER BY name")]


def test_rows_go_in_and_come_out_as_they_were(database):
    database.execute("INSERT INTO things VALUES (?, ?, ?)", ("50% off? 'yes'", 0.1, b"\x00\xff"))
    (row,) = database.execute("SELECT * FROM things WHERE name = ?", ("50% off? 'yes'",))
    assert (row["name"], row["size"], bytes(row["content"])) == ("50% off? 'yes'", 0.1, b"\x00\xff")
    assert database.execute("SELECT name FROM things WHERE name LIKE '50%'") == [{"name": "50% off? 'yes'"}]


def add_and_raise(database):
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO things VALUES ('c', 1, NULL)")
        raise KeyError


def test_a_transaction_is_all_or_nothing(database):
    with database.transaction() as transaction:
        transaction.execute_many("INSERT INTO things VALUES (?, ?, ?)", [("a", 1.0, None), ("b", 2.0, None)])
    with pytest.raises(KeyError):
        add_and_raise(database)
    assert names(database) == ["a", "b"]
    database.execute("INSERT INTO things VALUES ('d', 1, NULL)")
    assert names(database) == ["a", "b", "d"]


def test_a_statement_that_fails_leaves_the_connection_usable(database):
    database.execute("INSERT INTO things VALUES ('a', 1, NULL)")
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"), database.transaction() as transaction:
        transaction.execute_many("INSERT INTO things VALUES (?, 1, NULL)", [("b",), ("a",)])
    assert names(database) == ["a"]


def test_many_threads_share_one_connection(database):
    def add(n):
        for i in range(20):
            with database.transaction() as transaction:
                transaction.execute("INSERT INTO things VALUES (?, ?, NULL)", (f"{n}-{i}", 1.0))

    threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 80


def test_tables_are_made_once_and_migrated_in_order(url):
    first = Database(url)
    first.declare("tests", THINGS)
    first.execute("INSERT INTO things VALUES ('kept', 1, NULL)")
    first.declare("tests", THINGS)
    first.close()
    second = Database(url)
    second.declare("tests", {**THINGS, 2: ["ALTER TABLE things ADD COLUMN colour TEXT DEFAULT 'grey'"]})
    assert second.execute("SELECT name, colour FROM things") == [{"name": "kept", "colour": "grey"}]
    with pytest.raises(UsageError, match="format version 2"):
        second.declare("tests", THINGS)
    second.declare("others", {1: ["CREATE TABLE others (id INTEGER)"]})
    second.close()


def test_a_migration_that_fails_leaves_the_old_version(database):
    with pytest.raises(Exception, match=r"(?i)nonsense|syntax"):
        database.declare("tests", {**THINGS, 2: ["ALTER TABLE things ADD COLUMN colour TEXT", "NONSENSE"]})
    assert "colour" not in (database.execute("SELECT * FROM things") or [{}])[0]
    database.declare("tests", {**THINGS, 2: ["ALTER TABLE things ADD COLUMN colour TEXT"]})


def test_a_migration_may_do_what_no_statement_can(database):
    database.execute("INSERT INTO things VALUES ('a', 2, NULL)")

    def name_by_size(transaction):
        for row in transaction.execute("SELECT name, size FROM things"):
            transaction.execute(
                "UPDATE things SET name = ? WHERE name = ?", (row["name"] * int(row["size"]), row["name"])
            )

    database.declare("tests", {**THINGS, 2: [name_by_size]})
    assert names(database) == ["aa"]


def test_a_connection_that_the_server_dropped_is_made_anew(postgres_url):
    lost, other = Database(postgres_url), Database(postgres_url)
    lost.execute("SELECT 1")
    other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
    )
    with pytest.raises(Exception, match="terminat"), lost.transaction() as transaction:
        transaction.execute("SELECT 1")
    with lost.transaction() as transaction:
        assert transaction.execute("SELECT 1 AS one") == [{"one": 1}]
    lost.close()
    with pytest.raises(Exception, match="closed"):
        lost.execute("SELECT 1")
    other.close()


def test_a_disk_that_fills_up_undoes_the_transaction_and_nothing_else(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/records.db", durable=True)
    database.declare("tests", THINGS)
    database.execute("INSERT INTO things VALUES ('a', 1, NULL)")
    database.execute("PRAGMA max_page_count = 1")  # the least that holds what is there
    with pytest.raises(Exception, match="full"), database.transaction() as transaction:
        transaction.execute("INSERT INTO things VALUES ('b', 1, ?)", (bytes(1 << 20),))
    assert names(database) == ["a"]
    database.execute("PRAGMA max_page_count = 10000")
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO things VALUES ('c', 1, NULL)")
    assert names(database) == ["a", "c"]
    database.close()


_DECLARER = """
import sys
from pigeonhole.core.database import Database
sys.stdin.read(1)
database = Database(sys.argv[1])
database.declare("tests", {1: ["CREATE TABLE things (name TEXT)", "INSERT INTO things VALUES ('once')"]})
for i in range(10):
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO things VALUES (?)", (f"{sys.argv[2]}-{i}",))
"""


def test_first_users_at_once_make_one_set_of_tables_and_lose_nothing(url):
    users = [
        subprocess.Popen([sys.executable, "-c", _DECLARER, url, str(n)], stdin=subprocess.PIPE, text=True)
        for n in range(3)
    ]
    for user in users:
        user.stdin.write("g")
        user.stdin.flush()
    for user in users:
        user.communicate()
    assert [user.returncode for user in users] == [0, 0, 0]
    database = Database(url)
    assert len(names(database)) == 31
    database.close()


def test_other_urls_are_refused():
    with pytest.raises(UsageError, match="mysql"):
        Database("mysql://x")


def test_postgres_without_its_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises((MissingDependencyError, ModuleNotFoundError)):
        Database("postgresql://x")


def test_a_workspace_on_a_server_gives_each_tool_a_schema(tmp_path, postgres_url, monkeypatch):
    monkeypatch.setenv("PIGEONHOLE_DATABASE_URL", postgres_url)
    workspace = Workspace(tmp_path / "w")
    assert workspace.mlflow_uri != workspace.optuna_uri
    rows = workspace.database.execute("SELECT schema_name AS name FROM information_schema.schemata")
    assert {row["name"] for row in rows} >= {"mlflow", "optuna", "pigeonhole"}
    workspace.database.close()
