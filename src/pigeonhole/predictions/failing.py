"""Says that the log cannot be written: when that begins, once a minute, and when it is over. Does nothing about it."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger("pigeonhole.predictions")
TELL_S = 60.0


class Failing:
    """Tells of one log.

    Args:
        endpoint: whose log.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._since: float | None = None
        self._told = 0.0

    def tell(self, error: Exception, waiting: int, dropped: int) -> None:
        """The log could not be written just now.

        Args:
            error: why.
            waiting: requests that wait for the log.
            dropped: requests that are lost to it so far.
        """
        now = time.monotonic()
        if self._since is not None and now - self._told < TELL_S:
            return
        self._since, self._told = self._since or now, now
        logger.error(
            "the prediction log of %s cannot be written: %s\naccepted: a database that takes writes\n"
            "next: make room on the disk, or end what locks the database; the endpoint answers on, %d requests wait"
            " for the log and %d are lost to it",
            self._endpoint,
            str(error).strip() or type(error).__name__,
            waiting,
            dropped,
        )

    def over(self, dropped: int) -> None:
        """The log was written just now."""
        if self._since is not None:
            seconds = time.monotonic() - self._since
            logger.info(
                "the prediction log of %s is written again after %.0f s; %d requests are lost to it so far",
                self._endpoint,
                seconds,
                dropped,
            )
            self._since = None
