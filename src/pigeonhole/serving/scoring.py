"""Scoring requests under way: who answers each, what goes to a thread, whose time is over, who gets a copy."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.deployed import Answering, Deployed
from pigeonhole.serving.exchange import Exchange
from pigeonhole.serving.failures import client_gone, too_many, too_slow
from pigeonhole.serving.http import Reply, Request, RequestError, Respond
from pigeonhole.serving.mirroring import Mirror
from pigeonhole.serving.protocols.azure import SCORE, SCORE_BY_QUERY
from pigeonhole.serving.protocols.decoded import Decoded, Dialect, Work
from pigeonhole.serving.routing import Router
from pigeonhole.serving.scripted.deployment import Scripted
from pigeonhole.serving.scripted.exchange import ScriptExchange
from pigeonhole.serving.scripted.mirroring import ScriptMirror

OFF_LOOP_LIMIT = 64
THREADS = 2


class Scorer:
    """Answers scoring requests with the deployments of a server.

    Args:
        config: limits.
        deployments: all of them.
    """

    def __init__(self, config: ServingConfig, deployments: Sequence[Answering]) -> None:
        self.router = Router(deployments)
        self._models = [deployment for deployment in deployments if isinstance(deployment, Deployed)]
        self.under_way: dict[str, Exchange | ScriptExchange] = {}
        self._mirrors = {deployment.name: _mirror(deployment) for deployment in deployments if deployment.mirror}
        self._timeout_s = config.request_timeout_s
        self._is_endpoint = config.endpoint is not None
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="decode")
        self._off_loop = 0

    def attend(self, connections: Collection[object]) -> None:
        """Tells the deployments' queues where to see whether anybody else is there whose request could come along."""
        for each in self._models:
            each.batcher.is_alone = lambda: len(connections) == 1

    def score(self, dialect: Dialect, request: Request, respond: Respond) -> None:
        """Answers with the deployment that the request's header names, or that has the turn."""
        self._begin(dialect, request, respond, self.router.choose(request.headers))

    def infer(self, dialect: Dialect, model: str, version: str | None, request: Request, respond: Respond) -> None:
        """Answers with a model that the request's path names."""
        self._begin(dialect, request, respond, self.router.of_model(model, version, request.headers))

    def limit_s(self, request: Request) -> float:
        """How long a request may take: as its deployment says, or the server where none has it in hand."""
        exchange = self.under_way.get(request.id)
        return exchange.deployment.timeout_s if exchange else self._timeout_s

    def give_up(self, request: Request) -> bool:
        """Ends a request whose time is over, as Azure does: a server by itself says 500, an endpoint 408.

        False if it is none that is scored.
        """
        exchange = self.under_way.get(request.id)
        if exchange is None:
            return False
        if exchange.is_read and not self._is_endpoint:
            if exchange.deployment.is_script:
                return True  # how long it may take is told by SCORING_TIMEOUT_MS
            received = f"Scoring timeout after {exchange.deployment.timeout_s * 1e3:.0f} ms"
            accepted = "a model that answers in time"
            exchange.give_up(RequestError(500, "scoring_timeout", received, accepted, "send fewer images"))
        else:
            exchange.give_up(too_slow(exchange.deployment.timeout_s * 1e3))
        return True

    def abandon(self, request: Request) -> None:
        """Leaves the place in the queue of a request, whose client has gone, to others."""
        exchange = self.under_way.get(request.id)
        if exchange is not None:
            exchange.abandon(client_gone())

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _begin(self, dialect: Dialect, request: Request, respond: Respond, deployment: Answering) -> None:
        done = functools.partial(self._done, dialect)
        exchange: Exchange | ScriptExchange
        if isinstance(deployment, Deployed):
            exchange = Exchange(dialect, request, respond, deployment, self._in_thread, done, self._is_endpoint)
        else:
            exchange = ScriptExchange(request, respond, _scripted(deployment, dialect), done, self._is_endpoint)
        self.under_way[request.id] = exchange
        exchange.begin()

    def _done(self, dialect: Dialect, exchange: Exchange | ScriptExchange, reply: Reply) -> None:
        del self.under_way[exchange.request.id]
        if not self._mirrors or reply.status != 200:
            return
        copies = self.router.copies(exchange.deployment)
        if copies:
            reply.afterwards = functools.partial(
                self._hand_out, exchange.deployment, copies, dialect, exchange.request, exchange.decoded
            )

    def _hand_out(
        self,
        answering: Answering,
        copies: list[Answering],
        dialect: Dialect,
        request: Request,
        decoded: Decoded | None,
    ) -> None:
        """Gives an answered request to the deployments that get a copy; one of another shape reads it anew."""
        for target in copies:
            mirror = self._mirrors[target.name]
            if isinstance(mirror, ScriptMirror):
                if dialect in (SCORE, SCORE_BY_QUERY):
                    mirror.take(request)
                continue
            read: Callable[[], Awaitable[Decoded]]
            if decoded is not None and mirror.fits(answering):
                read, size_bytes = functools.partial(_at_once, decoded), len(decoded.pixels)
            else:
                read, size_bytes = functools.partial(self._decode, dialect, request, mirror.target), len(request.body())
            mirror.take(request.id, size_bytes, read)

    async def _decode(self, dialect: Dialect, request: Request, target: Deployed) -> Decoded:
        decoded = dialect.decode(request.body(), request.headers, request.query, target.facts)
        if isinstance(decoded, Decoded):
            return decoded
        waiting: asyncio.Future[Decoded] = asyncio.get_running_loop().create_future()
        self._in_thread(decoded, functools.partial(_pass_on, waiting))
        return await waiting

    def _in_thread(self, work: Work, then: Callable[[Future[Decoded]], None]) -> None:
        """Does the work in a thread, and then calls `then` with its outcome in the event loop."""
        if self._off_loop >= OFF_LOOP_LIMIT:
            raise too_many(self._off_loop, "large requests")
        self._off_loop += 1
        loop = asyncio.get_running_loop()

        def back(outcome: Future[Decoded]) -> None:
            self._off_loop -= 1
            then(outcome)

        def finished(outcome: Future[Decoded]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(back, outcome)

        self._executor.submit(work).add_done_callback(finished)


def _mirror(target: Answering) -> Mirror | ScriptMirror:
    return Mirror(target) if isinstance(target, Deployed) else ScriptMirror(cast("Scripted", target))


def _scripted(deployment: Answering, dialect: Dialect) -> Scripted:
    """The deployment, if it can be asked by this protocol.

    Raises:
        RequestError: it cannot: what a script takes, only the script knows (404).
    """
    if dialect not in (SCORE, SCORE_BY_QUERY):
        raise RequestError(
            404,
            "not_for_a_script",
            f"a request in another protocol than /score, for the deployment {deployment.name}, which is a script",
            "GET or POST /score",
            "send to /score what its run() takes, or name another deployment by azureml-model-deployment",
        )
    return cast("Scripted", deployment)


async def _at_once(decoded: Decoded) -> Decoded:
    return decoded


def _pass_on(waiting: asyncio.Future[Decoded], outcome: Future[Decoded]) -> None:
    error = outcome.exception()
    if error is None:
        waiting.set_result(outcome.result())
    else:
        waiting.set_exception(error)
