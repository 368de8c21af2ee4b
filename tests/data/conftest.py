from __future__ import annotations

from pathlib import Path

import pytest

from pigeonhole.core.workspace import Workspace


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test here sees the user's cache, data or workspace; the tests marked `full` take PIGEONHOLE_DATA back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    for name in ("PIGEONHOLE_DATA", "PIGEONHOLE_WORKSPACE", "PIGEONHOLE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")
