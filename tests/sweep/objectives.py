"""Trials for tests of the loop: functions that a worker calls. They learn nothing and take next to no time."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from pigeonhole.sweep.talking import Voice


def curve(arguments, conversation):
    """Climbs to `height` in `epochs` steps, each after a moment that differs from call to call."""
    voice = Voice(conversation, arguments["asks"])
    voice.begin(f"run-{arguments['number']}")
    told = []
    for epoch in range(1, arguments["epochs"] + 1):
        time.sleep(random.random() * arguments.get("longest_s", 0.0))
        told.append(round(arguments["height"] * epoch / arguments["epochs"], 6))
        reason = voice.log({"accuracy": told[-1], "loss": 1 - told[-1]}, intervals=arguments["epochs"])
        if reason is not None:
            break
    note(arguments, len(told))
    return {
        "metrics": {"accuracy": told[-1], "size": arguments["height"] * 100},
        "run_id": f"run-{arguments['number']}",
    }


def note(arguments, epochs):
    """Leaves a line that the function came to its end, for those who count."""
    if "journal" in arguments:
        with Path(arguments["journal"]).open("a") as journal:
            journal.write(f"{arguments['number']} {epochs}\n")


def crash(arguments, conversation):
    """Fails for odd numbers, after a first figure."""
    voice = Voice(conversation, asks=False)
    voice.log({"accuracy": 0.1})
    if arguments["number"] % 2:
        raise RuntimeError(f"trial {arguments['number']} has had enough")
    return {"metrics": {"accuracy": 0.1 * arguments["number"]}}


def dies(arguments, conversation):
    """Trial 1 ends its own process without a word, as a crash in native code would."""
    if arguments["number"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"metrics": {"accuracy": 0.5}}


def dies_once(arguments, conversation):
    """Is killed after its second interval, the first time."""
    mark = Path(arguments["journal"]).with_name(f"killed-{arguments['number']}")
    voice = Voice(conversation, arguments["asks"])
    for epoch in range(1, arguments["epochs"] + 1):
        voice.log({"accuracy": arguments["height"] * epoch / arguments["epochs"]})
        if epoch == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    note(arguments, arguments["epochs"])
    return {"metrics": {}}


def silent(arguments, conversation):
    """Logs another metric than the one that it is judged by."""
    voice = Voice(conversation, asks=False)
    voice.log({"validation_accurracy": 0.9, "train_loss": 0.1})
    return {"metrics": {}}


def not_a_number(arguments, conversation):
    """Diverges at its second interval; trial 1 from the start."""
    voice = Voice(conversation, asks=False)
    for value in (0.5 if arguments["number"] == 0 else float("nan"), float("nan")):
        voice.log({"accuracy": value})
    return {"metrics": {}}


def slow(arguments, conversation):
    """Takes far longer than any limit of a test, after a first figure."""
    Voice(conversation, asks=False).log({"accuracy": 0.5})
    time.sleep(600)
