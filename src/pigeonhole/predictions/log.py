"""The prediction log's writing side: requests hand over a tuple and go on; a thread writes in blocks.

Axes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import uuid
from collections import deque
from collections.abc import Sequence

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database
from pigeonhole.core.errors import PigeonholeError, UsageError
from pigeonhole.predictions.blocks import Block, Entries, Entry, alone, pack, statistic_names
from pigeonhole.predictions.failing import Failing
from pigeonhole.predictions.retention import Limits
from pigeonhole.predictions.tables import declare
from pigeonhole.predictions.writing import BlockWriter

logger = logging.getLogger("pigeonhole.predictions")
CAPACITY = 50_000
CAPACITY_BYTES = 64 << 20
# A moment's wait turns a thousand requests into one block. What a crash can lose is this and the time a write takes.
GATHER_S = 0.1
BLOCK_ROWS = 2_000
BLOCK_IMAGES = 4_096
BLOCK_BYTES = 8 << 20
RETRY_S = 1.0


class PredictionLog:
    """A server's way to the prediction log. Adding never waits; what does not fit is counted in `dropped`.

    While the database takes no writes (locked, full, read-only, gone), entries wait in memory and the log tries again
    every second; the server answers on.

    Args:
        database_url: the workspace's records; opened in the writing thread's own connection.
        endpoint: whose predictions these are.
        deployment: which of its deployments.
        model: the model version (`digits:3`).
        bundle_sha256: the bundle's content hash.
        class_names: class k's name.
        shape_HWC: of every image.
        capacity: entries that may wait for the disk.
        log_images: whether the images themselves are kept, or only statistics of them.
        image_limits: how many of them, and of those that the endpoint logged before.

    Attributes:
        source: a random id, which a server may begin its request ids with.
        endpoint: whose predictions these are.
        database: for those who read or give feedback; what is committed through it is on the disk.

    Raises:
        UsageError: the database cannot be used; found out here, before the first request.
    """

    def __init__(
        self,
        database_url: str,
        endpoint: str,
        *,
        deployment: str,
        model: str,
        bundle_sha256: str,
        class_names: Sequence[str],
        shape_HWC: tuple[int, int, int],
        capacity: int = CAPACITY,
        log_images: bool = True,
        image_limits: Limits | None = None,
    ) -> None:
        self.source = uuid.uuid4().hex[:12]
        self.endpoint = endpoint
        self.written = 0
        self._shape_HWC = shape_HWC
        self._capacity = capacity
        self._waiting: deque[Entries] = deque()
        # Each counter is moved by one thread only, so none needs a lock.
        self._added = self._added_bytes = self._refused = 0
        self._begun = self._taken = self._taken_bytes = self._lost = 0
        self._blocks = 0
        self._given_up = False
        self._failing = Failing(endpoint)
        self._work = threading.Event()
        self._hurry = threading.Event()
        self._progress = threading.Condition()
        self._closing = threading.Event()
        try:
            self.database = Database(database_url, durable=True)
            declare(self.database)
            self._register(deployment, model, bundle_sha256, class_names)
            self._writer = BlockWriter(
                database_url, endpoint, self.source, image_limits or Limits(), log_images=log_images
            )
        except PigeonholeError:
            raise
        except Exception as error:  # the drivers share no error class
            raise UsageError(
                f"the prediction log of {endpoint} cannot be opened: {error}",
                "a database that can be written to, and beside SQLite's a folder for the images",
                "check the workspace's folder, its disk, or PIGEONHOLE_DATABASE_URL",
            ) from error
        self._thread = threading.Thread(target=self._write_on, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Entries that are lost: the queue was full, or they could not be packed or written to the end."""
        return self._refused + self._lost

    @property
    def images_dropped(self) -> int:
        """The oldest images that left the log for newer ones."""
        return self._writer.images_dropped

    def add(self, entry: Entry) -> None:
        """Takes an entry to be written soon; drops it, and counts it, where the disk is too far behind."""
        self.add_together(alone(entry))

    def add_together(self, entries: Entries) -> None:
        """Takes several entries at once, or drops them."""
        n = len(entries.request_ids)
        if self._added - self._begun >= self._capacity or self._added_bytes - self._taken_bytes > CAPACITY_BYTES:
            self._refused += n
            return
        self._waiting.append(entries)
        self._added += n
        self._added_bytes += len(entries.pixels)
        if not self._work.is_set():
            self._work.set()

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Waits until everything added before this call is written (or dropped); False if that took too long."""
        target = self._added
        self._hurry.set()
        self._work.set()
        with self._progress:
            return self._progress.wait_for(lambda: self._taken >= target, timeout_s)

    def close(self, timeout_s: float = 30.0) -> None:
        """Writes what is waiting, then ends the thread and the connections. What cannot be written now is lost."""
        self._closing.set()
        self._hurry.set()
        self._work.set()
        self._thread.join(timeout_s)
        self.database.close()

    def _register(self, deployment: str, model: str, bundle_sha256: str, class_names: Sequence[str]) -> None:
        self.database.execute(
            "INSERT INTO prediction_sources (id, endpoint, deployment, model, bundle_sha256, class_names,"
            " statistic_names, started_at, shape) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.source,
                self.endpoint,
                deployment,
                model,
                bundle_sha256,
                json.dumps(list(class_names)),
                json.dumps(statistic_names(self._shape_HWC)),
                utc_now(),
                json.dumps(list(self._shape_HWC)),
            ),
        )

    def _write_on(self) -> None:
        _step_back()
        while not self._closing.is_set() or self._waiting:
            self._work.wait()
            self._hurry.wait(GATHER_S)
            self._work.clear()
            if not self._closing.is_set():
                self._hurry.clear()
            # Only what is here now: what comes meanwhile gathers for the next block, or blocks would be tiny.
            here = len(self._waiting)
            while here > 0:
                batch = self._take(here)
                here -= len(batch)
                self._write(batch)
        self._end()

    def _take(self, here: int) -> list[Entries]:
        batch: list[Entries] = []
        rows = images = size_bytes = 0
        while len(batch) < here and rows < BLOCK_ROWS and images < BLOCK_IMAGES and size_bytes < BLOCK_BYTES:
            entries = self._waiting.popleft()
            batch.append(entries)
            rows += len(entries.request_ids)
            self._begun += len(entries.request_ids)
            images += sum(entries.counts)
            size_bytes += len(entries.pixels)
        return batch

    def _write(self, batch: list[Entries]) -> None:
        for block, pixels in self._packed(batch):
            if not self._stored(block, pixels):
                self._lost += block.n_requests
        self._taken_bytes += sum([len(entries.pixels) for entries in batch])
        with self._progress:
            self._taken += sum([len(entries.request_ids) for entries in batch])
            self._progress.notify_all()

    def _packed(self, batch: list[Entries]) -> list[tuple[Block, bytes]]:
        """One block; where entries do not fit together, one of each half, and so on."""
        try:
            packed = pack(
                batch, source=self.source, number=self._blocks, endpoint=self.endpoint, shape_HWC=self._shape_HWC
            )
        except Exception:  # the edge of a thread: the server answers on, and /metrics tells what was lost
            if len(batch) > 1:
                half = len(batch) // 2
                return self._packed(batch[:half]) + self._packed(batch[half:])
            self._lost += len(batch[0].request_ids)
            logger.exception("%s lost to the prediction log", ", ".join(batch[0].request_ids))
            return []
        self._blocks += 1
        return [packed]

    def _stored(self, block: Block, pixels: bytes) -> bool:
        """Tries until it is written; while closing once, and not again after a failure."""
        while not self._given_up:
            if self._store(block, pixels):
                return True
            self._given_up = self._closing.wait(RETRY_S)
        return False

    def _store(self, block: Block, pixels: bytes) -> bool:
        try:
            self._writer.write(block, pixels, self.dropped)
        except Exception as error:  # noqa: BLE001 - the drivers share no error class; told below, and tried again
            self._failing.tell(error, len(self._waiting) + block.n_requests, self.dropped)
            return False
        self.written += block.n_requests
        self._failing.over(self.dropped)
        return True

    def _end(self) -> None:
        if self._lost + self._refused:
            try:
                self._writer.record_loss(self.dropped)
            except Exception as error:  # noqa: BLE001 - as in _store
                self._failing.tell(error, 0, self.dropped)
        self._writer.close()


def _step_back() -> None:
    """Lets the requests go first where they and the writing share a core: without it one request in a hundred waits.

    A quarter of the core is left, which is twice what writing takes: with a tenth, the log fell seconds behind a server
    that never rests, and dropped entries in the end. Only Linux has priorities for single threads.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
