"""SIGKILL of a whole sweep, or of one of its workers, from outside: the same sweep again ends as if nothing was."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pigeonhole.core.errors import ConflictError
from pigeonhole.sweep.study import own_study

from . import plans

ROOT = Path(__file__).parents[2]
# Long enough for a loaded machine; a sweep of these takes two or three seconds.
PATIENCE_S = 300


def start(space):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sweep.killed", str(space.root)], cwd=ROOT, stderr=subprocess.PIPE
    )


def below(process):
    """Every process that it started, and those that they started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def finish(space):
    with start(space) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said.decode()


def wait_for_trials(space, process, ended):
    """Until so many trials have come to their end; False if the sweep did first."""
    journal = space.root / "journal"
    while not journal.exists() or len(journal.read_text().splitlines()) < ended:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
            return False
    return True


def trials(space):
    with own_study(space, "tried", ["maximize"]) as study:
        return study.trials()


def kill(process, pid):
    """Kills a process of the sweep, and waits for all of it to go where that was the owner."""
    children = below(process)
    os.kill(pid, signal.SIGKILL)
    if pid == process.pid:
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
        assert alive == []


def worker_of(process):
    """One of the processes in which trials run, if there is one just now."""
    for child in below(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "pigeonhole.compute.worker" in child.cmdline():
                return child.pid
    return None


def check_killed(space, dice, kills, worker):
    """Kills a sweep, or its workers, after some of its trials; what had ended never runs again."""
    done = 0
    while done < kills:
        had_ended = [stored.trial.number for stored in trials(space) if stored.trial.state != "Running"]
        before = plans.finished(space)
        with start(space) as process:
            if wait_for_trials(space, process, len(before) + dice.randint(0, 2)):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(dice.uniform(0, 0.2))
                victim = worker_of(process) if worker else process.pid
                if victim is not None and process.poll() is None:
                    kill(process, victim)
                    done += 1
            _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode in {0, -signal.SIGKILL}, said.decode()
        again = plans.finished(space)
        assert [number for number in again if number in had_ended] == [n for n in before if n in had_ended]
        if process.returncode == 0:
            break
    finish(space)


@pytest.fixture
def undisturbed(compute, new_space):
    return plans.facts(plans.sweep(new_space("undisturbed"), compute, policy=plans.AtLeastHalf()).trials)


@pytest.mark.parametrize("worker", [False, True], ids=["the sweep", "a worker"])
def test_what_is_killed_anywhere_ends_as_if_it_was_not(space, undisturbed, worker):
    check_killed(space, random.Random(5), kills=1, worker=worker)
    assert plans.facts(trials(space)) == undisturbed


@pytest.mark.full
@pytest.mark.parametrize("worker", [False, True], ids=["the sweep", "a worker"])
def test_what_is_killed_twenty_times_ends_as_if_it_was_not(new_space, undisturbed, worker):
    dice = random.Random(20)
    for attempt in range(10):
        space = new_space(f"killed-{attempt}")
        check_killed(space, dice, kills=2, worker=worker)
        assert plans.facts(trials(space)) == undisturbed


def test_a_second_sweep_of_the_same_is_refused_by_name(space):
    with (
        own_study(space, "tried", ["maximize"]),
        pytest.raises(ConflictError) as error,
        own_study(space, "tried", ["maximize"]),
    ):
        pass
    assert "sweep tried is being written by process" in str(error.value)
