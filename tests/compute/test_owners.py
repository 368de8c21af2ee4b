"""What becomes of workers and commands when their owner is killed, interrupted, or has a double."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pigeonhole.testing.submitting import PATIENCE_S

OWNER = Path(__file__).with_name("owner.py")


class Ends:
    """The ends of processes, waited for."""

    def __init__(self, pids):
        self._files = {os.pidfd_open(pid): pid for pid in pids}

    def wait(self):
        """Those that are still there after a long time."""
        while self._files:
            ready, _, _ = select.select(list(self._files), [], [], PATIENCE_S)
            if not ready:
                return sorted(self._files.values())
            for file in ready:
                os.close(file)
                del self._files[file]
        return []


@pytest.fixture
def owner(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(OWNER), str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    )
    yield process
    process.kill()
    process.communicate()


def _below(owner):
    """All that work for it, their keepers too."""
    told = json.loads(owner.stdout.readline())
    assert len(told) == 10
    keepers = [process.pid for process in psutil.Process(owner.pid).children()]
    assert len(keepers) == 4
    return [*told, *keepers]


def test_nobody_outlives_an_owner_that_is_killed(owner):
    ends = Ends(_below(owner))
    owner.kill()
    assert ends.wait() == []


def test_a_terminals_interrupt_is_the_owners_affair(owner):
    pids = _below(owner)
    ends, of_command = Ends(pids), Ends(pids[7:10])
    os.killpg(owner.pid, signal.SIGINT)
    assert of_command.wait() == [], "all are asked to end"
    assert owner.poll() is None, "some refuse, and the time of grace is long"
    os.killpg(owner.pid, signal.SIGINT)
    assert b"KeyboardInterrupt" in owner.communicate(timeout=PATIENCE_S)[1]
    assert ends.wait() == []


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_nobody_outlives_a_keeper(owner, by):
    *pids, _, _, _, _ = everyone = _below(owner)
    ends = Ends(everyone)
    for keeper in everyone[len(pids) :]:
        os.kill(keeper, by)
    assert ends.wait() == []
    assert owner.wait(PATIENCE_S) == 0
