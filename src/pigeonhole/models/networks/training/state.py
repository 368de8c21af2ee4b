"""What changes while a training runs, besides weights, their average and the optimizer's memory. Trains nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pigeonhole.models.networks.training.randomness import Randomness
from pigeonhole.models.networks.training.tally import Tally


@dataclass
class State:
    """How far a training is.

    Attributes:
        history: the records of the epochs that are done.
        randomness: the streams of the epoch under way.
        images_at_once: a step's images go through the network so many at a time; less than a batch once memory ran out.
        step: steps done in the epoch under way.
        tally: their sums.
        damping: what the epochs before have multiplied the learning rate with (`schedules.damping`).
        stop: set by a callback to end the training after this epoch.
    """

    history: list[dict[str, Any]]
    randomness: Randomness
    images_at_once: int
    step: int = 0
    tally: Tally = field(default_factory=Tally)
    damping: float = 1.0
    stop: bool = False
    _earlier_s: float = 0.0
    _began: float = field(default_factory=time.perf_counter)

    @property
    def epoch(self) -> int:
        """The epoch under way, from 1."""
        return len(self.history) + 1

    @property
    def spent_s(self) -> float:
        """Seconds spent on the epoch under way, also before a kill."""
        return self._earlier_s + time.perf_counter() - self._began

    def start_clock(self) -> None:
        """Counts from here the seconds that this process spends on the epoch."""
        self._began = time.perf_counter()

    def end_epoch(self, record: dict[str, Any]) -> None:
        """Files the record of the epoch, and makes ready for the next one."""
        self.history.append(record)
        self.step, self.tally, self._earlier_s = 0, Tally(), 0.0

    def words(self) -> dict[str, Any]:
        """All of it but the random streams, for a checkpoint's JSON; the tally must have been looked at."""
        words = {"epoch": len(self.history), "history": self.history, "images_at_once": self.images_at_once}
        if self.step:
            sums = {"loss_sum": self.tally.loss_sum, "hits": self.tally.hits, "spent_s": self.spent_s}
            words["under_way"] = {"step": self.step, **sums}
        return words

    def resume(self, words: Mapping[str, Any]) -> None:
        """Takes up the position inside an epoch that `words` gave; checkpoints of format 1 have none."""
        self.images_at_once = words.get("images_at_once", self.images_at_once)
        under_way = words.get("under_way")
        if under_way:
            self.step = under_way["step"]
            self.tally = Tally(under_way["loss_sum"], under_way["hits"])
            self._earlier_s = under_way["spent_s"]
