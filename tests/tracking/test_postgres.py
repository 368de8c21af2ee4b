from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pigeonhole import bundle, tracking
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import store
from pigeonhole.tracking.store import open_client
from tests.core import postgres
from tests.tracking import bands


@pytest.fixture(scope="module")
def url():
    with postgres.server() as server:
        yield server


_FIRST_USER = """
import sys
from pathlib import Path
from pigeonhole.core.workspace import Workspace
from pigeonhole.tracking import Runs, sync
workspace = Workspace(Path(sys.argv[1]))
sys.stdin.read(1)
with Runs(workspace).start_or_continue({}, model="cnn", dataset="digits:1", dataset_sha256="0", seed=0) as run:
    run.append_epoch({"epoch": 1, "train_loss": 0.5})
    run.finish({"validation_accuracy": 0.9})
    print(sync(workspace, run))
"""


@pytest.mark.full
def test_runs_and_models_on_a_postgresql_server(tmp_path, url, monkeypatch):
    # Two workspaces, as if on two machines, use the empty server for the first time at once.
    environment = {**os.environ, "PIGEONHOLE_DATABASE_URL": url}
    users = [
        subprocess.Popen(
            [sys.executable, "-c", _FIRST_USER, str(tmp_path / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name in ("here", "there")
    ]
    for user in users:
        user.stdin.write("g")
        user.stdin.flush()
    mirrors = [user.communicate()[0].strip() for user in users]
    assert [user.returncode for user in users] == [0, 0]

    monkeypatch.setenv("PIGEONHOLE_DATABASE_URL", url)
    here = Workspace(tmp_path / "here")
    assert not (here.root / "mlflow.db").exists()
    client = open_client(here)
    assert [client.get_run(mirror).data.metrics["train_loss"] for mirror in mirrors] == [0.5, 0.5]

    (run,) = tracking.Runs(here).list()
    bands.write(tmp_path / "bundle")
    version = tracking.register(here, tmp_path / "bundle", name="digits", run_id=run.id)
    assert tracking.resolve(here, "digits@champion") == version
    assert tracking.list_versions(here, "digits") == [version]
    # The other workspace shares the registry, and has experiments, and so artifacts, of its own.
    there = Workspace(tmp_path / "there")
    assert tracking.resolve(there, "digits") == version
    assert bundle.load(tracking.resolve(there, "digits").folder).sha256 == version.bundle_sha256
    folders = [store.local_path(client.get_run(mirror).info.artifact_uri) for mirror in mirrors]
    places = {folder.relative_to(tmp_path).parts[0] for folder in folders}
    assert places == {"here", "there"}
    there.database.close()
    tracking.remove(here, "digits:1")
    assert tracking.list_versions(here) == []
    tables = here.database.execute(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'mlflow'"
    )
    assert {"runs", "model_versions", "alembic_version"} <= {row["name"] for row in tables}
    here.database.close()
