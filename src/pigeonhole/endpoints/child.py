"""One server process under a supervisor: started, heard, asked how it is, and ended. Decides nothing."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pigeonhole.endpoints.logfile import access_log, tail
from pigeonhole.endpoints.processes import Identity, demand_s, memory_bytes
from pigeonhole.endpoints.script_health import ScriptHealth
from pigeonhole.serving import ServingConfig
from pigeonhole.serving.listening import listen
from pigeonhole.serving.tls import trusting

HEALTH_TIMEOUT_S = 2.0
# How long a process may take to end once it has let go of its sockets.
DYING_S = 5.0
# As `serving.server` names them, which is too much to load for two numbers.
HAND_OVER, SHED = signal.SIGUSR1, signal.SIGUSR2
LOG_LINES = 15
# Where the servers of an endpoint leave their counters for each other.
SHARED = "metrics"
_PROBE_HOST = "127.0.0.1"
# One that leaves takes its own file with it, and not that of its successor.
_numbers = itertools.count(1)


class Child:
    """A server process that has been started.

    Args:
        config: what it serves; its sockets and status pipe are filled in here.
        listener: the socket it shall accept from; stays open here, so that nobody is refused between two servers.
        folder: where its config and the endpoint's log are.
        label: names the config file.
    """

    def __init__(self, config: ServingConfig, listener: socket.socket, folder: Path, label: str) -> None:
        self._log = folder / "log.txt"
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self.status_fd, write_fd = os.pipe()
        # At both ends: neither waits for the other.
        os.set_blocking(self.status_fd, False)
        os.set_blocking(write_fd, False)
        self.started = time.perf_counter()
        self.loading: str | None = None
        self.news: dict[str, Any] | None = None
        # By deployment: those of its scripts of which there was something to tell.
        self.scripts: dict[str, ScriptHealth] = {}
        self.has_closed = False
        self.stopped: float | None = None
        self._heard = b""
        self._path = path = folder / f"server-{label}-{next(_numbers)}.json"
        # A door of its own: the endpoint's socket is shared, so a look through it might meet another process.
        probe = listen(_PROBE_HOST, 0)
        self._probe_port = int(probe.getsockname()[1])
        inherited = [listener.fileno(), probe.fileno(), write_fd]
        told = replace(config, socket_fd=inherited[0], probe_fd=inherited[1], status_fd=write_fd)
        told = replace(told, shared_folder=str(folder / SHARED), access_log=access_log(folder))
        _write_private(path, told.to_json())
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "pigeonhole.serving", str(path)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=inherited,
                    # Its own group: a Ctrl-C meant for someone else's terminal never reaches it.
                    process_group=0,
                )
        finally:
            os.close(write_fd)
            probe.close()
        self.pid = self._process.pid
        self.identity = Identity.of(self.pid)

    def listen(self) -> None:
        """Reads what the process has said through its pipe: sets `loading` to the deployment that it takes in hand,
        `news` once it is ready or says why not, `scripts` where one's process ended, and `has_closed` at the pipe's
        end, when nothing more is accepted.
        """
        try:
            while part := os.read(self.status_fd, 65536):
                self._heard += part
            self.has_closed = True
        except BlockingIOError:
            pass
        *lines, self._heard = self._heard.split(b"\n")
        for line in map(json.loads, lines):
            if "loading" in line:
                self.loading = line["loading"]
            elif "script" in line:
                self.scripts.setdefault(line["script"], ScriptHealth()).hear(line)
            else:
                self.news = line

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it answers."""
        return self.news is not None and bool(self.news["ready"])

    @property
    def returncode(self) -> int | None:
        """How it ended; `None` while it runs, minus the signal's number if one ended it."""
        return self._process.poll()

    def ending(self) -> str:
        """How it ended, in words, with what it said about the reason."""
        code = self.returncode
        if code is not None and code < 0:
            return f"the server process {self.pid} was ended by {signal.Signals(-code).name}"
        text = f"the server process {self.pid} ended with exit code {code}"
        if self.news and not self.news["ready"]:
            return f"{text}: {self.news['received']}"
        return text

    def remedy(self) -> str:
        """What the process itself says is to be done, if it said so."""
        return str(self.news["remedy"]) if self.news and not self.news["ready"] else ""

    def log_was_cut(self) -> None:
        """What was in the log when it started is there no more."""
        self._log_start = 0

    def log_tail(self) -> str:
        """The last lines that this process wrote into the endpoint's log."""
        return "\n".join(tail(self._log, LOG_LINES, self._log_start))

    def answers(self) -> bool:
        """Whether it says within two seconds that it is ready.

        One that refuses or hangs up is ending, and its sockets go before it does: its end is waited for, so that
        `returncode` says more than that it did not answer.
        """
        try:
            return asked(_PROBE_HOST, self._probe_port, None)
        except ConnectionError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(DYING_S)
            return False

    def memory_bytes(self) -> int:
        """The memory it holds."""
        return memory_bytes(self.pid)

    def demand_s(self) -> float:
        """The processor time that it has used or waited for."""
        return demand_s(self.pid)

    def shed(self) -> None:
        """Asks it to end half of its connections, each with an answer, so that their clients come to others too."""
        if self.returncode is None and self.is_ready:
            self._process.send_signal(SHED)

    def stop(self) -> None:
        """Asks it to answer what is under way and end."""
        self.stopped = time.perf_counter()
        if self.returncode is None:
            self._process.terminate()

    def hand_over(self) -> None:
        """Asks it to leave new connections to others, and to end once nobody holds one to it any more."""
        self.stopped = time.perf_counter()
        if self.returncode is None:
            self._process.send_signal(HAND_OVER if self.is_ready else signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once."""
        if self.returncode is None:
            self._process.kill()

    def wait(self, timeout_s: float) -> None:
        """Waits for its end, and ends it at once when that takes too long."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Lets go of its pipe and its config."""
        os.close(self.status_fd)
        self._path.unlink(missing_ok=True)


def answers(host: str, port: int, certificate: str | None = None) -> bool:
    """Whether the server at an address says within two seconds that it is ready.

    Args:
        host: where it is bound.
        port: likewise.
        certificate: the file with the certificate that it has to show; `None` where it does not speak TLS.
    """
    try:
        return asked(host, port, certificate)
    except ConnectionError:
        return False


def asked(host: str, port: int, certificate: str | None) -> bool:
    """The same, where a server that refuses or hangs up is told from one that does not answer.

    Raises:
        ConnectionError: it refused the connection or hung up.
    """
    connection = http.client.HTTPConnection(reachable(host), port, timeout=HEALTH_TIMEOUT_S)
    try:
        if certificate is not None:
            trusted = trusting(certificate)
            connection = http.client.HTTPSConnection(reachable(host), port, timeout=HEALTH_TIMEOUT_S, context=trusted)
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except ConnectionError:
        raise
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def reachable(host: str) -> str:
    """The address by which this machine reaches a server bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound


def _write_private(path: Path, text: str) -> None:
    """For the owner's eyes: the database URL may hold a password."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
