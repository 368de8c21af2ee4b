from __future__ import annotations

import pytest

from pigeonhole.core.database import Database
from tests.core.databases import postgres_url, url
from tests.predictions.making import open_log

__all__ = ["postgres_url", "url"]


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
