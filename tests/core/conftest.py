from __future__ import annotations

import pytest

from tests.core import postgres


@pytest.fixture(scope="session")
def postgres_url():
    with postgres.server() as url:
        yield url
