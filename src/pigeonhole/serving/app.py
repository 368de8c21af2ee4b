"""The application: keys, ids, routes, and one JSON body for every failure. What a route does stands elsewhere."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pigeonhole.serving.access_log import TEXT_ROOM, Access, AccessLog
from pigeonhole.serving.auth import Keys
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.deployed import Answering
from pigeonhole.serving.failures import failed
from pigeonhole.serving.feedback import FeedbackTaker
from pigeonhole.serving.http import CLIENT_ID, CLIENT_ID_LIMIT, Headers, Reply, Request, RequestError, Respond
from pigeonhole.serving.lingering import Lingering
from pigeonhole.serving.measuring import Meter
from pigeonhole.serving.metrics import FORMAT
from pigeonhole.serving.pages import Pages
from pigeonhole.serving.routes import OPEN, Routes
from pigeonhole.serving.scoring import Scorer
from pigeonhole.serving.scripted.deployment import Scripted

_CLIENT_IDS = (b"x-request-id", CLIENT_ID)


class App:
    """An endpoint's deployments behind HTTP.

    Args:
        config: keys and limits.
        deployments: ready to answer.
        source: what request ids begin with; unique to this process.
    """

    def __init__(self, config: ServingConfig, deployments: Sequence[Answering], source: str) -> None:
        self.scripts = [one for one in deployments if isinstance(one, Scripted)]
        self.max_body_bytes = config.max_body_bytes
        self.request_timeout_s = config.request_timeout_s
        self.lingering = Lingering(is_wanted=config.linger)
        self.scorer = Scorer(config, deployments)
        self.meter = Meter(deployments, Path(config.shared_folder, FORMAT) if config.shared_folder else None)
        self.pages = Pages(config, deployments, self.scorer, self.meter)
        self.meter.asked |= {
            "pigeonhole_requests_in_flight": lambda: len(self.scorer.under_way),
            "pigeonhole_workers": lambda: int(self.pages.ready),
        }
        self._access_log = AccessLog(config.access_log) if config.access_log else None
        if self._access_log:
            self.meter.asked["pigeonhole_access_log_dropped_total"] = functools.partial(
                getattr, self._access_log, "dropped"
            )
        logs = [deployment.log for deployment in deployments if deployment.log]
        self._feedback = FeedbackTaker(logs, source)
        self._keys = Keys(config.key_hashes)
        self._to_shed = 0
        self._source = source
        self._numbers = itertools.count(1)
        self._routes = Routes(self.scorer, self.pages, self._feedback)

    def is_last(self) -> bool:
        """Whether the answer that goes out now ends its connection."""
        if self._to_shed:
            self._to_shed -= 1
            return True
        return not self.pages.ready

    def new_id(self) -> str:
        """An id for a request."""
        return f"{self._source}-{next(self._numbers):x}"

    def answer(self, request: Request, respond: Respond) -> None:
        """Answers one request, now or later."""
        try:
            if self._keys and request.path not in OPEN:
                self._check_key(request.headers)
            _check_ids(request.headers)
            self._routes.find(request.path, request.method)(request, respond)
        except Exception as error:  # noqa: BLE001 - the process edge: the request fails, the server does not
            respond(failed(error, request.id))

    def refuse_early(self, path: str, headers: Headers) -> RequestError | None:
        """Why a request is refused whose large body has not come yet: its key."""
        try:
            if self._keys and path not in OPEN:
                self._check_key(headers)
        except RequestError as error:
            return error
        return None

    def limit_s(self, request: Request) -> float:
        """How long a request may take that is being answered: what its deployment says."""
        return self.scorer.limit_s(request)

    def give_up(self, request: Request) -> bool:
        """Answers a scoring request whose time is over; what it still computes goes nowhere. False for others."""
        return self.scorer.give_up(request)

    def abandon(self, request: Request) -> None:
        """The client of a request under way has gone: its place in the queue is left to others."""
        self.scorer.abandon(request)

    def answered(self, request: Request, reply: Reply, size_bytes: int, peer: Any) -> None:
        """Counts an answer of so many bytes (of none, where the client had gone), and logs it where that is wanted."""
        duration_s = time.perf_counter() - request.began_s
        deployment = request.deployment
        if deployment is None:
            request.route = self._routes.name(request.path)
        metrics = deployment.metrics if deployment else self.meter.nobody
        metrics.count(request.route, reply.status, duration_s, reply.error_code)
        if self._access_log:
            self._access_log.add(
                Access(
                    time.time(),
                    request.id,
                    request.method,
                    request.path[:TEXT_ROOM],
                    reply.status,
                    request.size_bytes,
                    size_bytes,
                    duration_s,
                    request.queue_s,
                    deployment.name if deployment else "",
                    peer,
                    request.headers.get(b"user-agent", b"")[:TEXT_ROOM],
                )
            )

    def shed(self, n: int) -> None:
        """Lets the next `n` answers end their connections."""
        self._to_shed = n

    def close(self) -> None:
        """Ends the threads, and leaves the counters."""
        if self._access_log:
            self._access_log.close()
        self.meter.close()
        self.scorer.close()
        self._feedback.close()

    def _check_key(self, headers: Headers) -> None:
        if b"authorization" not in headers:
            received = "a request without a key"
        elif self._keys.allow(headers[b"authorization"]):
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
