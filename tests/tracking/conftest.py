from __future__ import annotations

import pytest

from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Runs

SHA = "ab" * 32


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("PIGEONHOLE_DATABASE_URL", raising=False)
    return Workspace(tmp_path / ".pigeonhole")


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
