"""The prediction log's writing side: a request hands over a tuple and goes on; a thread writes in batches.

Axes: N images, H height, W width, C channels, K classes, S statistics.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pigeonhole.core.clock import utc_now
from pigeonhole.core.database import Database
from pigeonhole.images import statistics
from pigeonhole.predictions.tables import CLASSES_TYPE, PROBABILITY_TYPE, STATISTICS_TYPE, declare

logger = logging.getLogger("pigeonhole.predictions")
CAPACITY = 50_000
CAPACITY_BYTES = 64 << 20
GATHER_S = 0.05
BATCH_ROWS = 2_000
BATCH_IMAGES = 4_096
_INSERT = (
    "INSERT INTO prediction_requests (request_id, source, endpoint, received_at_s, latency_ms, status, error_code,"
    " n_images, classes, probability, statistics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Entry(NamedTuple):
    """One answered request.

    Attributes:
        request_id: begins with the log's `source`.
        received_at_s: seconds since 1970, UTC.
        latency_ms: from the whole request read to the answer handed over.
        status: the HTTP status.
        error_code: of a refused request, else `None`.
        n_images: how many images the request held, 0 if it was refused.
        pixels: their uint8 values, N·H·W·C of them; only statistics of them are kept.
        probs_NK: what the model said; `None` if it was refused.
    """

    request_id: str
    received_at_s: float
    latency_ms: float
    status: int
    error_code: str | None = None
    n_images: int = 0
    pixels: bytes = b""
    probs_NK: npt.NDArray[np.float32] | None = None


class PredictionLog:
    """A server's way to the prediction log. `add` never waits; what does not fit is counted in `dropped`.

    Args:
        database_url: the workspace's records; opened in the writing thread's own connection.
        endpoint: whose predictions these are.
        deployment: which of its deployments.
        model: the model version (`digits:3`).
        bundle_sha256: the bundle's content hash.
        class_names: class k's name.
        shape_HWC: of every image.
        capacity: entries that may wait for the disk.

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
    ) -> None:
        self.source = uuid.uuid4().hex[:12]
        self.endpoint = endpoint
        self.dropped = 0
        self.written = 0
        self._shape_HWC = shape_HWC
        self._capacity = capacity
        self._waiting: deque[Entry] = deque()
        # Each counter is moved by one thread only, so neither needs a lock.
        self._added = self._added_bytes = 0
        self._taken = self._taken_bytes = 0
        self._work = threading.Event()
        self._progress = threading.Condition()
        self._closing = threading.Event()
        self.database = Database(database_url)
        declare(self.database)
        self._register(deployment, model, bundle_sha256, class_names)
        self._thread = threading.Thread(target=self._write_on, name="prediction-log", daemon=True)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Takes an entry to be written soon; drops it, and counts it, where the disk is too far behind."""
        if len(self._waiting) >= self._capacity or self._added_bytes - self._taken_bytes > CAPACITY_BYTES:
            self.dropped += 1
            return
        self._waiting.append(entry)
        self._added += 1
        self._added_bytes += len(entry.pixels)
        if not self._work.is_set():
            self._work.set()

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Waits until everything added before this call is written (or dropped); False if that took too long."""
        target = self._added
        self._work.set()
        with self._progress:
            return self._progress.wait_for(lambda: self._taken >= target, timeout_s)

    def close(self, timeout_s: float = 30.0) -> None:
        """Writes what is waiting, then ends the thread and the connection."""
        self._closing.set()
        self._work.set()
        self._thread.join(timeout_s)
        self.database.close()

    def _register(self, deployment: str, model: str, bundle_sha256: str, class_names: Sequence[str]) -> None:
        self.database.execute(
            "INSERT INTO prediction_sources (id, endpoint, deployment, model, bundle_sha256, class_names,"
            " statistic_names, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.source,
                self.endpoint,
                deployment,
                model,
                bundle_sha256,
                json.dumps(list(class_names)),
                json.dumps(statistic_names(self._shape_HWC)),
                utc_now(),
            ),
        )

    def _write_on(self) -> None:
        while True:
            self._work.wait()
            # A moment's wait turns a thousand requests into one transaction.
            self._closing.wait(GATHER_S)
            self._work.clear()
            while batch := self._take():
                self._write(batch)
            if self._closing.is_set() and not self._waiting:
                return

    def _take(self) -> list[Entry]:
        batch: list[Entry] = []
        images = 0
        while self._waiting and len(batch) < BATCH_ROWS and images < BATCH_IMAGES:
            batch.append(self._waiting.popleft())
            images += batch[-1].n_images
            self._taken_bytes += len(batch[-1].pixels)
        return batch

    def _write(self, batch: list[Entry]) -> None:
        try:
            rows = _rows(batch, self.source, self.endpoint, self._shape_HWC)
            with self.database.transaction() as transaction:
                transaction.execute_many(_INSERT, rows)
            self.written += len(batch)
        except Exception:  # the edge of a thread: the server answers on, and /metrics tells what was lost
            self.dropped += len(batch)
            logger.exception("%d entries of the prediction log were lost", len(batch))
            self._closing.wait(1.0)
        with self._progress:
            self._taken += len(batch)
            self._progress.notify_all()


def statistic_names(shape_HWC: tuple[int, int, int]) -> list[str]:
    """The S names of the columns of a packed `statistics`, in their order."""
    none = statistics(np.zeros((0, *shape_HWC), np.uint8))
    return [
        name if values.ndim == 1 else f"{name}_{index}"
        for name, values in none.items()
        for index in range(1 if values.ndim == 1 else values.shape[1])
    ]


def _rows(batch: list[Entry], source: str, endpoint: str, shape_HWC: tuple[int, int, int]) -> list[tuple[Any, ...]]:
    """The rows to insert. What is packed is computed for all images at once, and cut afterwards."""
    answered = [entry for entry in batch if entry.probs_NK is not None]
    columns = _packed(answered, shape_HWC) if answered else ()
    rows, start = [], 0
    for entry in batch:
        packed: tuple[bytes | None, ...] = (None, None, None)
        if entry.probs_NK is not None:
            stop = start + entry.n_images
            packed = tuple(content[start * width : stop * width] for content, width in columns)
            start = stop
        rows.append((entry[0], source, endpoint, *entry[1:6], *packed))
    return rows


def _packed(answered: list[Entry], shape_HWC: tuple[int, int, int]) -> tuple[tuple[bytes, int], ...]:
    """Classes, probabilities and statistics of all images in a row, each with its bytes an image."""
    probs_NK = np.concatenate([entry.probs_NK for entry in answered if entry.probs_NK is not None])
    images_NHWC = np.frombuffer(b"".join([entry.pixels for entry in answered]), np.uint8).reshape(-1, *shape_HWC)
    columns = [value if value.ndim == 2 else value[:, None] for value in statistics(images_NHWC).values()]
    figures_NS = np.concatenate(columns, axis=1).astype(STATISTICS_TYPE)
    packed = (
        probs_NK.argmax(axis=1).astype(CLASSES_TYPE)[:, None],
        probs_NK.max(axis=1).astype(PROBABILITY_TYPE)[:, None],
        figures_NS,
    )
    return tuple((values.tobytes(), values[:1].nbytes) for values in packed)
