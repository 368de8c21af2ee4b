"""SIGKILL at every moment that matters, and at random ones: the same job again ends with the very same file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pigeonhole.batch import finished, run
from pigeonhole.batch.job import partial_folder
from pigeonhole.images import png

from .killed import OPTIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pictures(tmp_path: Path, bands: object) -> Path:
    """Fourteen pictures, one of them damaged, so that a list of failures is written too."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for row in range(14):
        (folder / f"{row}.png").write_bytes(png(bands[row])[: 30 if row == 4 else None])
    return folder


def killed(*arguments: object) -> int:
    line = [sys.executable, "-m", "tests.batch.killed", *map(str, arguments)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def check_all_alike(tiny: Path, pictures: Path, made: Path) -> None:
    """Every job in `made` has the file, the failures and the record of a job that nobody disturbed."""
    whole = pictures.with_name("whole.parquet")
    run(tiny, str(pictures), whole, OPTIONS)
    outs = sorted(made.glob("*.parquet"))
    assert outs
    for out in outs:
        assert out.read_bytes() == whole.read_bytes(), out
        failures = out.with_name(f"{out.name}.failed.csv").read_text()
        assert failures == whole.with_name("whole.parquet.failed.csv").read_text()
        result = finished(out)
        assert result is not None
        assert (result.images, result.predicted, result.failed) == (14, 13, 1)
        assert not partial_folder(out).exists()
    assert len(list(made.iterdir())) == 3 * len(outs)


def test_killed_at_every_change_of_a_file_the_job_goes_on(tiny: Path, pictures: Path) -> None:
    made = pictures.with_name("made")
    made.mkdir()
    assert killed("events", tiny, pictures, made) >= 20
    check_all_alike(tiny, pictures, made)


def test_killed_at_random_times_the_job_goes_on(tiny: Path, pictures: Path) -> None:
    made = pictures.with_name("made")
    made.mkdir()
    killed("times", tiny, pictures, made, 6)
    check_all_alike(tiny, pictures, made)


@pytest.mark.full
def test_killed_three_hundred_times_the_job_goes_on(tiny: Path, pictures: Path) -> None:
    made = pictures.with_name("made")
    made.mkdir()
    killed("times", tiny, pictures, made, 300)
    check_all_alike(tiny, pictures, made)


def test_the_same_line_goes_on_after_a_kill(tiny: Path, tmp_path: Path, bands: object) -> None:
    import numpy as np

    np.save(tmp_path / "many.npy", np.tile(bands, (100, 1, 1, 1)))
    out = tmp_path / "out.csv"
    line = [sys.executable, "-m", "pigeonhole.cli.main", "batch", str(tiny), "many.npy", "--out", "out.csv"]
    line += ["--mini-batch-size", "2", "--json"]
    with subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        journal = partial_folder(out) / "journal"
        while process.poll() is None and not (journal.exists() and journal.stat().st_size):
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    again = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=True)
    assert "going on after the" in again.stderr
    run(tiny, str(tmp_path / "many.npy"), tmp_path / "whole.csv")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
