"""One request's way to a script and back, counted and logged as any other."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from pigeonhole.predictions import Entry
from pigeonhole.scripts import Answer, Question, Unanswered
from pigeonhole.scripts.asking import Outcome
from pigeonhole.serving.failures import failed, waited_too_long
from pigeonhole.serving.http import Reply, Request, Respond
from pigeonhole.serving.scripted.deployment import Scripted
from pigeonhole.serving.scripted.replies import reply_to

AUTHORIZATION, REQUEST_ID = b"authorization", "x-request-id"


class ScriptExchange:
    """A request and its answer.

    Args:
        request: it.
        respond: takes the answer.
        deployment: who answers.
        done: called with the exchange before the answer goes out.
        is_endpoint: whether the server stands for a deployed endpoint.
    """

    decoded = None

    def __init__(
        self,
        request: Request,
        respond: Respond,
        deployment: Scripted,
        done: Callable[[ScriptExchange, Reply], None],
        is_endpoint: bool,
    ) -> None:
        self.request = request
        self.deployment = deployment
        self.is_read = self.is_over = False
        self._respond = respond
        self._done = done
        self._is_endpoint = is_endpoint
        self._question: Question | None = None
        self._size_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._received_s = time.time()
        self._started = time.perf_counter()
        request.deployment, request.route = deployment, request.path

    def begin(self) -> None:
        """Sees that the script is asked."""
        try:
            content = self.request.body()
            self.is_read = True
            self.deployment.batcher.enter(len(content))
            self._size_bytes = len(content)
            self._question = question_of(self.request, content, self.request.id, self.deployment, self._deliver)
            if self.deployment.max_wait_ms is not None:
                self._question.until_s = time.monotonic() + self.deployment.max_wait_ms / 1e3
            self.deployment.ask(self._question)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Says what was wrong, unless the answer has gone out; the script need not answer any more."""
        if self.is_over:
            return
        if self._question is not None:
            self.deployment.runner.drop(self._question)
        self._finish(failed(error, self.request.id, deployed=self._is_endpoint), None)

    def give_up(self, error: Exception) -> None:
        """Says that its time is over."""
        self.fail(error)

    def abandon(self, error: Exception) -> None:
        """The client has gone: the script need not answer any more."""
        self.fail(error)

    def _deliver(self, outcome: Outcome) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            self._loop.call_soon_threadsafe(self._take, outcome)

    def _take(self, outcome: Outcome) -> None:
        if self.is_over:
            return
        if isinstance(outcome, Unanswered) and outcome.has_waited:
            self.fail(waited_too_long(self.deployment.max_wait_ms or 0.0))
        else:
            reply, answer = reply_to(outcome, self.request.id, self.deployment.scoring_ms, deployed=self._is_endpoint)
            self._measure(answer)
            self._finish(reply, answer)

    def _measure(self, answer: Answer) -> None:
        """How long run() took, and how long the request waited for its turn."""
        exec_s = answer.exec_ms / 1e3
        waited_s = max(0.0, time.perf_counter() - self._started - exec_s)
        self.request.queue_s = waited_s
        self.deployment.metrics.queue_wait.observe(waited_s)
        self.deployment.batcher.durations.observe(exec_s)

    def _finish(self, reply: Reply, answer: Answer | None) -> None:
        self.is_over = True
        deployment = self.deployment
        if self._question is not None:
            deployment.batcher.leave(self._size_bytes)
        latency_ms = (time.perf_counter() - self._started) * 1e3
        # Without an answer the script was not asked.
        has_failed, exec_ms = (answer.failed, answer.exec_ms) if answer else (False, 0.0)
        deployment.sign(reply, exec_ms, failed=has_failed)
        self._done(self, reply)
        self._respond(reply)
        deployment.note(Entry(self.request.id, self._received_s, latency_ms, reply.status, reply.error_code))
        if reply.afterwards:
            reply.afterwards()


def question_of(
    request: Request, content: bytes, request_id: str, deployment: Scripted, deliver: Callable[[Outcome], None]
) -> Question:
    """The request as the script is asked it; the endpoint's key is none of its business."""
    hidden = AUTHORIZATION if deployment.hides_key else b""
    headers = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items() if name != hidden
    }
    headers[REQUEST_ID] = request_id
    method = "GET" if request.method == "HEAD" else request.method
    return Question(request_id, method, request.path, request.query.decode("latin-1"), headers, content, deliver)
