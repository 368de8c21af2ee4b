"""`python owner.py FOLDER`: owns a compute, tells which processes work for it, and waits for what a test does to it."""

from __future__ import annotations

import sys
from pathlib import Path

from pigeonhole.compute import Job, LocalCompute, Report
from pigeonhole.testing.submitting import job

folder = Path(sys.argv[1])
# The second sleeper leaves its group, and its parent, so that nobody else knows of it.
line = "sleep 3600 & echo $$ $! > {0}/first; setsid sh -c 'echo $$ > {0}/second; exec sleep 3600' & wait"
with LocalCompute(4, grace_s=600) as compute:
    compute.submit(job("sleep", "sleep", folder))
    compute.submit(job("spin", "spin", folder))
    compute.submit(job("ignore", "sleep", folder, {"ignoring": True}))
    compute.submit(Job("command", folder / "log", command=line.format(folder)))
    pids: list[int] = []
    told = 0
    while told < 3:
        for event in compute.events(None):
            assert isinstance(event, Report), event
            pids += event.record["pids"]
            told += 1
    while not ((folder / "first").exists() and (folder / "second").exists()):
        compute.events(0.05)
    pids += [int(pid) for name in ("first", "second") for pid in (folder / name).read_text().split()]
    sys.stdout.write(f"{pids}\n")
    sys.stdout.flush()
    compute.events(None)
