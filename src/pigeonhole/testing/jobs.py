"""What the contract of computes has them run: functions that behave well, and functions that do not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.compute import CanceledError, Conversation

Arguments = Mapping[str, Any]
_LONG_S = 3600.0


def echo(arguments: Arguments, conversation: Conversation) -> Any:  # noqa: ARG001 - every job has one signature
    """Its arguments."""
    return dict(arguments)


def process(arguments: Arguments, conversation: Conversation) -> int:  # noqa: ARG001
    """The number of the process that it runs in."""
    return os.getpid()


def surroundings(arguments: Arguments, conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001
    """Asks once, and tells what part of the machine it was given."""
    conversation.ask({})
    return {"threads": os.environ["OMP_NUM_THREADS"], "cores": sorted(os.sched_getaffinity(0))}


def speak(arguments: Arguments, conversation: Conversation) -> None:
    """Reports as often as `times` says, with `padding`; then writes into `farewell`."""
    for number in range(arguments["times"]):
        conversation.report({"number": number, "padding": arguments.get("padding", "")})
    if "farewell" in arguments:
        Path(arguments["farewell"]).write_text("done")


def inquire(arguments: Arguments, conversation: Conversation) -> list[Any]:
    """The answers to as many questions as `times` says."""
    return [conversation.ask({"number": number})["answer"] for number in range(arguments["times"])]


def wait(arguments: Arguments, conversation: Conversation) -> None:
    """Asks and never goes on by itself; writes the file `farewell` where it is canceled."""
    try:
        conversation.ask({"pid": os.getpid()})
    except CanceledError:
        Path(arguments["farewell"]).write_text("canceled")
        raise


def sleep(arguments: Arguments, conversation: Conversation) -> None:
    """Reports the processes that it starts, one of them in a session of its own, and sleeps with them."""
    ignoring = bool(arguments.get("ignoring"))
    if ignoring:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line = ["/bin/sh", "-c", f"{'trap : TERM; ' if ignoring else ''}sleep {_LONG_S:.0f}; sleep {_LONG_S:.0f}"]
    children = [subprocess.Popen(line, start_new_session=apart).pid for apart in (False, True)]
    conversation.report({"pids": [os.getpid(), *children]})
    while True:
        time.sleep(_LONG_S)


def breed(arguments: Arguments, conversation: Conversation) -> None:
    """Reports a process in a session of its own that is just starting `times` others, and sleeps with them."""
    line = f"i=0; while [ $i -lt {arguments['times']} ]; do sleep {_LONG_S:.0f} & i=$((i+1)); done; wait"
    conversation.report({"pids": [os.getpid(), subprocess.Popen(["/bin/sh", "-c", line], start_new_session=True).pid]})
    while True:
        time.sleep(_LONG_S)


def fail(arguments: Arguments, conversation: Conversation) -> None:  # noqa: ARG001
    """Raises."""
    raise ValueError(arguments["words"])


def leave(arguments: Arguments, conversation: Conversation) -> None:  # noqa: ARG001
    """Calls sys.exit."""
    sys.exit(arguments["code"])


def vanish(arguments: Arguments, conversation: Conversation) -> None:  # noqa: ARG001
    """Ends its process without a word, by the signal or the exit code in `by`."""
    if "signal" in arguments:
        os.kill(os.getpid(), arguments["signal"])
    os._exit(arguments["code"])


def unready(arguments: Arguments, conversation: Conversation) -> object:  # noqa: ARG001
    """Returns what JSON has no word for."""
    return {"here": object()}


def misreport(arguments: Arguments, conversation: Conversation) -> None:  # noqa: ARG001
    """Reports what JSON has no word for."""
    conversation.report({"here": object()})


def grow(arguments: Arguments, conversation: Conversation) -> int:
    """Holds `bytes` of memory, as long as it may."""
    held = bytearray(os.urandom(1 << 20) * (arguments["bytes"] >> 20))
    conversation.ask({"held": len(held)})
    return len(held)


def say(arguments: Arguments, conversation: Conversation) -> None:  # noqa: ARG001
    """Prints from Python, past Python, and from a process that it starts."""
    words = arguments["words"]
    sys.stdout.write(f"out {words}\n")
    sys.stderr.write(f"err {words}\n")
    os.write(1, f"raw {words}\n".encode())
    subprocess.run(["/bin/sh", "-c", f"echo child {words}"], check=True)


def mute(arguments: Arguments, conversation: Conversation) -> None:  # noqa: ARG001
    """Closes its streams, which are the next job's too."""
    sys.stdout.close()
    with contextlib.suppress(OSError):
        os.close(2)
    os.chdir("/")


def abandon(arguments: Arguments, conversation: Conversation) -> str:  # noqa: ARG001
    """Returns while a thread of its waits for an answer."""
    threading.Thread(target=conversation.ask, args=({"from": "a thread"},), daemon=True).start()
    return "done"


def spin(arguments: Arguments, conversation: Conversation) -> int:  # noqa: ARG001
    """Reports its process, and computes for hours without letting anything else of its process run."""
    conversation.report({"pids": [os.getpid()]})
    return sum(range(1 << 50))
