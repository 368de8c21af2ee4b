"""Rows of a leaderboard from the fits of a search, and the choice of the best of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.fits import ALL, HOLD_OUT, Tried

_ORDER = {"ok": 0, "running": 1, "stopped": 2, "failed": 3, "not-applicable": 4}


@dataclass(frozen=True)
class LeaderboardRow:
    """One candidate.

    Attributes:
        candidate: its key in the search.
        name: as users know it.
        state: `ok`, `stopped`, `not-applicable`, `failed` or `running`.
        score: the primary metric on the validation split, or the mean over the folds.
        low: where its 95% interval begins.
        high: where it ends.
        images: training images of the fit that the score is of.
        seconds: of all its fits.
        latency_ms: of one image through its bundle; `None` where it was not exported.
        size_bytes: of its bundle.
        run_id: its run.
        reason: why it has no score, or was stopped.
    """

    candidate: str
    name: str
    state: str
    score: float | None
    low: float | None
    high: float | None
    images: int | None
    seconds: float
    latency_ms: float | None
    size_bytes: int | None
    run_id: str | None
    reason: str | None


def rows(
    tried: Sequence[Tried],
    waiting: Sequence[Candidate] = (),
    why_waiting: str = "",
    train_images: int | None = None,
) -> list[LeaderboardRow]:
    """A row for each candidate, the best first.

    Args:
        tried: the fits of the search.
        waiting: candidates that had no turn.
        why_waiting: why not.
        train_images: how many images are all: with folds, a score on these is one of all folds.
    """
    by_candidate: dict[str, list[Tried]] = {}
    for one in tried:
        by_candidate.setdefault(one.fit.candidate.key, []).append(one)
    found = [_row(own, train_images) for own in by_candidate.values()]
    found += [_without_turn(candidate, why_waiting) for candidate in waiting if candidate.key not in by_candidate]
    return ranked(found)


def ranked(found: Sequence[LeaderboardRow]) -> list[LeaderboardRow]:
    """The best first; those without a score behind them."""
    return sorted(found, key=lambda row: (row.score is None, -(row.score or 0.0), _ORDER[row.state], row.seconds))


def best_row(
    found: Sequence[LeaderboardRow], max_latency_ms: float | None = None, max_size_bytes: int | None = None
) -> LeaderboardRow | None:
    """The best that was exported and keeps the limits; `None` where none does."""
    for row in ranked(found):
        fast = max_latency_ms is None or (row.latency_ms is not None and row.latency_ms <= max_latency_ms)
        small = max_size_bytes is None or (row.size_bytes is not None and row.size_bytes <= max_size_bytes)
        if row.run_id is not None and row.score is not None and row.state == "ok" and fast and small:
            return row
    return None


def _row(own: Sequence[Tried], train_images: int | None) -> LeaderboardRow:
    candidate = own[0].fit.candidate
    seconds = sum(one.seconds for one in own)
    state, reason = _end(own)
    most = max(one.fit.images for one in own)
    for images in sorted({one.fit.images for one in own}, reverse=True):
        scored = _scored([one for one in own if one.fit.images == images], images == train_images)
        if scored is not None:
            exported = _exported(own, images)
            score, low, high = scored
            return LeaderboardRow(
                candidate.key,
                candidate.name,
                "running" if state == "running" else "ok",
                score,
                low,
                high,
                images,
                seconds,
                exported.latency_ms if exported else None,
                exported.size_bytes if exported else None,
                exported.run_id if exported else None,
                None if images == most or reason is None else f"on {most:,} images: {reason}",
            )
    return LeaderboardRow(
        candidate.key, candidate.name, state, None, None, None, most, seconds, None, None, None, reason
    )  # fmt: skip


def _end(own: Sequence[Tried]) -> tuple[str, str | None]:
    """How a candidate without a score on its most images stands, and why."""
    if any(one.is_running for one in own):
        return "running", None
    cut = next((one for one in reversed(own) if not one.is_ok), None)
    return ("stopped", "not all folds were fitted") if cut is None else (cut.state, cut.reason)


def _scored(own: Sequence[Tried], is_of_all: bool) -> tuple[float, float, float] | None:
    """Score and interval of the fits on so many images; of folds, the mean, once the model of all images is there."""
    is_whole_try = is_of_all or any(one.fit.part == ALL for one in own)
    if is_whole_try and not any(one.fit.part in {ALL, HOLD_OUT} and one.is_ok for one in own):
        return None
    if not all(one.is_ok for one in own):
        return None
    parts = [(one.score, one.low, one.high) for one in own if one.score is not None]
    if not parts or any(low is None or high is None for _, low, high in parts):
        return None
    score = sum(part[0] for part in parts) / len(parts)
    # Folds are independent images: their mean is surer than each by the root of their number.
    below = sum(part[0] - (part[1] or 0.0) for part in parts) / len(parts) / math.sqrt(len(parts))
    above = sum((part[2] or 0.0) - part[0] for part in parts) / len(parts) / math.sqrt(len(parts))
    return score, score - below, score + above


def _exported(own: Sequence[Tried], images: int) -> Tried | None:
    """The exported fit whose score is shown."""
    return next((one for one in own if one.run_id is not None and one.fit.images == images), None)


def _without_turn(candidate: Candidate, why: str) -> LeaderboardRow:
    return LeaderboardRow(
        candidate.key, candidate.name, "not-applicable", None, None, None, None, 0.0, None, None, None, why
    )


def history(tried: Sequence[Tried], train_images: int | None = None) -> Iterator[Mapping[str, object]]:
    """Each score in the order in which it was known; of folds on all images their mean, with the model of all."""
    for one in sorted(tried, key=lambda one: one.at_s or 0.0):
        score = one.score
        if one.fit.part == ALL:
            own = [other for other in tried if (other.fit.candidate, other.fit.images) == _try(one)]
            score = (_scored(own, is_of_all=True) or (None,))[0]
        elif one.fit.part != HOLD_OUT and one.fit.images == train_images:
            continue
        if one.is_ok and score is not None and one.at_s is not None:
            yield {"at_s": one.at_s, "candidate": one.fit.candidate.key, "score": score, "images": one.fit.images}


def _try(one: Tried) -> tuple[Candidate, int]:
    return one.fit.candidate, one.fit.images
