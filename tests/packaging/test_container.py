"""The Dockerfile says what it should. No image is built here; `test_running` runs the commands that it names."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HADOLINT = shutil.which("hadolint", path=Path(sys.executable).parent)


@pytest.fixture(scope="module")
def instructions(packed):
    """Each instruction and what follows it, in their order."""
    lines = (packed.folder / "Dockerfile").read_text().splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]


def lint(text):
    done = subprocess.run([HADOLINT, "--format", "json", "-"], input=text, capture_output=True, text=True, check=False)
    return [found["code"] for found in json.loads(done.stdout)]


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not packaged for this machine")
def test_a_linter_finds_nothing(packed):
    assert lint((packed.folder / "Dockerfile").read_text()) == []


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not packaged for this machine")
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("COPY bundle bundle", "COPI bundle bundle"),
        ("--no-cache-dir ", ""),
        ("USER 10001:10001", "USER root"),
        ("WORKDIR /srv/pigeonhole", "WORKDIR srv"),
    ],
)
def test_the_linter_finds_what_is_wrong(packed, right, wrong):
    text = (packed.folder / "Dockerfile").read_text()
    assert right in text
    assert lint(text.replace(right, wrong))


def test_the_base_is_slim_and_of_this_very_python(instructions):
    assert instructions[0] == ("ARG", f"PYTHON_IMAGE=python:{sys.version.split()[0].rstrip('+')}-slim")
    assert instructions[1] == ("FROM", "${PYTHON_IMAGE}")


def test_what_is_copied_is_there_and_all_that_docker_is_sent(packed, instructions):
    copied = {text.split()[0] for instruction, text in instructions if instruction == "COPY"}
    ignore = (packed.folder / ".dockerignore").read_text().splitlines()
    assert ignore[-4] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((packed.folder / source).exists() for source in copied)


def test_the_server_is_no_root(instructions):
    names = [instruction for instruction, _ in instructions]
    users = [text for instruction, text in instructions if instruction == "USER"]
    assert re.fullmatch("[1-9][0-9]*:[1-9][0-9]*", users[-1])
    # After the last thing that needs rights, and before what runs.
    assert max(place for place, name in enumerate(names) if name in {"RUN", "COPY"}) < names.index("USER")
    assert names.index("USER") < names.index("CMD")


def test_the_health_check_needs_no_curl_and_the_command_no_shell(instructions):
    said = dict(instructions)
    assert json.loads(said["HEALTHCHECK"].partition(" CMD ")[2])[0] == "python"
    assert json.loads(said["CMD"])[0] == "pigeonhole"


def test_no_training_framework_is_installed(packed):
    names = re.findall(r"^([a-z0-9-]+)==", (packed.folder / "requirements.txt").read_text(), re.MULTILINE)
    assert {"onnxruntime", "numpy", "uvicorn"} <= set(names)
    for unwanted in ("torch*", "scikit-learn", "xgboost*", "lightgbm", "mlflow*", "pandas", "pyarrow", "onnx"):
        assert fnmatch.filter(names, unwanted) == []
