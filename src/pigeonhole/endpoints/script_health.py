"""How the process of a script fares inside a server, as that tells it. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ScriptHealth:
    """What is known of one script in one server process.

    Attributes:
        restarts: how often its process was started again.
        why: the reason of its last end.
        is_lost: whether it could not be started again five times in a row.
        is_troubled: whether it ended since the look before, or has not been started again yet.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self.why = ""
        self.is_lost = self.is_troubled = False
        self._is_up = True
        self._seen = 0

    def hear(self, told: Mapping[str, Any]) -> None:
        """Takes what the server says of it."""
        self.restarts, self.why = int(told["restarts"]), str(told["why"])
        self._is_up = bool(told["is_up"])
        self.is_lost = self.is_lost or bool(told["is_lost"])

    def look(self) -> None:
        """Looks at it: however fast it was started again, each end is seen once."""
        self.is_troubled = not self._is_up or self.restarts > self._seen
        self._seen = self.restarts
