"""The ASGI application: keys, routes, and one JSON body for every failure. What a route does stands elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pigeonhole.serving.auth import is_allowed
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.deployed import Deployed
from pigeonhole.serving.failures import failed
from pigeonhole.serving.feedback import FeedbackTaker
from pigeonhole.serving.http import (
    CLIENT_ID_LIMIT,
    Headers,
    Receive,
    Request,
    RequestError,
    Scope,
    Send,
    send_reply,
)
from pigeonhole.serving.pages import Pages
from pigeonhole.serving.routes import OPEN, Handler, Routes
from pigeonhole.serving.scoring import Scorer

_CLIENT_IDS = (b"x-request-id", b"x-ms-client-request-id")


class App:
    """An endpoint's deployments behind HTTP.

    Args:
        config: keys and limits.
        deployments: ready to answer.
        source: what request ids begin with; unique to this process.
    """

    def __init__(self, config: ServingConfig, deployments: Sequence[Deployed], source: str) -> None:
        self.scorer = Scorer(config, deployments)
        self.pages = Pages(config, deployments, self.scorer)
        logs = [deployment.log for deployment in deployments if deployment.log]
        self._key_hashes = config.key_hashes
        self._to_shed = 0
        self._source = source
        self._numbers = itertools.count(1)
        self._routes = Routes(self.scorer, self.pages, FeedbackTaker(config, logs, source))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, dict(scope["headers"]), receive, f"{self._source}-{next(self._numbers):x}")
        try:
            reply = await self._handler(request)(request)
        except ConnectionResetError:
            return
        except Exception as error:  # noqa: BLE001 - the process edge: the request fails, the server does not
            reply = failed(error, request.id)
        last = not self.pages.ready
        if self._to_shed:
            self._to_shed, last = self._to_shed - 1, True
        await send_reply(send, reply, request, last=last)
        if reply.afterwards:
            reply.afterwards()

    def shed(self, n: int) -> None:
        """Lets the next `n` answers end their connections."""
        self._to_shed = n

    def close(self) -> None:
        """Ends the threads."""
        self.scorer.close()

    def _handler(self, request: Request) -> Handler:
        path, method = request.scope["path"], request.scope["method"]
        if self._key_hashes and path not in OPEN:
            self._check_key(request.headers)
        _check_ids(request.headers)
        return self._routes.find(path, method)

    def _check_key(self, headers: Headers) -> None:
        if b"authorization" not in headers:
            received = "a request without a key"
        elif is_allowed(headers[b"authorization"], self._key_hashes):
            return
        else:
            received = "a wrong key"
        raise RequestError(
            401,
            "unauthorized",
            received,
            "the header Authorization: Bearer KEY",
            "send the key that deploy printed",
            {"www-authenticate": "Bearer"},
        )


def _check_ids(headers: Headers) -> None:
    for name in _CLIENT_IDS:
        if name in headers and len(headers[name]) > CLIENT_ID_LIMIT:
            raise RequestError(
                431,
                "header_too_long",
                f"{name.decode()} with {len(headers[name])} characters",
                f"at most {CLIENT_ID_LIMIT}",
                "send a shorter id",
            )
