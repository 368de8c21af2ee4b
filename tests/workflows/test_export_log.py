"""`export_log` from Python: a workspace and a window in, folders out."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

import pigeonhole as ph
from pigeonhole.core.errors import NotFoundError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.predictions import Entry, PredictionLog


def test_a_window_of_the_log_is_exported(space: Workspace, tmp_path: Path) -> None:
    log = PredictionLog(
        space.database_url,
        "digits",
        deployment="blue",
        model="digits:1",
        bundle_sha256="0",
        class_names=("a", "b"),
        shape_HWC=(2, 2, 1),
    )
    now = time.time()
    for number, at in enumerate([now - 7200, now - 60, now - 1]):
        log.add(Entry(f"{log.source}-{number}", at, 1.0, 200, None, 1, bytes(4), np.array([[0.25, 0.75]], np.float32)))
    log.close()
    done = ph.export_log("digits", to=tmp_path / "all", workspace=space)
    assert (done.requests, done.images, done.folder) == (3, 3, tmp_path / "all" / "digits")
    done = ph.export_log("digits", to=str(tmp_path / "hour"), window="1h", images=False, workspace=space)
    assert done.requests == 2
    lines = [line for file in done.folder.rglob("model_outputs/**/*.jsonl") for line in file.read_text().splitlines()]
    assert [json.loads(line)["data"] for line in lines] == [[{"label": "b", "probability": 0.75}]] * 2
    with pytest.raises(UsageError, match="soon"):
        ph.export_log("digits", to=tmp_path / "more", window="soon", workspace=space)
    with pytest.raises(NotFoundError, match="letters"):
        ph.export_log("letters", to=tmp_path / "more", workspace=space)
    assert not (tmp_path / "more").exists()
