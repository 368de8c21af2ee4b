from __future__ import annotations

import contextlib
import os
import signal

import pytest

from pigeonhole import endpoints
from pigeonhole.core.workspace import Workspace
from tests.bundle.tiny_onnx import write_sharper, write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("bundles") / "tiny").folder


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    """The same task, another model."""
    return write_sharper(tmp_path_factory.mktemp("bundles") / "other", 9.0).folder


@pytest.fixture
def broken(tmp_path):
    folder = write_tiny(tmp_path / "broken").folder
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    return folder


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / ".pigeonhole")
    yield workspace
    for status in endpoints.list_endpoints(workspace):
        for pid in status.pids:  # the supervisor first; without ceremony, since no test looks any more
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        endpoints.stop(workspace, status.name)
