"""Which network to train next, and for how many epochs: a quick one first, then the best that the time allows."""

from __future__ import annotations

import math

from pigeonhole.automl.candidates import Candidate, numbered
from pigeonhole.automl.fits import Fit
from pigeonhole.automl.situation import Situation
from pigeonhole.models.spec import Scalar

# Shares of the time left: for the first network, for one in its own settings on the way, and for a last one, whose
# epochs are planned to fill it; the more so where it is known how long such a network takes here.
_FIRST, _ON_THE_WAY, _LAST, _LAST_OF_KNOWN = 0.2, 0.25, 0.85, 0.93
_FIRST_AT_MOST = 0.6
# Of a preset's own number of epochs: with fewer another network does better, with more nothing is gained.
_FEWEST, _LONGEST = 0.25, 4
_FEWEST_OF_ALL = 2
# One more of a preset, of the epochs of the longest so far: a much shorter one adds nothing to it.
_AS_LONG = 0.5


def next_network(now: Situation) -> Fit | None:
    """The next training of a network; `None` where none fits into the time."""
    # What failed once, or no memory holds, would do so under every further name.
    vain = {tried.fit.candidate.preset for tried in now.tried if tried.state in {"failed", "not-applicable"}}
    images = now.facts.train_images
    presets = [preset for preset in now.networks if preset not in vain]
    by_cost = sorted(presets, key=lambda preset: now.unit_s(_candidate(preset), images))
    if not by_cost:
        return None
    if not any(tried.fit.candidate.kind == "network" for tried in now.tried):
        return _first(now, by_cost[0])
    return _on_the_way(now, by_cost) or _last(now, by_cost)


def _candidate(preset: str, key: str | None = None, **settings: Scalar) -> Candidate:
    return Candidate(key or preset, preset, "network", preset, settings)


def _first(now: Situation, cheapest: str) -> Fit | None:
    """The cheapest, on as many images as a fifth of the time allows."""
    candidate = _candidate(cheapest)
    for images in reversed(now.facts.rungs):
        if now.unit_s(candidate, images) <= _FIRST * now.left_s:
            return now.fit(candidate, images)
    smallest = now.facts.rungs[0]
    if now.unit_s(candidate, smallest) <= _FIRST_AT_MOST * now.left_s:
        return now.fit(candidate, smallest)
    if now.estimators or now.epochs[cheapest].default is None:
        return None
    # Nothing else is there to bring a first answer, so this is tried whatever it costs.
    return now.fit(_candidate(cheapest, epochs=1), smallest)


def _on_the_way(now: Situation, by_cost: list[str]) -> Fit | None:
    """One in its own settings that was not trained on all images yet and takes little of the time."""
    images = now.facts.train_images
    for preset in by_cost:
        candidate = _candidate(preset)
        if not now.started(preset, images) and now.unit_s(candidate, images) <= _ON_THE_WAY * now.left_s:
            return now.fit(candidate, images)
    return None


def _last(now: Situation, by_cost: list[str]) -> Fit | None:
    """The dearest that gets enough epochs in what is left, unless a cheaper one did better."""
    for preset in reversed(_undefeated(now, by_cost)):
        share = _LAST if _best(now, preset) is None else _LAST_OF_KNOWN
        epochs = _epochs_in(now, preset, share * now.left_s)
        if epochs is not None:
            default = now.epochs[preset].default
            settings: dict[str, Scalar] = {} if default in {None, epochs} else {"epochs": epochs}
            return now.fit(_candidate(preset, numbered(preset, now.taken), **settings), now.facts.train_images)
    return None


def _undefeated(now: Situation, by_cost: list[str]) -> list[str]:
    """Without those that a cheaper one beat."""
    kept: list[str] = []
    best = -math.inf
    for preset in by_cost:
        score = _best(now, preset)
        if score is None or score >= best:
            kept.append(preset)
            best = best if score is None else score
    return kept


def _best(now: Situation, preset: str) -> float | None:
    keys = {tried.fit.candidate.key for tried in now.tried if tried.fit.candidate.preset == preset}
    scores = [now.score(key, now.facts.train_images) for key in keys]
    return max((score for score in scores if score is not None), default=None)


def _longest(now: Situation, preset: str) -> int:
    """The most epochs that one of a preset was given on all images."""
    given = [
        tried.fit.candidate.settings.get("epochs", now.epochs[preset].default)
        for tried in now.tried
        if tried.fit.candidate.preset == preset and tried.fit.images == now.facts.train_images
    ]
    return max((int(epochs) for epochs in given if epochs is not None), default=0)


def _epochs_in(now: Situation, preset: str, seconds: float) -> int | None:
    """How many epochs fit; `None` where they are too few to be worth it."""
    images, default = now.facts.train_images, now.epochs[preset].default
    if default is None:
        return -1 if now.unit_s(_candidate(preset), images) <= seconds else None
    one = now.unit_s(_candidate(preset, epochs=1), images)
    two = now.unit_s(_candidate(preset, epochs=2), images)
    a_further_one = max(two - one, 1e-3)
    epochs = 1 + math.floor((seconds - one) / a_further_one)
    if epochs < max(min(_FEWEST_OF_ALL, default), default * _FEWEST, _longest(now, preset) * _AS_LONG):
        return None
    return min(epochs, default * _LONGEST)
