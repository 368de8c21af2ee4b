from __future__ import annotations

import pytest

from pigeonhole.core.workspace import Workspace


@pytest.fixture
def space(tmp_path, monkeypatch):
    """An empty workspace of files."""
    monkeypatch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)
    return Workspace(tmp_path / ".pigeonhole")
