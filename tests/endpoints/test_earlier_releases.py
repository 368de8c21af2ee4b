"""What earlier releases wrote is opened: their records are kept under `assets/`, and an old supervisor is replaced."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pigeonhole import endpoints
from pigeonhole.bundle import read_manifest
from pigeonhole.core.workspace import Workspace
from pigeonhole.endpoints.processes import Identity
from tests.endpoints.asking import deploy, is_gone, score, shares

RELEASE = Path(__file__).parent / "assets" / "release-0.1"
HALF = {"cpu": 0.5, "memory_gib": 0.5}


@pytest.fixture
def opened(workspace, tiny, other, tmp_path):
    """A workspace whose endpoints release 0.1 deployed; a kill ended all their processes."""
    for bundle in (tiny, other):
        shutil.copytree(bundle, tmp_path / bundle.name)
    script = (RELEASE / "workspace.sql").read_text("utf-8").replace("FOLDER", str(tmp_path))
    for name, bundle in (("TINY", tiny), ("OTHER", other)):
        script = script.replace(f"{name}_SHA256", str(read_manifest(bundle)["sha256"]))
    connection = sqlite3.connect(workspace.root / "workspace.db")
    connection.executescript(script)
    connection.close()
    return Workspace(workspace.root)


def test_endpoints_of_release_0_1_are_shown_as_they_were_left(opened):
    bands, old_name = endpoints.list_endpoints(opened)
    assert (bands.state, bands.url, bands.needs_key) == ("Unhealthy", "http://127.0.0.1:39549", True)
    assert shares(bands)["blue"] == ("bands:3", 0, 0)
    assert [(each.model, each.share, each.state) for each in bands.deployments] == [
        ("bands:2", 100, "Unhealthy"),
        ("bands:3", 0, "Failed"),
    ]
    assert shares(old_name) == {"b_1": ("bands:1", 100, 0)}
    # An endpoint of the same name was stopped before: its deployment is not of this one's history.
    assert [(each.generation, each.kind, each.outcome) for each in endpoints.history(opened, "bands")] == [
        (2, "deploy", "done"),
        (3, "deploy", "done"),
        (4, "deploy", "refused"),
    ]
    assert endpoints.last_deployment(opened, "bands").model == "bands:2"


def test_endpoints_of_release_0_1_go_on_with_what_this_one_can(opened, other):
    status = deploy(opened, other, "bands:5", deployment="green", **HALF)
    assert shares(status) == {"blue": ("bands:2", 100, 0), "green": ("bands:5", 0, 0)}
    assert [score(status, key).status_code for key in ("first-key-0", "second-key-0", None)] == [200, 200, 401]
    back, _ = endpoints.rollback(opened, "bands", to=2)
    assert shares(back) == {"blue": ("bands:1", 100, 0)}
    # A name that was good then is good still.
    assert endpoints.update(opened, "old_name", traffic="b_1=100").unchanged
    assert shares(deploy(opened, other, "bands:2", endpoint="old_name", deployment="b_1", **HALF)) == {
        "b_1": ("bands:2", 100, 0)
    }


def test_a_supervisor_of_release_0_1_is_replaced(opened, other):
    """It would not understand what is asked; here a process that does nothing stands for it."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as old:
        endpoints.show(opened, "bands")
        opened.database.execute(
            "UPDATE endpoints SET supervisor = ?, supervisor_format = 1 WHERE name = 'bands'",
            (str(Identity.of(old.pid)),),
        )
        status = deploy(opened, other, "bands:6", **HALF)
        assert (status.state, shares(status)) == ("Healthy", {"blue": ("bands:6", 100, 0)})
        assert old.pid not in status.pids
        assert is_gone(old.pid)
