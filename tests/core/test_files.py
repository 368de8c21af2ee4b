from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from pigeonhole.core import files
from pigeonhole.core.errors import DataError


def test_writing_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    files.write_json(path, {"a": "Größe"})
    assert files.read_json(path) == {"a": "Größe"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_what_json_cannot_hold_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, float("nan"))
    assert files.read_json(path) == 1


_FULL = """
import resource, signal, sys
from pathlib import Path
from pigeonhole.core import files
from pigeonhole.core.errors import DataError

def staged(folder):
    with files.staged_folder(folder) as stage:
        (stage / "b").write_bytes(b"x" * 5000)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
folder = Path(sys.argv[1])
for write in (lambda: files.write_bytes(folder / "a", b"new" * 1000), lambda: staged(folder)):
    try:
        write()
    except DataError as error:
        print(str(error).splitlines()[0])
"""


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_part_of_the_new(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", _FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.count("the disk filled up while writing") == 2
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), files.disk_full_is_data_error(tmp_path):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(DataError, match="nothing half-written"), files.disk_full_is_data_error(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_staged_folder_appears_whole_or_not_at_all(tmp_path):
    with files.staged_folder(tmp_path) as staged:
        (staged / "deep").mkdir()
        (staged / "deep" / "x").write_text("x")
        assert files.publish(staged, tmp_path / "done")
    with pytest.raises(KeyError), files.staged_folder(tmp_path) as staged:
        raise KeyError
    assert [entry.name for entry in tmp_path.iterdir()] == ["done"]
    assert (tmp_path / "done" / "deep" / "x").read_text() == "x"


def test_the_second_to_publish_changes_nothing(tmp_path):
    for content, first in (("a", True), ("b", False)):
        with files.staged_folder(tmp_path) as staged:
            (staged / "x").write_text(content)
            assert files.publish(staged, tmp_path / "done") is first
    assert (tmp_path / "done" / "x").read_text() == "a"
    (tmp_path / "file").write_text("x")
    with files.staged_folder(tmp_path) as staged:
        assert files.publish(staged, tmp_path / "file") is False


def test_what_a_killed_process_staged_is_swept_and_a_living_ones_stays(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    dead = tmp_path / f"{files.STAGING_PREFIX}{done.stdout.strip()}-x"
    alive = tmp_path / f"{files.STAGING_PREFIX}{os.getpid()}-x"
    strange = tmp_path / f"{files.STAGING_PREFIX}x"
    for folder in (dead, alive, strange):
        folder.mkdir()
    files.sweep_staging(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {alive.name, strange.name}


def test_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256_file(tmp_path / "a").startswith("ba7816bf8f01cfea")
