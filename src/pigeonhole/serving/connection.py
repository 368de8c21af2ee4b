"""The life of one client's connection, between the event loop, what reads and what answers. Knows no route.

In place of uvicorn's own protocol, which speaks ASGI: a task, two writes and a dozen checks of headers for every
request. uvicorn still starts, listens, and ends; what it wants of a protocol is `shutdown` and its set of connections.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from pigeonhole.serving.answering import Answers
from pigeonhole.serving.application import Application
from pigeonhole.serving.reading import Reader

# A client within TLS is told that the connection ends, and its answer to that is waited for. One that keeps the
# connection for later does not look, and would hold up the end of the server for as long as it may drain.
GOODBYE_S = 0.5


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
        self._connections: set[Connection] = server_state.connections
        self._lingering = self._app.lingering
        self._answers = Answers(self._app, server_state)
        self._reader = Reader(self._app, self._answers)
        self._may_half_close = True

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._answers.open(cast("asyncio.Transport", transport))
        # A client that says goodbye within TLS wants nothing more, and the transport ends with it.
        self._may_half_close = transport.get_extra_info("sslcontext") is None
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It has gone."""
        self._connections.discard(self)
        self._answers.lose()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._lingering.asked()
        answers = self._answers
        if not answers.is_closing and not answers.is_deaf:
            self._reader.feed(data)

    def eof_received(self) -> bool:
        """The client sends nothing more, and may still wait for answers."""
        self._answers.is_deaf = True
        return self._may_half_close and not self._answers.is_idle

    def pause_writing(self) -> None:
        """The client reads slower than it is answered."""
        self._answers.pause()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._answers.resume()

    # How it ends.

    def shutdown(self) -> None:
        """Uvicorn calls it when the server ends: what is under way is answered."""
        if self._answers.is_idle and not self._reader.is_reading:
            self._answers.close()
            if not self._may_half_close:
                asyncio.get_running_loop().call_later(GOODBYE_S, self._leave)

    def _leave(self) -> None:
        if not self._answers.is_slow:
            self.abort()

    def abort(self) -> None:
        """Ends it at once."""
        self._answers.abort()

    def look(self, now_s: float, idle_s: float) -> None:
        """Ends what takes too long: a request that is still coming or being answered, or silence.

        Args:
            now_s: monotonic.
            idle_s: how long a client may be silent between requests; before the first it has the time of a request.
        """
        answers, reader = self._answers, self._reader
        taken_s, limit_s = now_s - answers.since_s, self._app.request_timeout_s
        if answers.is_closing or answers.is_slow:
            if taken_s > idle_s:
                answers.abort()  # it does not read what it was told
        elif answers.answering is not None:
            if taken_s > self._app.limit_s(answers.answering):
                answers.give_up(answers.answering)
        elif reader.is_reading:
            if taken_s > limit_s:
                reader.give_up()
        elif taken_s > (idle_s if reader.is_known else limit_s):
            answers.close()
