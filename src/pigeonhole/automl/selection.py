"""Which models vote together, and with what weight: Caruana's selection, with Azure ML's rules. Pure functions.

Source: R. Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004; the rules are those of Azure ML's
AutoML (at most 50 candidates, the start, ties, the best ensemble seen).

Axes: N images, K classes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pigeonhole.core.errors import DataError, listing
from pigeonhole.evaluation.checks import Labels, Probs, check
from pigeonhole.evaluation.primary import PrimaryMetric

ITERATIONS = 15
MOST_CANDIDATES = 50
_STARTERS = 5
_NEAR_BEST = 0.95
_Sum = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Selection:
    """Who votes.

    Attributes:
        weights: of each member that was chosen, in the order in which they came in; they sum to 1.
        score: of their vote: the mean of probabilities, weighted.
        best_individual: the best single candidate …
        best_individual_score: … and its score.
        members: each time that a candidate was taken, in order.
    """

    weights: dict[str, float]
    score: float
    best_individual: str
    best_individual_score: float
    members: tuple[str, ...]


def select(
    labels_N: Labels,
    probs: Mapping[str, Probs],
    scores: Mapping[str, float],
    metric: PrimaryMetric,
    *,
    iterations: int = ITERATIONS,
) -> Selection:
    """The ensemble that greedy selection with replacement finds.

    It starts with the best candidates, adds the one with which the vote scores best until there are `iterations`
    members, and keeps the best of the votes on the way, the start's included. Of candidates with which it scores the
    same, the one that scores better alone comes in; of two that are alike in this too, the one named first.

    Args:
        labels_N: the true classes.
        probs: each candidate's probabilities (N, K) for these images: validation, or out of fold. No ensembles.
        scores: each candidate's own score by the metric.
        metric: what is to be high.
        iterations: members at the end, each repetition counted; Azure ML takes 15, or as many as its trials, if fewer.

    Raises:
        DataError: no candidates, none for some score, or probabilities that cannot be evaluated.
    """
    _check(labels_N, probs, scores, iterations)
    ranked = sorted(probs, key=lambda name: -scores[name])[:MOST_CANDIDATES]
    members = _start(ranked, scores, iterations)
    total_NK = _sum([probs[name] for name in members])
    best_score, best_size = metric.figure(labels_N, _mean(total_NK, len(members))), len(members)
    while len(members) < iterations:
        name, score = _best_addition(labels_N, total_NK, len(members), {name: probs[name] for name in ranked}, metric)
        members.append(name)
        total_NK += probs[name]
        if score > best_score:
            best_score, best_size = score, len(members)
    chosen = tuple(members[:best_size])
    weights = {name: times / best_size for name, times in Counter(chosen).items()}
    return Selection(weights, best_score, ranked[0], scores[ranked[0]], chosen)


def _start(ranked: list[str], scores: Mapping[str, float], iterations: int) -> list[str]:
    """The best few; of a best score above 0, those within a twentieth of it."""
    best = scores[ranked[0]]
    near = [name for name in ranked if best <= 0 or scores[name] >= _NEAR_BEST * best]
    return near[: max(1, min(_STARTERS, iterations // 2))]


def _best_addition(
    labels_N: Labels, total_NK: _Sum, size: int, candidates: Mapping[str, Probs], metric: PrimaryMetric
) -> tuple[str, float]:
    """Whom to add, and what the vote then scores; candidates come best first, so that only a better one displaces."""
    best_name, best_score = "", -math.inf
    for name, probs_NK in candidates.items():
        score = metric.figure(labels_N, _mean(total_NK + probs_NK, size + 1))
        if score > best_score:
            best_name, best_score = name, score
    return best_name, best_score


def _sum(parts: list[Probs]) -> _Sum:
    total_NK = np.zeros(parts[0].shape)
    for probs_NK in parts:
        total_NK += probs_NK
    return total_NK


def _mean(total_NK: _Sum, size: int) -> _Sum:
    """The members' mean, each row made to sum to 1."""
    mean_NK = total_NK / size
    mean_NK /= mean_NK.sum(axis=1, keepdims=True)
    return mean_NK


def _check(labels_N: Labels, probs: Mapping[str, Probs], scores: Mapping[str, float], iterations: int) -> None:
    problems = [f"{name}: no score" for name in probs if name not in scores]
    problems += [f"{name}: the score {scores[name]}" for name in probs if not math.isfinite(scores.get(name, 0.0))]
    if not probs:
        problems.append("no candidate")
    if iterations < 1:
        problems.append(f"{iterations} iterations")
    if problems:
        raise DataError(
            f"candidates that no ensemble can be chosen from:\n{listing(problems)}",
            "one candidate or more, each with a finite score, and one iteration or more",
            "leave out candidates that were not scored",
        )
    check(labels_N, *probs.values(), n_classes=next(iter(probs.values())).shape[-1])
