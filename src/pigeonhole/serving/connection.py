"""uvicorn's HTTP connection: waiting for a head has an end, and bytes that are no HTTP get our JSON body too."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pigeonhole.serving.failures import failure

MAX_HEAD_BYTES = 64 << 10
_LINES = {400: "400 Bad Request", 408: "408 Request Timeout", 431: "431 Request Header Fields Too Large"}


class Connection(HttpToolsProtocol):
    """One client's connection.

    Args:
        head_timeout_s: how long a client may take over a request's first line and headers; the body has its own limit.
        **more: what uvicorn tells.
    """

    def __init__(self, *, head_timeout_s: float, **more: Any) -> None:
        super().__init__(**more)
        self._head_timeout_s = head_timeout_s
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Reads on; a head that is not whole yet is waited for only so long, and only so much of it is kept."""
        super().data_received(data)
        # uvicorn begins a scope with the first byte of a request and puts the path in when the head is whole.
        if self.scope is None or "path" not in self.scope:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431, "header_too_long", f"a head of more than {MAX_HEAD_BYTES:,} bytes", "fewer headers")
            self._wait()
        elif self._patience is not None:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the client."""
        self._wait_no_more()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answers bytes that are no HTTP request, and closes."""
        self._refuse(400, "not_http", f"bytes that are no HTTP request ({msg})", "HTTP/1.1")

    def _wait(self) -> None:
        if self._patience is None and not self.transport.is_closing():
            self._patience = self.loop.call_later(self._head_timeout_s, self._give_up)

    def _wait_no_more(self) -> None:
        self._head_bytes = 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self._head_bytes == 0:
            self.transport.close()  # it never said anything
            return
        received = f"a request whose head took longer than {self._head_timeout_s:g} s"
        self._refuse(408, "request_timeout", received, "a head that comes whole in that time")

    def _refuse(self, status: int, code: str, received: str, accepted: str) -> None:
        if self.transport.is_closing():
            return
        request_id = uuid.uuid4().hex
        text = f"{received}\naccepted: {accepted}\nnext: check the address and the client"
        body = failure(text, code, request_id)
        head = (
            f"HTTP/1.1 {_LINES[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"x-request-id: {request_id}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
