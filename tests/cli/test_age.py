"""A command is as old as its process, and a library call is not."""

from __future__ import annotations

import subprocess
import sys

from pigeonhole.cli.age import COMMAND, Age


def test_within_another_process_nothing_counts():
    assert Age().seconds == 0
    assert COMMAND.seconds == 0


def test_what_a_command_took_before_it_could_look_at_a_clock_counts():
    script = "import time; began = time.monotonic()\nfrom pigeonhole.cli.age import COMMAND\n"
    script += "COMMAND.begin(); own = time.monotonic() - began; age = COMMAND.seconds; print(own < age < 60 + own)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True"]
