"""Blocks into the database, in a connection of its own: each once, with what was lost since, and the limits kept."""

from __future__ import annotations

import copy
import logging
import time

from pigeonhole.core.database import Database, Transaction
from pigeonhole.predictions.blocks import Block, insert
from pigeonhole.predictions.pixels import FILE_BYTES, PixelFiles, folder_of, remove_unnamed
from pigeonhole.predictions.retention import Limits, Retention

logger = logging.getLogger("pigeonhole.predictions")
# A short wait for whoever else writes: the log waits in its queue, where it can be told of and counted.
LOCK_WAIT_S = 5.0
_LOSS = "INSERT INTO prediction_losses (endpoint, source, kind, n, recorded_at_s) VALUES (?, ?, ?, ?, ?)"


class BlockWriter:
    """Writes one source's blocks.

    Args:
        database_url: the workspace's records.
        endpoint: whose predictions these are.
        source: the source's id.
        limits: of the endpoint's images.
        log_images: whether images are added to them.
    """

    def __init__(self, database_url: str, endpoint: str, source: str, limits: Limits, *, log_images: bool) -> None:
        # Durable: a power cut too loses at most what waits to be written.
        self._database = Database(database_url, durable=True, busy_timeout_s=LOCK_WAIT_S)
        self._endpoint = endpoint
        self._source = source
        # Images that were logged before are held to the limits too when no more are.
        self._retention = Retention(endpoint, limits)
        self._log_images = log_images
        folder = folder_of(database_url) if log_images else None
        self._files = PixelFiles(folder, source, min(FILE_BYTES, limits.step_bytes)) if folder else None
        # Files that may have to go, once they are nobody's; `None` means all there are, for what kills left behind.
        self._vacated: set[str] | None = None
        self._recorded = 0
        self.images_dropped = 0

    def write(self, block: Block, pixels: bytes, lost: int) -> None:
        """Writes a block; writing it again, after an answer that was lost, changes nothing.

        Args:
            block: the block.
            pixels: of its images.
            lost: entries that this source has lost so far.
        """
        kept = pixels if self._log_images else b""
        # A row never names what is not there yet.
        place = self._files.add(block.number, pixels) if self._files and pixels else None
        # It counts what it has seen, which must not outlive a transaction that is undone.
        retention = copy.copy(self._retention)
        with self._database.transaction() as transaction:
            insert(transaction, block, kept, place)
            dropped = retention.enforce(transaction, len(kept))
            self._record(transaction, "images", dropped.images)
            self._record(transaction, "entries", lost - self._recorded)
        self._retention = retention
        self._recorded = lost
        self.images_dropped += dropped.images
        self._remove(dropped.files)

    def record_loss(self, lost: int) -> None:
        """Records what was lost after the last block."""
        with self._database.transaction() as transaction:
            self._record(transaction, "entries", lost - self._recorded)
        self._recorded = lost

    def close(self) -> None:
        """Ends the file and the connection, and removes the files that no image is in any more."""
        try:
            if self._files:
                self._files.close()
            self._remove(self._vacated or set())
        finally:
            self._database.close()

    def _remove(self, emptier: set[str]) -> None:
        """Removes files without images, if there is reason to look: the block stands, whatever comes of this.

        Args:
            emptier: files that have fewer images than before.
        """
        if self._files:
            emptier, self._files.ended = emptier | self._files.ended, set()
        if self._vacated is not None and not emptier:
            return
        looked_at = None if self._vacated is None else self._vacated | emptier
        try:
            self._vacated = remove_unnamed(self._database, looked_at)
        except Exception:
            logger.exception("images that left the log still take space on the disk")
            self._vacated = looked_at or set()

    def _record(self, transaction: Transaction, kind: str, n: int) -> None:
        if n:
            transaction.execute(_LOSS, (self._endpoint, self._source, kind, n, time.time()))
