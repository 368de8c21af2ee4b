from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from pigeonhole.compute import LocalCompute
from pigeonhole.core.workspace import Workspace
from pigeonhole.sweep.store import open_storage


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """Optuna's store with nothing in it: copying it is quicker than making it."""
    workspace = Workspace(tmp_path_factory.mktemp("store") / "w")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)
        storage = open_storage(workspace)
        storage.remove_session()
        storage.engine.dispose()
    return workspace.root / "optuna.db"


@pytest.fixture
def new_space(tmp_path, monkeypatch, empty_store):
    """Makes workspaces of files, by name."""
    monkeypatch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)

    def make(name):
        made = Workspace(tmp_path / name)
        shutil.copyfile(empty_store, made.root / "optuna.db")
        return made

    return make


@pytest.fixture
def space(new_space):
    """An empty workspace of files."""
    return new_space(".pigeonhole")


@pytest.fixture(scope="session")
def compute() -> Iterator[LocalCompute]:
    """Two slots whose workers have imported what they need; no test leaves a job in them."""
    with LocalCompute(2, grace_s=1.0) as made:
        yield made
