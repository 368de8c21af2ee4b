"""`python -m pigeonhole.scripts.host FD PARENT SCRIPT`: a user's script, asked over an inherited socket."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from pigeonhole.scripts.asking import Answer
from pigeonhole.scripts.frames import Head, pack, receive_from
from pigeonhole.scripts.host import azureml
from pigeonhole.scripts.host.inputs import InputError
from pigeonhole.scripts.host.loading import Loaded, LoadError, load
from pigeonhole.scripts.host.outputs import answer_of, failed, refused
from pigeonhole.scripts.host.telling import tell

# What Azure ML's server ends with where a script cannot be used.
CANNOT_START = 3
_DIE_WITH_PARENT = 1
_LOOK_S = 1.0


def main() -> int:
    """Answers until the other side has gone."""
    connection, parent, path = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), Path(sys.argv[3])
    connection.set_inheritable(False)
    _follow(parent)
    _prepare(path.parent)
    try:
        script = load(path)
    except LoadError as error:
        connection.sendall(pack({"ready": False, "why": str(error)}, b""))
        return CANNOT_START
    connection.sendall(pack({"ready": True, "schema": script.schema}, b""))
    while message := receive_from(connection):
        answer = _asked(script, *message)
        connection.sendall(pack(_head(answer), answer.content))
    return 0


def _prepare(root: Path) -> None:
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    level = os.environ.get("AZUREML_LOG_LEVEL", "INFO").upper()
    known = level if isinstance(logging.getLevelName(level), int) else "INFO"
    logging.basicConfig(level=known, format="%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%FT%T%z")
    _go_first()
    azureml.install()
    sys.argv[:] = [str(root / "score.py")]
    sys.path.insert(0, str(root))
    # Only now: where this package is imported from may be told relative to where the server runs.
    os.chdir(root)


def _go_first() -> None:
    """Where memory runs out, this process is to be ended by the kernel, and not the server."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _asked(script: Loaded, head: Head, content: bytes) -> Answer:
    try:
        arguments = script.arguments(head, content)
    except InputError as error:
        return refused(error)
    started = time.perf_counter()
    try:
        value = script.run(**arguments)
    except BaseException as error:  # noqa: BLE001 - sys.exit() in run() too is a failure of this one request
        tell(f"run() failed for the request {head['request_id']}", error)
        return failed(_since_ms(started))
    return answer_of(value, _since_ms(started))


def _since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1e3


def _head(answer: Answer) -> Head:
    return {one.name: getattr(answer, one.name) for one in dataclasses.fields(answer) if one.name != "content"}


def _follow(parent: int) -> None:
    """Ends this process when the server has gone, whatever the script is doing."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:  # it had gone already
            os._exit(1)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
