"""One client's connection: bytes in, whole requests to the application, one write for each answer. Knows no route.

In place of uvicorn's own protocol, which speaks ASGI: a task, two writes and a dozen checks of headers for every
request. uvicorn still starts, listens, and ends; what it wants of a protocol is `shutdown` and its set of connections.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from typing import Any, Protocol, cast
from urllib.parse import unquote_to_bytes

import httptools

from pigeonhole.serving.failures import failed, too_slow
from pigeonhole.serving.http import Headers, Reply, Request, RequestError, Respond, rendered, too_large

HEAD_LIMIT = 64 << 10
# What is read at once may hold the end of another request.
RAW_HEAD_LIMIT = HEAD_LIMIT + (256 << 10)
_CLOSE = (b"connection", b"close")


class Application(Protocol):
    """What answers."""

    max_body_bytes: int
    request_timeout_s: float

    def is_last(self) -> bool:
        """Whether the answer that goes out now ends its connection."""

    def new_id(self) -> str:
        """An id for a request."""

    def answer(self, request: Request, respond: Respond) -> None:
        """Calls `respond` once, now or later."""

    def refuse_early(self, path: str, headers: Headers) -> RequestError | None:
        """Why a request is refused whose large body has not come yet."""

    def give_up(self, request: Request) -> bool:
        """Answers a request whose time is over; False if it does not know it."""

    def answered(self, request: Request, reply: Reply, size_bytes: int, peer: Any) -> None:
        """Counts an answer of so many bytes; of none, where the client had gone."""


class Connection(asyncio.Protocol):
    """A connection, as uvicorn makes them.

    Args:
        config: whose application answers.
        server_state: uvicorn's: the connections there are, and the header with the date.
        app_state: not used.
        _loop: not used.
    """

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: Any,  # noqa: ARG002
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = cast("Application", config.loaded_app)
        self._state = server_state
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        # Each with whether the connection goes on after it, and its answer, where that stands already.
        self._waiting: deque[tuple[Request, bool, Reply | None]] = deque()
        self._answering: Request | None = None
        self._is_advancing = self._is_closing = self._is_slow = self._is_paused = self._is_known = False
        # Whether anything that still comes is of no interest: the last request has come.
        self._is_deaf = self._owes_continue = False
        self._raw_left = 0
        # Since when the client has been silent, or has had a request under way.
        self._since_s = time.monotonic()
        self._expect_request()

    def _expect_request(self) -> None:
        self._url = b""
        self._headers: Headers = {}
        self._parts: list[bytes] = []
        self._size = self._head_size = self._raw_head = 0
        self._is_reading = self._has_head = False
        self._refusal: RequestError | None = None
        self._began_s = time.perf_counter()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = transport.get_extra_info("peername")
        self._state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It has gone; an answer that is still to come finds nobody."""
        self._state.connections.discard(self)
        self._is_closing = True
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Bytes of one request, of several, or of a part of one."""
        if self._is_closing or self._is_deaf:
            return
        if self._raw_left:
            self._collect(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # What follows would be another protocol, which is not begun; a body belongs to the request all the same.
            self._collect(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_head(_no_http(str(error)))
        if self._is_reading and not self._has_head:
            # A header without an end never comes from the parser.
            self._raw_head += len(data)
            if self._raw_head > RAW_HEAD_LIMIT:
                self._refuse_head(_long_head())

    def eof_received(self) -> bool:
        """The client sends nothing more, and may still wait for answers."""
        self._is_deaf = True
        return bool(self._answering or self._waiting)

    def pause_writing(self) -> None:
        """The client reads slower than it is answered: it is not read from either."""
        self._is_slow = True
        self._pause()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_slow = False
        self._advance()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._expect_request()
        self._is_reading = self._is_known = True
        if self._answering is None:
            self._since_s = time.monotonic()

    def on_url(self, url: bytes) -> None:
        """A piece of what it asks for."""
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; what comes after a body in pieces is only counted, since it could not be refused in time."""
        if not self._has_head:
            self._headers[name.lower()] = value
        self._count_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """All of them: a body that is announced as too large, or comes without a key, need not come."""
        self._has_head = True
        headers = self._headers
        length = headers.get(b"content-length", b"0")
        if len(length) <= 5 and b"expect" not in headers and b"transfer-encoding" not in headers:
            return
        limit = self._app.max_body_bytes
        try:
            why = self._app.refuse_early(_split(self._url)[0], headers)
        except httptools.HttpParserInvalidURLError:
            return  # it is refused when the request is whole
        if int(length) > limit:
            why = why or too_large(f"{int(length):,} bytes", limit)
        if why is not None:
            self._refuse(why)
        elif b"expect" in headers and self._parser.get_http_version() == "1.1":
            self._owes_continue = True
            self._continue()

    def _continue(self) -> None:
        """Tells a client that asked to go on, once it has the answers to what it asked before."""
        if self._owes_continue and self._answering is None and not self._waiting:
            self._owes_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._refusal is not None:
            return
        self._parts.append(body)
        self._size += len(body)
        limit = self._app.max_body_bytes
        if self._size > limit:
            self._refuse(too_large(f"more than {limit:,} bytes", limit))

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._parser.should_upgrade() and (length := self._headers.get(b"content-length", b"0")) != b"0":
            self._raw_left = int(length)
            return
        self._is_reading = self._owes_continue = False
        if self._refusal is None:
            parts = self._parts
            self._hand_over(parts[0] if len(parts) == 1 else b"".join(parts))

    def _collect(self, data: bytes) -> None:
        """The body of a request that would change the protocol, which the parser does not read."""
        if not self._raw_left:
            return
        piece = data[: self._raw_left]
        self._raw_left -= len(piece)
        self.on_body(piece)
        if not self._raw_left and self._refusal is None:
            self._is_reading = False
            self._hand_over(b"".join(self._parts))

    # One request after the other.

    def _hand_over(self, content: bytes) -> None:
        if self._is_deaf:
            return
        parser = self._parser
        try:
            path, query = _split(self._url)
        except httptools.HttpParserInvalidURLError as error:
            self._refuse_head(_no_http(str(error)))
            return
        method = parser.get_method().decode("ascii")
        head = (self._app.new_id(), method, path, query, self._headers)
        request = Request(*head, content, self._refusal, self._began_s)
        keep = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        self._queue(request, keep and self._refusal is None and not parser.should_upgrade(), None)

    def _queue(self, request: Request, keep: bool, reply: Reply | None) -> None:
        self._is_deaf = not keep
        self._waiting.append((request, keep, reply))
        self._advance()
        if self._waiting:
            self._pause()

    def _advance(self) -> None:
        # A loop, and not each answer calling for the next request: hundreds may wait that are answered at once.
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._waiting and self._answering is None and not self._is_slow and not self._is_closing:
                request, keep, reply = self._waiting.popleft()
                self._answering = request
                respond = functools.partial(self._respond, request, keep)
                if reply is None:
                    self._app.answer(request, respond)
                else:
                    respond(reply)
        finally:
            self._is_advancing = False
        if self._is_closing:
            return
        if self._is_paused and not self._waiting and not self._is_slow:
            self._is_paused = False
            self._transport.resume_reading()
        self._continue()

    def _respond(self, request: Request, keep: bool, reply: Reply) -> None:
        if self._answering is not request:
            return  # its time was over, and that has been said
        self._answering = None
        if self._is_closing:
            self._app.answered(request, reply, 0, self._peer)
            return
        ends = self._is_deaf and not self._waiting
        close = not keep or ends or _CLOSE in reply.headers or self._app.is_last()
        answer = rendered(reply, request, _common(self._state), close=close)
        self._transport.write(answer)
        self._app.answered(request, reply, len(answer), self._peer)
        self._since_s = time.monotonic()
        if close:
            self._close()
        else:
            self._advance()

    def _refuse(self, why: RequestError) -> None:
        """Answers a request whose body is not read to its end."""
        self._refusal = why
        self._hand_over(b"")

    def _refuse_head(self, why: RequestError) -> None:
        """Answers what is no request yet, after all that was asked before."""
        self._refusal = why
        if not self._is_closing and not self._is_deaf:
            request = Request(self._app.new_id(), "", "", b"", {}, b"", began_s=self._began_s)
            self._queue(request, False, failed(why, request.id))

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_LIMIT and self._refusal is None:
            self._refuse_head(_long_head())

    # How it ends.

    def _close(self) -> None:
        self._is_closing = True
        self._since_s = time.monotonic()
        self._waiting.clear()
        self._transport.close()

    def shutdown(self) -> None:
        """Uvicorn calls it when the server ends: what is under way is answered."""
        if self._answering is None and not self._waiting and not self._is_reading:
            self._close()

    def abort(self) -> None:
        """Ends it at once."""
        self._is_closing = True
        self._transport.abort()

    def look(self, now_s: float, idle_s: float) -> None:
        """Ends what takes too long: a request that is still coming or being answered, or silence.

        Args:
            now_s: monotonic.
            idle_s: how long a client may be silent between requests; before the first it has the time of a request.
        """
        taken_s, limit_s = now_s - self._since_s, self._app.request_timeout_s
        if self._is_closing or self._is_slow:
            if taken_s > idle_s:
                self.abort()  # it does not read what it was told
        elif self._answering is not None:
            if taken_s > limit_s and not self._app.give_up(self._answering):
                self._respond(self._answering, False, failed(too_slow(limit_s * 1e3), self._answering.id))
        elif self._is_reading:
            if taken_s > limit_s and self._refusal is None:
                (self._refuse if self._has_head else self._refuse_head)(too_slow(limit_s * 1e3))
        elif taken_s > (idle_s if self._is_known else limit_s):
            self._close()


def _no_http(why: str) -> RequestError:
    text = f"bytes that are no HTTP request ({why})"
    return RequestError(400, "not_http", text, "HTTP/1.1", "check the address and the client")


def _long_head() -> RequestError:
    text = f"a head of more than {HEAD_LIMIT:,} bytes"
    return RequestError(431, "header_too_long", text, "shorter headers", "leave out some of them")


@functools.lru_cache(maxsize=256)
def _split(url: bytes) -> tuple[str, bytes]:
    """Path and query string.

    Raises:
        HttpParserInvalidURLError: it is no address.
    """
    parsed = httptools.parse_url(url)
    path: bytes = parsed.path or b"/"
    return unquote_to_bytes(path).decode("utf-8", "replace") if b"%" in path else path.decode("latin-1"), (
        parsed.query or b""
    )


_lines: tuple[Any, bytes] = (None, b"")


def _common(state: Any) -> bytes:
    """The header lines that uvicorn renews every second: the date."""
    global _lines
    if _lines[0] is not state.default_headers:
        _lines = (state.default_headers, b"".join(b"%b: %b\r\n" % field for field in state.default_headers))
    return _lines[1]
