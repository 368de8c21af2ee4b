"""A stock MLflow server, a real process, on our store: what `mlflow ui` shows is asked over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from pigeonhole import tracking
from tests.tracking import bands

PATIENCE = 600


def get(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


@pytest.fixture
def ui(workspace):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", workspace.mlflow_uri]
    process = subprocess.Popen(
        [*line, "--port", str(port), "--workers", "1"],
        cwd=workspace.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        process_group=0,
    )
    try:
        for _ in range(PATIENCE):
            assert process.poll() is None, process.stdout.read().decode()
            try:
                get(f"http://127.0.0.1:{port}/health")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


@pytest.mark.full
def test_a_stock_mlflow_ui_shows_the_run_its_curves_its_pictures_and_the_model(workspace, start, ui):
    with start() as run:
        for epoch in (1, 2):
            run.append_epoch({"epoch": epoch, "train_loss": 1 / epoch})
        (run.plots / "training.png").write_bytes(b"\x89PNG picture")
        run.finish({"validation_accuracy": 0.93})
    bands.write(run.bundle)
    tracking.register(workspace, run.bundle, name="digits", run_id=run.id)
    api = f"{ui}/api/2.0/mlflow"

    experiments = json.loads(get(f"{api}/experiments/search", {"max_results": 10}))["experiments"]
    ids = {entry["name"]: entry["experiment_id"] for entry in experiments}
    (shown,) = json.loads(get(f"{api}/runs/search", {"experiment_ids": [ids["digits"]]}))["runs"]
    assert shown["info"]["run_name"] == run.id
    assert shown["info"]["status"] == "FINISHED"
    assert {"key": "seed", "value": "0"} in shown["data"]["params"]
    mlflow_id = shown["info"]["run_id"]
    curve = json.loads(get(f"{api}/metrics/get-history?run_id={mlflow_id}&metric_key=train_loss"))["metrics"]
    assert [(point["step"], point["value"]) for point in curve] == [(1, 1.0), (2, 0.5)]
    assert get(f"{ui}/get-artifact?run_id={mlflow_id}&path=plots/training.png") == b"\x89PNG picture"
    champion = json.loads(get(f"{api}/registered-models/alias?name=digits&alias=champion"))["model_version"]
    assert champion["run_id"] == mlflow_id
    assert b"MLflow" in get(ui)
