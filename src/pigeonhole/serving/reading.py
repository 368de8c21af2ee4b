"""A connection's way in: bytes → whole requests within the limits, or why one is refused. Writes nothing."""

from __future__ import annotations

import functools
import time
from urllib.parse import unquote_to_bytes

import httptools

from pigeonhole.serving.answering import Answers
from pigeonhole.serving.application import Application
from pigeonhole.serving.failures import failed, too_slow
from pigeonhole.serving.heads import END, Head, Template, template
from pigeonhole.serving.http import Headers, Request, RequestError, too_large

HEAD_LIMIT = 64 << 10
# What is read at once may hold the end of another request.
RAW_HEAD_LIMIT = HEAD_LIMIT + (256 << 10)
# What is longer is no usual request: its head is read anew.
WHOLE_LIMIT = 100_000


class Reader:
    """The request of one connection that is coming.

    Args:
        app: whose limits hold, and who is asked whether a large body need come at all.
        answers: takes the requests.

    Attributes:
        is_reading: whether one has begun to come.
        is_known: whether one ever has.
    """

    def __init__(self, app: Application, answers: Answers) -> None:
        self._app = app
        self._answers = answers
        self._parser = httptools.HttpRequestParser(self)
        self._template: Template | None = None
        self._whole_bytes = min(WHOLE_LIMIT, app.max_body_bytes)
        self._raw_left = 0
        # While what begins with a request is fed: what looks like its head, and how much is fed.
        self._raw, self._fed = b"", 0
        self.is_known = False
        self._expect_request()

    def _expect_request(self) -> None:
        self._url = b""
        self._headers: Headers = {}
        self._parts: list[bytes] = []
        self._size = self._head_size = self._raw_head = 0
        self.is_reading = self._has_head = self._is_unusual = False
        self._refusal: RequestError | None = None
        self._began_s = time.perf_counter()

    def feed(self, data: bytes) -> None:
        """Takes bytes of one request, of several, or of a part of one."""
        if self._raw_left:
            self._collect(data)
            return
        if not self.is_reading and len(data) <= self._whole_bytes:
            if self._template and (found := self._template.matched(data)):
                self._take(self._template.head, *found)
                return
            raw, end, _ = data.partition(END)
            self._raw, self._fed = raw if end else b"", len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # What follows would be another protocol, which is not begun; a body belongs to the request all the same.
            self._collect(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_head(_no_http(str(error)))
        self._raw = b""
        if self.is_reading and not self._has_head:
            # A header without an end never comes from the parser.
            self._raw_head += len(data)
            if self._raw_head > RAW_HEAD_LIMIT:
                self._refuse_head(_long_head())

    def _take(self, head: Head, headers: Headers, content: bytes) -> None:
        """Hands over a request that came whole and by itself, with the head of one before."""
        self._began_s = time.perf_counter()
        self._begin()
        request = Request(self._app.new_id(), head.method, head.path, head.query, headers, content, None, self._began_s)
        self._answers.take(request, True, None)

    def give_up(self) -> None:
        """Refuses a request that takes too long to come, unless it is refused already."""
        if self._refusal is None:
            (self._refuse if self._has_head else self._refuse_head)(too_slow(self._app.request_timeout_s * 1e3))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._expect_request()
        self.is_reading = True
        self._begin()

    def _begin(self) -> None:
        self.is_known = True
        if self._answers.answering is None:
            self._answers.since_s = time.monotonic()

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
        self._is_unusual = True
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
            self._answers.go_on()

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
        self.is_reading = False
        if self._refusal is None:
            parts, self._parts = self._parts, []  # the next request may be long in coming
            self._hand_over(parts[0] if len(parts) == 1 else b"".join(parts))

    def _collect(self, data: bytes) -> None:
        """The body of a request that would change the protocol, which the parser does not read."""
        if not self._raw_left:
            return
        piece = data[: self._raw_left]
        self._raw_left -= len(piece)
        self.on_body(piece)
        if not self._raw_left and self._refusal is None:
            self.is_reading = False
            self._hand_over(b"".join(self._parts))

    def _hand_over(self, content: bytes) -> None:
        if self._answers.is_deaf:
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
        keep = keep and self._refusal is None and not parser.should_upgrade()
        # The parser, too, saw the end of the head there if the body is all the rest.
        if self._raw and len(self._raw) + len(END) + len(content) == self._fed and keep and not self._is_unusual:
            self._template = template(self._raw, Head(method, path, query, self._headers))
        self._raw = b""
        self._answers.take(request, keep, None)

    def _refuse(self, why: RequestError) -> None:
        """Answers a request whose body is not read to its end."""
        self._refusal = why
        self._hand_over(b"")

    def _refuse_head(self, why: RequestError) -> None:
        """Answers what is no request yet, after all that was asked before."""
        self._refusal = why
        if not self._answers.is_closing and not self._answers.is_deaf:
            request = Request(self._app.new_id(), "", "", b"", {}, b"", began_s=self._began_s)
            self._answers.take(request, False, failed(why, request.id))

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_LIMIT and self._refusal is None:
            self._refuse_head(_long_head())


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
