"""`python -m pigeonhole.compute.worker FD`: a process that calls the functions it is sent, one after the other.

It sets no limits, and ends nothing but itself.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from pigeonhole.compute.job import CanceledError
from pigeonhole.compute.lines import RESULT, Lines, pack
from pigeonhole.compute.printing import Printing
from pigeonhole.compute.talking import Cancellation, Talk

_Function = Callable[[Mapping[str, Any], Talk], Any]
_WORDS_LIMIT = 2000
# As a shell tells of a SIGTERM.
CANCELED = 128 + signal.SIGTERM


def main() -> None:
    """Calls functions until the keeper has gone."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    del sys.argv[1:]
    faulthandler.enable(2)
    lines, printing, cancellation = Lines(connection), Printing(), Cancellation()
    home = os.open(".", os.O_RDONLY)  # even one that was deleted
    while line := lines.receive():
        order = json.loads(line).get("run")
        if order is None:
            continue  # an answer that nobody waits for any more
        talk = Talk(lines, order["number"], cancellation)
        with cancellation.working():
            last = _done(order, talk, printing)
        talk.close()
        # A thread of the job that still waits for an answer would take the next job's.
        told = {"peak_memory_bytes": printing.peak_bytes(), "is_spent": not talk.is_over}
        lines.send(pack({"worker": told}) + last)
        os.fchdir(home)


def _done(order: Mapping[str, Any], talk: Talk, printing: Printing) -> bytes:
    """Does a job; the line that says how it ended."""
    try:
        printing.lead(order["log"])
    except OSError as error:
        return _failure(f"its log cannot be written: {error}", None)
    last = _tried(order, talk)
    try:
        printing.flush()
    except OSError as error:
        # A failure is the likely consequence, and says more.
        return _failure(f"its log takes no more: {error}", None) if last.startswith(RESULT) else last
    return last


def _tried(order: Mapping[str, Any], talk: Talk) -> bytes:
    try:
        sys.path[:] = order["path"]
        return _called(_imported(order["function"]), order, talk)
    except CanceledError:
        raise
    except _NotImportedError as error:
        return _failure(str(error), error.__cause__)
    except BaseException as error:  # noqa: BLE001 - the edge of a process: sys.exit() too is the end of this one job
        return _failure(said(error), error)


def _called(function: _Function, order: Mapping[str, Any], talk: Talk) -> bytes:
    value = function(order["arguments"], talk)
    try:
        return pack({"result": value})
    except (TypeError, ValueError) as error:
        return _failure(f"{order['function']} returned what is not JSON-ready: {error}", None)


class _NotImportedError(Exception):
    """There is no such function."""


def _imported(name: str) -> _Function:
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise _NotImportedError(f"the function {name} cannot be imported: {said(error)}") from error
    if not callable(function):
        raise _NotImportedError(f"{name} is no function, but a {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def said(error: BaseException) -> str:
    """The kind of an error and what it says."""
    try:
        words = str(error)[:_WORDS_LIMIT]
    except Exception as another:  # noqa: BLE001 - a user's own class: it may do anything
        words = f"its message cannot be had ({type(another).__name__})"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _failure(why: str, error: BaseException | None) -> bytes:
    text = ""
    if error is not None:
        with contextlib.suppress(Exception):  # as above
            text = "".join(traceback.format_exception(error.with_traceback(_theirs(error))))
    return pack({"failure": {"error": why, "traceback": text}})


def _theirs(error: BaseException) -> Any:
    """The error's way through other files than this one."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    try:
        main()
    except CanceledError:
        sys.exit(CANCELED)
