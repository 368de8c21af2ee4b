"""The floor of the stack: an ASGI application that reads the body and says hello."""

from __future__ import annotations

from typing import Any

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
BODY = {"type": "http.response.body", "body": b"hello"}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ARG001
    """Answers anything."""
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(BODY)
