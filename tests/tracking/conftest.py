from __future__ import annotations

import shutil

import pytest

from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Runs
from pigeonhole.tracking.store import open_client

SHA = "ab" * 32


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A store of MLflow's in which there is nothing yet: making one takes over a second, copying it nothing."""
    workspace = Workspace(tmp_path_factory.mktemp("store") / "w")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)
        open_client(workspace)
    return workspace.root / "mlflow.db"


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A workspace in which there is nothing at all."""
    monkeypatch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)
    return Workspace(tmp_path / ".pigeonhole")


@pytest.fixture
def workspace(fresh, empty_store):
    shutil.copyfile(empty_store, fresh.root / "mlflow.db")
    return fresh


@pytest.fixture
def start(workspace):
    """Starts or continues a run of the preset `cnn`; any part of the request may be changed."""

    def start_run(**changes):
        request = {
            "spec": {"model": "cnn", "parameters": {"epochs": 3, "learning_rate": 0.001}},
            "model": "cnn",
            "dataset": "digits:1",
            "dataset_sha256": SHA,
            "seed": 0,
            **changes,
        }
        return Runs(workspace).start_or_continue(request.pop("spec"), **request)

    return start_run
