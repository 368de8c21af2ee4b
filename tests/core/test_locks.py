from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from pigeonhole.core.errors import ConflictError
from pigeonhole.core.locks import exclusive, is_held

_HOLDER = """
import sys
from pathlib import Path
from pigeonhole.core.locks import exclusive
with exclusive(Path(sys.argv[1]), "the thing"):
    print("held", flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it is told to end or is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_by_name(tmp_path, holder):
    assert is_held(tmp_path / "lock")
    with (
        pytest.raises(ConflictError, match=f"the thing is being written by process {holder.pid}"),
        exclusive(tmp_path / "lock", "the thing"),
    ):
        pass


def test_a_killed_holder_frees_the_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert not is_held(tmp_path / "lock")
    with exclusive(tmp_path / "lock", "the thing"):
        pass


def test_waiting_gets_the_lock_when_the_holder_ends(tmp_path, holder):
    got = threading.Event()

    def wait():
        with exclusive(tmp_path / "lock", "the thing", wait=True):
            got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not got.is_set()
    holder.communicate("e")
    thread.join(timeout=30)
    assert got.is_set()


def test_an_error_inside_frees_the_lock(tmp_path):
    with pytest.raises(KeyError), exclusive(tmp_path / "deep" / "lock", "x"):
        raise KeyError
    assert not is_held(tmp_path / "deep" / "lock")


def test_nobody_holds_a_lock_that_never_was(tmp_path):
    assert not is_held(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


def test_looking_never_refuses_a_writer(tmp_path):
    path = tmp_path / "lock"
    with exclusive(path, "x"):
        pass
    stop = threading.Event()

    def look():
        while not stop.is_set():
            is_held(path)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(200):
            with exclusive(path, "x"):
                pass
    finally:
        stop.set()
        for looker in lookers:
            looker.join()
