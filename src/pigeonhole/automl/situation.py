"""All that a decision of a search depends on. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.facts import Facts
from pigeonhole.automl.fits import ALL, HOLD_OUT, Fit, Tried, fold
from pigeonhole.automl.pace import Pace
from pigeonhole.core.errors import SpecError
from pigeonhole.models.spec import Scalar


@dataclass(frozen=True)
class Epochs:
    """How long a network may be trained.

    Attributes:
        default: the preset's own number; `None` where it has no such parameter.
    """

    default: int | None


@dataclass(frozen=True)
class Situation:
    """What is known when a place is free.

    Attributes:
        facts: of the data.
        tried: all fits so far, in order of starting.
        estimators: the candidates to begin with.
        networks: presets of networks that may be trained.
        epochs: of each of these networks.
        limits: of each numeric parameter of each preset of an estimator: least, default and greatest value.
        pace: what fits take.
        left_s: until all fits must have ended.
        budget_s: of the whole search.
    """

    facts: Facts
    tried: Sequence[Tried]
    estimators: Sequence[Candidate]
    networks: Sequence[str]
    epochs: Mapping[str, Epochs]
    limits: Mapping[str, Mapping[str, tuple[float | None, Scalar, float | None]]]
    pace: Pace
    left_s: float
    budget_s: float

    def parts(self, images: int) -> tuple[str, ...]:
        """The fits that make one try on so many images: all folds and the last fit, where all images are used."""
        folds = self.facts.folds
        if folds is None:
            return (HOLD_OUT,)
        if images < self.facts.train_images:
            return (fold(1, folds),)
        return (*(fold(number, folds) for number in range(1, folds + 1)), ALL)

    def unit_s(self, candidate: Candidate, images: int) -> float:
        """Seconds of the clock until a try on so many images is over."""
        turns = -(-len(self.parts(images)) // self.facts.slots)
        return self._part_s(candidate, images) * turns

    def unit_work_s(self, candidate: Candidate, images: int) -> float:
        """Seconds of a core for it."""
        return self._part_s(candidate, images) * len(self.parts(images))

    def _part_s(self, candidate: Candidate, images: int) -> float:
        """Of samples hardly any is exported."""
        return self.pace.of(candidate, images, exported=images == self.facts.train_images)

    def is_possible(self, candidate: Candidate, images: int) -> bool:
        """Whether its settings go together: some mean nothing without another."""
        try:
            self.pace.memory_bytes(Fit(candidate, images))
        except SpecError:
            return False
        return True

    def fit(self, candidate: Candidate, images: int) -> Fit:
        """The first part of a try."""
        return Fit(candidate, images, self.parts(images)[0])

    def started(self, key: str, images: int | None = None) -> bool:
        """Whether the candidate was ever begun (on so many images)."""
        return any(
            tried.fit.candidate.key == key and (images is None or tried.fit.images == images) for tried in self.tried
        )

    @property
    def taken(self) -> set[str]:
        """The keys of the candidates that were begun."""
        return {tried.fit.candidate.key for tried in self.tried}

    def score(self, key: str, images: int) -> float | None:
        """The candidate's score on so many images: of the hold-out, or the mean of its folds once all are known."""
        parts = [part for part in self.parts(images) if part != ALL]
        own = self._scores(key, images, parts)
        return sum(own) / len(own) if own and len(own) == len(parts) else None

    def best(self, kind: str) -> float | None:
        """The best score of a kind so far, on however many images."""
        tries = {
            (tried.fit.candidate.key, tried.fit.images) for tried in self.tried if tried.fit.candidate.kind == kind
        }
        scores = [self.score(key, images) for key, images in tries]
        return max((score for score in scores if score is not None), default=None)

    def _scores(self, key: str, images: int, parts: Sequence[str]) -> list[float]:
        return [
            tried.score
            for tried in self.tried
            if tried.fit.candidate.key == key
            and tried.fit.images == images
            and tried.fit.part in parts
            and tried.is_ok
            and tried.score is not None
        ]
