"""A connection's way out: requests answered one after the other, in one write each. Reads no bytes."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from typing import Any

from pigeonhole.serving.application import Application
from pigeonhole.serving.failures import failed, too_slow
from pigeonhole.serving.http import Reply, Request, rendered

_CLOSE = (b"connection", b"close")


class Answers:
    """The requests of one connection that wait for their answers, in their order.

    Args:
        app: what answers.
        state: uvicorn's, which has the header with the date.

    Attributes:
        answering: the request whose answer is to come.
        is_closing: whether nothing more is written.
        is_slow: whether the client reads slower than it is answered.
        is_deaf: whether anything that still comes is of no interest: the last request has come.
        since_s: since when the client has been silent, or has had a request under way; monotonic.
    """

    __slots__ = (
        *(
            "_app",
            "_is_advancing",
            "_is_paused",
            "_lingering",
            "_owes_continue",
            "_peer",
            "_state",
            "_transport",
            "_waiting",
        ),
        *("answering", "is_closing", "is_deaf", "is_slow", "since_s"),
    )

    def __init__(self, app: Application, state: Any) -> None:
        self._app = app
        self._state = state
        self._lingering = app.lingering
        self._transport: asyncio.Transport
        # Each with whether the connection goes on after it, and its answer, where that stands already.
        self._waiting: deque[tuple[Request, bool, Reply | None]] = deque()
        self._is_advancing = self._is_paused = self._owes_continue = False
        self.answering: Request | None = None
        self.is_closing = self.is_slow = self.is_deaf = False
        self.since_s = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked is answered."""
        return self.answering is None and not self._waiting

    def open(self, transport: asyncio.Transport) -> None:
        """From now on there is somebody to write to."""
        self._transport = transport
        self._peer = transport.get_extra_info("peername")

    def lose(self) -> None:
        """The client has gone; an answer that is still to come finds nobody."""
        self.is_closing = True
        self._waiting.clear()
        if self.answering is not None:
            self._app.abandon(self.answering)

    def take(self, request: Request, keep: bool, reply: Reply | None) -> None:
        """Answers a request in its turn.

        Args:
            request: it.
            keep: whether another may come after it.
            reply: its answer, where that stands already.
        """
        self.is_deaf = not keep
        self._owes_continue = False
        self._waiting.append((request, keep, reply))
        self._advance()
        if self._waiting:
            self._pause()

    def go_on(self) -> None:
        """Tells a client that asked first to send its body, once it has the answers to what it asked before."""
        self._owes_continue = True
        self._continue()

    def pause(self) -> None:
        """The client reads slower than it is answered: it is not read from either."""
        self.is_slow = True
        self._pause()

    def resume(self) -> None:
        """It has caught up."""
        self.is_slow = False
        self._advance()

    def close(self) -> None:
        """Ends the connection once all that was written has gone out."""
        self.is_closing = True
        self.since_s = time.monotonic()
        self._waiting.clear()
        self._transport.close()

    def abort(self) -> None:
        """Ends it at once."""
        self.is_closing = True
        self._transport.abort()

    def give_up(self, request: Request) -> None:
        """Answers a request whose time is over; what is still computed for it goes nowhere."""
        if not self._app.give_up(request):
            self._respond(request, False, failed(too_slow(self._app.request_timeout_s * 1e3), request.id))

    def _advance(self) -> None:
        # A loop, and not each answer calling for the next request: hundreds may wait that are answered at once.
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._waiting and self.answering is None and not self.is_slow and not self.is_closing:
                request, keep, reply = self._waiting.popleft()
                self.answering = request
                respond = functools.partial(self._respond, request, keep)
                if reply is None:
                    self._app.answer(request, respond)
                else:
                    respond(reply)
        finally:
            self._is_advancing = False
        if self.is_closing:
            return
        if self._is_paused and not self._waiting and not self.is_slow:
            self._is_paused = False
            self._transport.resume_reading()
        if self._owes_continue:
            self._continue()

    def _respond(self, request: Request, keep: bool, reply: Reply) -> None:
        if self.answering is not request:
            return  # its time was over, and that has been said
        self.answering = None
        if self.is_closing:
            self._app.answered(request, reply, 0, self._peer)
            return
        ends = self.is_deaf and not self._waiting
        close = not keep or ends or _CLOSE in reply.headers or self._app.is_last()
        answer = rendered(reply, request, _common(self._state), close=close)
        self._transport.write(answer)
        self._app.answered(request, reply, len(answer), self._peer)
        self.since_s = time.monotonic()
        self._lingering.answered(self.since_s)
        if close:
            self.close()
        else:
            self._advance()

    def _continue(self) -> None:
        if self._owes_continue and self.is_idle:
            self._owes_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()


_lines: tuple[Any, bytes] = (None, b"")


def _common(state: Any) -> bytes:
    """The header lines that uvicorn renews every second: the date."""
    global _lines
    if _lines[0] is not state.default_headers:
        _lines = (state.default_headers, b"".join(b"%b: %b\r\n" % field for field in state.default_headers))
    return _lines[1]
