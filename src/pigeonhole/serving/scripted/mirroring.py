"""Copies of answered requests for a script on trial: asked while nobody else waits, logged, never returned."""

from __future__ import annotations

import asyncio
import contextlib
import time

from pigeonhole.predictions import Entry
from pigeonhole.scripts import Question
from pigeonhole.scripts.asking import Outcome
from pigeonhole.serving.http import Request
from pigeonhole.serving.mirroring import MAX_COPIES, MAX_COPY_BYTES
from pigeonhole.serving.scripted.deployment import Scripted
from pigeonhole.serving.scripted.exchange import question_of
from pigeonhole.serving.scripted.replies import reply_to


class ScriptMirror:
    """Takes copies for one deployment.

    Args:
        target: who gets them.
    """

    def __init__(self, target: Scripted) -> None:
        self._target = target
        self._copies = self._bytes = 0

    def take(self, request: Request) -> None:
        """Has a copy asked soon, or drops it and counts that where too many wait."""
        content, loop = request.body(), asyncio.get_running_loop()
        if self._copies >= MAX_COPIES or self._bytes + len(content) > MAX_COPY_BYTES:
            self._target.metrics.mirror_dropped += 1
            return
        self._copies += 1
        self._bytes += len(content)
        received_s, started, copy_id = time.time(), time.perf_counter(), f"{request.id}-{self._target.name}"

        def note(outcome: Outcome) -> None:
            self._copies -= 1
            self._bytes -= len(content)
            reply, _ = reply_to(outcome, copy_id, self._target.scoring_ms, deployed=True)
            self._target.metrics.mirrored[reply.status] += 1
            latency_ms = (time.perf_counter() - started) * 1e3
            self._target.note(Entry(copy_id, received_s, latency_ms, reply.status, reply.error_code))

        def deliver(outcome: Outcome) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(note, outcome)

        question: Question = question_of(request, content, copy_id, self._target, deliver)
        self._target.ask(question, aside=True)
