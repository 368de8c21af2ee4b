"""Predicting tells nobody: ONNX Runtime's own reporting is off unless the user wants it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .tiny_onnx import write_tiny

PREDICT = (
    "import sys\n"
    "from pathlib import Path\n"
    "from pigeonhole import bundle\n"
    "bundle.load(Path(sys.argv[1])).check_probe()\n"
)
# What would switch the reporting off by itself: these tests may well run where it is set.
QUIET = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME", "XDG_DATA_HOME"}


def files_at_home(folder):
    """What one prediction leaves in a user's home folder."""
    home = folder / "home"
    home.mkdir()
    write_tiny(folder / "tiny")
    environment = {name: value for name, value in os.environ.items() if name not in QUIET}
    subprocess.run(
        [sys.executable, "-c", PREDICT, folder / "tiny"],
        env={**environment, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        timeout=120,
    )
    return [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its files lie elsewhere")
def test_a_prediction_leaves_no_id_in_the_users_folder(tmp_path):
    assert files_at_home(tmp_path) == []
