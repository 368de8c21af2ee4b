"""Jobs of every kind whose processes are killed at random times: each has one outcome, and nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections import Counter

import psutil
import pytest

from pigeonhole.compute import LocalCompute, Outcome
from pigeonhole.testing.submitting import command, job

JOBS = 300


def _some_job(key, folder, chance):
    return chance.choice(
        [
            job(key, "speak", folder, {"times": 20}),
            job(key, "inquire", folder, {"times": 5}),
            job(key, "sleep", folder, deadline_s=chance.random() / 5),
            job(key, "say", folder, {"words": key}, deadline_s=0.01),
            command(key, "sleep 0.02 & sleep 0.01; echo said", folder),
            command(key, "setsid sleep 3600 & sleep 0.01", folder),
        ]
    )


def _processes():
    return set(psutil.Process().children(recursive=True))


def _strike(chance, spared):
    with contextlib.suppress(ProcessLookupError, IndexError):
        victim = chance.choice(sorted(_processes() - spared, key=lambda process: process.pid))
        os.kill(victim.pid, chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))


def _tend(compute, event, chance, reports, states):
    assert event.key not in states, "an outcome is the last of a job"
    if isinstance(event, Outcome):
        states[event.key] = event.state
    elif event.question:
        compute.cancel(event.key) if chance.random() < 0.2 else compute.answer(event.key, {"answer": 0})
    elif "number" in event.record:
        assert event.record["number"] == reports[event.key]
        reports[event.key] += 1


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_each_job_has_one_outcome(seed, tmp_path):
    chance = random.Random(seed)
    reports, states, started = Counter(), {}, 0
    others = _processes()
    with LocalCompute(2, grace_s=0.2) as compute:
        while len(states) < JOBS:
            while compute.free and started < JOBS:
                compute.submit(_some_job(f"job {started}", tmp_path, chance))
                started += 1
            for event in compute.events(chance.random() / 20):
                _tend(compute, event, chance, reports, states)
            if chance.random() < 0.1:
                _strike(chance, others)
    assert set(states.values()) == {"Completed", "TimedOut", "Canceled", "Lost"}
    assert _processes() <= others
