"""`pip install .` alone, for real: imports, prints help, says what is missing, and serves a bundle."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest

import pigeonhole as ph
from pigeonhole.core.workspace import Workspace

from .cli.conftest import free_port

ROOT = Path(__file__).parents[1]
FORBIDDEN = {"torch", "sklearn", "mlflow", "pandas", "pyarrow", "onnx"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in an environment with the base package only."""
    place = tmp_path_factory.mktemp("base")
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, str(ROOT)], check=True, timeout=600
    )
    return place / "venv" / "bin" / "pigeonhole"


def said(base: Path, *arguments: str) -> str:
    return subprocess.run([base, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.full
def test_the_base_prints_help_and_what_is_missing(base: Path) -> None:
    assert "ingest" in said(base, "--help")
    report = json.loads(said(base, "doctor", "--json"))
    missing = {row["package"] for row in report["packages"] if row["installed"] is None}
    assert {"torch", "mlflow", "pyarrow"} <= missing
    assert "pip install 'pigeonhole[train]'" in report["install"]


@pytest.mark.full
def test_the_base_serves_a_bundle(base: Path, tmp_path: Path) -> None:
    space = Workspace(tmp_path / ".pigeonhole")
    ph.ingest("mnist-5k", name="digits", workspace=space)
    run = ph.train("digits", model="logistic-regression", workspace=space)
    request = ph.sample("digits", 1200, workspace=space).request.encode()
    port = free_port()
    command = [base, "serve", str(Path(run.folder) / "bundle"), "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path / "..", stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            for line in server.stderr:
                if re.search("ready", line):
                    break
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/score", data=request, headers={"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(asked, timeout=30) as response:
                answer = json.load(response)
            modules = (Path("/proc") / str(server.pid) / "maps").read_text() if sys.platform == "linux" else ""
        finally:
            server.terminate()
    assert answer["predictions"][0]["label"] == "2"
    assert not any(f"/{name}/" in modules for name in FORBIDDEN)
