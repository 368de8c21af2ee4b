from __future__ import annotations

import pytest

from pigeonhole.core.database import Database
from tests.core import postgres
from tests.predictions.making import open_log


@pytest.fixture(scope="session")
def postgres_url():
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'workspace.db'}"
    server = request.getfixturevalue("postgres_url")
    first = Database(server)
    first.execute("DROP SCHEMA pigeonhole CASCADE")
    first.close()
    return server


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'workspace.db'}"


@pytest.fixture
def database(url):
    """A reader's connection."""
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def log(url):
    log = open_log(url)
    yield log
    log.close()
