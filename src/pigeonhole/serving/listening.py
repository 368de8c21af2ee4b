"""The listening socket. Small, since supervisors open theirs here too."""

from __future__ import annotations

import errno
import os
import socket

from pigeonhole.core.errors import ConflictError, UsageError

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address; port 0 means any free one.

    Raises:
        ConflictError: something else listens there.
        UsageError: this machine has no such address, or the port is not allowed.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # Without this a port stays blocked for a minute after a server that had connections.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        kind = ConflictError if error.errno == errno.EADDRINUSE else UsageError
        raise kind(
            f"{host}:{port} cannot be listened on: {os.strerror(error.errno) if error.errno else error}",
            "an address of this machine and a port that nothing else uses",
            "choose another --port, or stop what uses this one",
        ) from error
    return listener
