"""The few lines of HTTP that the application needs over ASGI: reading a body, a reply, a refusal."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from pigeonhole.core.errors import UsageError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[bytes, bytes]
JSON = b"application/json"
CLIENT_ID_LIMIT = 100
_CLIENT_ID_SHOWN = 40
_NOT_IN_AN_ID = re.compile(rb"[^A-Za-z0-9_-]")


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


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler gets: the ASGI scope, the headers by lower-case name, the way to the body, and its id."""

    scope: Scope
    headers: Headers
    receive: Receive
    id: str


@dataclass(slots=True)
class Reply:
    """An answer before it is sent; completed on its way out.

    Attributes:
        headers: beside those that every answer has.
        error_code: the one in the body of a failure.
        afterwards: called once the answer has been sent.
    """

    status: int
    content: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    error_code: str | None = None
    afterwards: Callable[[], None] | None = None


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; a longer one is refused as soon as that is known, by its header if it has one.

    Raises:
        RequestError: more than `limit` bytes (413).
        ConnectionResetError: the connection ended first; nobody is left to answer.
    """
    length = request.headers.get(b"content-length", b"0")
    if len(length) > 6 and int(length) > limit:
        raise _too_large(f"{int(length):,} bytes", limit)
    message = await request.receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message["body"]
        return body
    parts: list[bytes] = []
    total = 0
    while message["type"] == "http.request":
        parts.append(message["body"])
        total += len(parts[-1])
        if total > limit:
            raise _too_large(f"more than {limit:,} bytes", limit)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await request.receive()
    raise ConnectionResetError("the connection ended within a request")


async def send_reply(send: Send, reply: Reply, request: Request, *, last: bool = False) -> None:
    """Sends the reply with its ids; the `last` one tells the client to make a new connection for its next request."""
    request_id = request.id.encode()
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", b"%d" % len(reply.content)),
        (b"x-request-id", request_id),
        (b"x-ms-request-id", request_id),
        *reply.headers,
    ]
    if b"x-ms-client-request-id" in request.headers:
        shown = _NOT_IN_AN_ID.sub(b"", request.headers[b"x-ms-client-request-id"])[:_CLIENT_ID_SHOWN]
        headers.append((b"x-ms-client-request-id", shown))
    if last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.content, "more_body": False})


def _too_large(size: str, limit: int) -> RequestError:
    return RequestError(
        413,
        "body_too_large",
        f"a body of {size}",
        f"at most {limit:,} bytes",
        "send fewer images at a time",
        {"connection": "close"},
    )
