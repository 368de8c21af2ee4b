"""`make demo`'s program, run as a user runs it: from images to answers, twice, and nothing is left running."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

DEMO = Path(__file__).parents[1] / "recipes" / "demo.py"
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}


def demo(place: Path, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        cwd=place,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def line(lines: list[str], name: str) -> str:
    return next(text for text in lines if text.startswith(f"{name} "))


def check(first: list[str], second: list[str], place: Path, least: float) -> None:
    for lines in (first, second):
        assert "Healthy: 100 test images answered" in line(lines, "endpoint")
        assert "100 requests" in line(lines, "monitor") or "200 requests" in line(lines, "monitor")
        accuracy = re.search(r"([\d.]+)% on", line(lines, "accuracy"))
        assert accuracy is not None
        assert float(accuracy[1]) >= least
        assert line(lines, "next")
    assert "train" in line(second, "reused")
    for text in first[first.index(line(first, "pictures")) :]:
        if text.endswith(".png"):
            assert Path(text.removeprefix("pictures").strip()).is_file()
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [text for text in lines if str(place) in text] == []


@pytest.mark.full
def test_on_the_sample_where_mnist_cannot_be_had(tmp_path: Path) -> None:
    offline = {**NOWHERE, "PIGEONHOLE_DATA": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    first, second = demo(tmp_path, **offline), demo(tmp_path, **offline)
    assert "mnist-5k" in first[0]
    check(first, second, tmp_path, least=97)


@pytest.mark.full
def test_on_mnist_where_it_is_at_hand(tmp_path: Path) -> None:
    if not os.environ.get("PIGEONHOLE_DATA"):
        pytest.skip("PIGEONHOLE_DATA names no folder")
    first, second = demo(tmp_path), demo(tmp_path)
    assert first[0].startswith("this demo runs on MNIST")
    check(first, second, tmp_path, least=99.4)
