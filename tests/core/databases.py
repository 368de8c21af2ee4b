"""An empty database of each kind, for every suite that holds its tables to both."""

from __future__ import annotations

import pytest

from pigeonhole.core.database import Database
from tests.core import postgres


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
