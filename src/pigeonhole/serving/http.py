"""The few things of HTTP that the application needs: a request, a reply and its bytes, a refusal. Reads no socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pigeonhole.core.errors import UsageError

if TYPE_CHECKING:
    from pigeonhole.serving.deployed import Answering

Headers = dict[bytes, bytes]
Fields = tuple[tuple[bytes, bytes], ...]
JSON = b"application/json"
CLIENT_ID = b"x-ms-client-request-id"
CLIENT_ID_LIMIT = 100
_CLIENT_ID_SHOWN = 40
_NOT_IN_AN_ID = re.compile(rb"[^A-Za-z0-9_-]")
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}


class RequestError(UsageError):
    """A request that HTTP itself has a status for; never leaves this room.

    Args:
        status: the HTTP status.
        code: the `error_code` of the JSON body.
        received: as in every error.
        accepted: as in every error.
        remedy: as in every error.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        received: str,
        accepted: str,
        remedy: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(received, accepted, remedy)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


class Request:
    """A request that has come whole, or as far as it was read.

    Args:
        request_id: unique to it.
        method: in capitals.
        path: without escapes.
        query: the query string, as it came.
        headers: by lower-case name.
        content: the body.
        refusal: why the body was not read to its end.
        began_s: when its first byte was read, by `time.perf_counter`.

    Attributes:
        deployment: who answers it; `None` until that is known.
        route: what its path stands for, as metrics call it; empty until that is known.
        queue_s: how long its images waited for the model.
    """

    __slots__ = (
        *("_content", "_refusal", "headers", "id", "method", "path", "query"),
        *("began_s", "deployment", "queue_s", "route"),
    )

    def __init__(
        self,
        request_id: str,
        method: str,
        path: str,
        query: bytes,
        headers: Headers,
        content: bytes,
        refusal: RequestError | None = None,
        began_s: float = 0.0,
    ) -> None:
        self.id = request_id
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self._content = content
        self._refusal = refusal
        self.began_s = began_s
        self.deployment: Answering | None = None
        self.route = ""
        self.queue_s: float | None = None

    @property
    def size_bytes(self) -> int:
        """Of the body, as far as it was kept."""
        return len(self._content)

    def body(self) -> bytes:
        """The whole body.

        Raises:
            RequestError: it was too large (413), or took too long to come (408).
        """
        if self._refusal is not None:
            raise self._refusal
        return self._content


@dataclass(slots=True)
class Reply:
    """An answer before it is sent; completed on its way out.

    Attributes:
        headers: beside those that every answer has.
        lines: further ones, whole lines that go out as they are.
        error_code: the one in the body of a failure.
        afterwards: called once the answer has been sent.
    """

    status: int
    content: bytes
    content_type: bytes = JSON
    headers: Fields = ()
    error_code: str | None = None
    afterwards: Callable[[], None] | None = None
    lines: bytes = b""


Respond = Callable[[Reply], None]


def rendered(reply: Reply, request: Request, common: bytes, *, close: bool) -> bytes:
    """The bytes of an answer; one piece, since each write costs a system call.

    Args:
        reply: what to say.
        request: what it answers, whose ids it carries.
        common: whole header lines that all answers have.
        close: whether the connection ends with it.
    """
    request_id = request.id.encode()
    lines = [
        _STATUS_LINES[reply.status],
        common,
        b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\nx-ms-request-id: %b\r\n"
        % (reply.content_type, len(reply.content), request_id, request_id),
        reply.lines,
    ]
    lines += [b"%b: %b\r\n" % field for field in reply.headers if field[0] != b"connection"]
    if CLIENT_ID in request.headers:
        shown = _NOT_IN_AN_ID.sub(b"", request.headers[CLIENT_ID])[:_CLIENT_ID_SHOWN]
        lines.append(b"%b: %b\r\n" % (CLIENT_ID, shown))
    lines.append(b"connection: close\r\n\r\n" if close else b"\r\n")
    if request.method != "HEAD":
        lines.append(reply.content)
    return b"".join(lines)


def too_large(size: str, limit: int) -> RequestError:
    """The refusal of a body of more than `limit` bytes; the rest of it is not read."""
    return RequestError(
        413,
        "body_too_large",
        f"a body of {size}",
        f"at most {limit:,} bytes",
        "send fewer images at a time",
        {"connection": "close"},
    )
