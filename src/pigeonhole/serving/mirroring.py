"""Copies of answered requests for deployments on trial: run behind the answer, logged, never returned.

A copy may be late or lost, which is counted; the answered request neither waits for it nor learns of its failure.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from pigeonhole.predictions import Entry
from pigeonhole.serving.batch import Batcher
from pigeonhole.serving.deployed import Answering, Deployed
from pigeonhole.serving.failures import failed
from pigeonhole.serving.protocols.decoded import Decoded

logger = logging.getLogger("pigeonhole.serving")
MAX_COPIES = 1000
MAX_COPY_BYTES = 64 << 20
MAX_IMAGES = 1 << 20


class Mirror:
    """Takes copies for one deployment.

    Args:
        target: who gets them.
    """

    def __init__(self, target: Deployed) -> None:
        self.target = target
        # A queue of its own, and runs beside the loop: answers go out meanwhile.
        self._batcher = Batcher(target.run, target.facts.shape, MAX_IMAGES, always_beside=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0

    def fits(self, answering: Answering) -> bool:
        """Whether what that deployment has read can be used here."""
        return isinstance(answering, Deployed) and answering.facts.shape == self.target.facts.shape

    def take(self, request_id: str, size_bytes: int, decode: Callable[[], Awaitable[Decoded]]) -> None:
        """Runs a copy soon, or drops it and counts that where too many wait.

        Args:
            request_id: of the answered request; the copy's own is made from it.
            size_bytes: what the copy holds in memory.
            decode: gives the images in the target's shape.
        """
        if len(self._tasks) >= MAX_COPIES or self._bytes + size_bytes > MAX_COPY_BYTES:
            self.target.metrics.mirror_dropped += 1
            return
        self._bytes += size_bytes
        task = asyncio.get_running_loop().create_task(self._run(f"{request_id}-{self.target.name}", decode))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(done, size_bytes))

    def _forget(self, task: asyncio.Task[None], size_bytes: int) -> None:
        self._tasks.discard(task)
        self._bytes -= size_bytes

    async def _run(self, copy_id: str, decode: Callable[[], Awaitable[Decoded]]) -> None:
        received_s, started = time.time(), time.perf_counter()
        try:
            decoded = await decode()
            probs_NK = await self._batcher.submit(decoded.pixels, decoded.n)
            latency_ms = (time.perf_counter() - started) * 1e3
            entry = Entry(copy_id, received_s, latency_ms, 200, None, decoded.n, decoded.pixels, probs_NK)
        except Exception as error:  # noqa: BLE001 - the edge of a copy; told in its deployment's log and counters
            reply = failed(error, copy_id)
            entry = Entry(copy_id, received_s, (time.perf_counter() - started) * 1e3, reply.status, reply.error_code)
        self.target.metrics.mirrored[entry.status] += 1
        self.target.note(entry)
