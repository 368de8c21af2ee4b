"""How many images the log keeps: the oldest go when a limit is reached, and what went is told. Touches nothing else."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pigeonhole.core.database import Transaction
from pigeonhole.core.errors import UsageError

logger = logging.getLogger("pigeonhole.predictions")
LIMIT_BYTES = 1 << 30
_STEPS = 64
_ROWS = 256
_AGE_CHECK_S = 60.0
_DAY_S = 86_400.0
_SIZE = "SELECT COALESCE(SUM(size_bytes), 0) AS size_bytes FROM prediction_images WHERE endpoint = ?"
_OLDEST = (
    "SELECT source, number, last_at_s, n_images, size_bytes, file FROM prediction_images WHERE endpoint = ?"
    " AND last_at_s < ? ORDER BY last_at_s, source, number LIMIT ?"
)
_DELETE = "DELETE FROM prediction_images WHERE source = ? AND number = ?"


@dataclass(frozen=True)
class Limits:
    """How many images an endpoint's log keeps.

    Attributes:
        size_bytes: of pixels; beyond it the oldest images go. Each deployment in each server process may be a 64th
            over it, and another 64th on the disk.
        days: images of requests older than this go too, while a server runs; `None` knows no age.

    Raises:
        UsageError: a limit below nothing.
    """

    size_bytes: int = LIMIT_BYTES
    days: float | None = None

    def __post_init__(self) -> None:
        if self.size_bytes < 0 or (self.days is not None and self.days <= 0):
            raise UsageError(
                f"an image log of {self.size_bytes} bytes and {self.days} days",
                "0 bytes or more, and more than 0 days",
                "correct the limits, or switch the image log off",
            )

    @property
    def step_bytes(self) -> int:
        """How many bytes are written between one look and the next: a 64th."""
        return self.size_bytes // _STEPS


@dataclass
class Dropped:
    """What a limit drove out.

    Attributes:
        images: how many.
        files: that have fewer images now, or none.
    """

    images: int = 0
    files: set[str] = field(default_factory=set)


class Retention:
    """Holds one endpoint's images to their limits, for one writer.

    Args:
        endpoint: whose images.
        limits: what may stay.
    """

    def __init__(self, endpoint: str, limits: Limits) -> None:
        self._endpoint = endpoint
        self._limits = limits
        # Looking costs, so it is done once a 64th of the limit has been written; and first of all.
        self._step = limits.step_bytes
        self._unseen_bytes = self._step + 1
        self._aged_at = -_AGE_CHECK_S

    def enforce(self, transaction: Transaction, added_bytes: int) -> Dropped:
        """Drops the oldest images where a limit is reached.

        Args:
            transaction: in which images were just written.
            added_bytes: how many bytes of them.
        """
        self._unseen_bytes += added_bytes
        dropped = Dropped()
        if self._unseen_bytes > self._step:
            self._unseen_bytes = 0
            size = int(transaction.execute(_SIZE, (self._endpoint,))[0]["size_bytes"])
            self._drop(transaction, dropped, size - (self._limits.size_bytes - self._step), 1e300)
        if self._limits.days is not None and time.monotonic() - self._aged_at >= _AGE_CHECK_S:
            self._aged_at = time.monotonic()
            self._drop(transaction, dropped, 1 << 62, time.time() - self._limits.days * _DAY_S)
        return dropped

    def _drop(self, transaction: Transaction, dropped: Dropped, excess_bytes: int, before_s: float) -> None:
        """Drops images from before a time, the oldest first, until so many bytes are gone."""
        images, last_at_s = 0, 0.0
        while excess_bytes > 0:
            rows = transaction.execute(_OLDEST, (self._endpoint, before_s, _ROWS))
            for row in rows:
                if excess_bytes <= 0:
                    break
                transaction.execute(_DELETE, (row["source"], row["number"]))
                excess_bytes -= row["size_bytes"]
                images, last_at_s = images + row["n_images"], row["last_at_s"]
                dropped.files.update([row["file"]] if row["file"] else [])
            if len(rows) < _ROWS:
                break
        dropped.images += images
        if images:
            logger.info(
                "endpoint %s: the %d oldest images left the log, up to %s; it keeps %s",
                self._endpoint,
                images,
                datetime.fromtimestamp(last_at_s, UTC).isoformat(timespec="seconds"),
                self._kept(),
            )

    def _kept(self) -> str:
        size = f"{self._limits.size_bytes / (1 << 20):,.0f} MiB"
        return size if self._limits.days is None else f"{size} and {self._limits.days:g} days"
