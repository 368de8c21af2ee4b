"""Which estimator to fit next: all on a small sample, the promising third on more, then the best in other settings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from pigeonhole.automl.candidates import Candidate
from pigeonhole.automl.fits import Fit
from pigeonhole.automl.situation import Situation
from pigeonhole.models.spec import Scalar

# What a fit may take of the time that is left, so that it ends in time though the estimate is off.
_SAFE = 0.8
_PROMOTED = 1 / 3
# Of what estimators may still take, a first try on the smallest sample; or of the whole search's time, so that in a few
# minutes each has its turn, however well networks do.
_A_PILOT, _A_PILOT_OF_ALL = 0.3, 0.04
_A_PRESET = 2
_STEPS = (2.0, 0.5)
_VARIED = "~"
_VARIATIONS = 24
# Where a solver stops, and how sure it is: no ranking depends on it.
_UNTOUCHED = frozenset({"tol", "max_iter", "temperature", "steepness"})
# A setting changed by half matters where a model is near its best; where networks err half as often it does not.
_WORTH = 0.5


def next_estimator(now: Situation, allowance_s: float) -> Fit | None:
    """The next fit of an estimator; `None` where none fits into the time.

    Args:
        now: what is known.
        allowance_s: seconds of a core that estimators may still take.
    """
    # Where all images are few, there is no sample: a first try is the only one.
    for_a_pilot = _A_PILOT if len(now.facts.rungs) > 1 else 1.0
    pilot_s = max(for_a_pilot * allowance_s, _A_PILOT_OF_ALL * now.budget_s * now.facts.slots)
    for candidate, images in _pilots(now):
        if _fits(now, candidate, images, pilot_s):
            return now.fit(candidate, images)
    for candidate, images in (*_promotions(now), *_variations(now), *_others(now)):
        if _fits(now, candidate, images, allowance_s):
            return now.fit(candidate, images)
    return None


def _fits(now: Situation, candidate: Candidate, images: int, allowance_s: float) -> bool:
    if now.started(candidate.key, images):
        return False
    in_time = now.unit_s(candidate, images) <= _SAFE * now.left_s
    return in_time and now.unit_work_s(candidate, images) <= allowance_s


def _pilots(now: Situation) -> list[tuple[Candidate, int]]:
    """Every candidate on the smallest sample, the cheap ones first."""
    images = now.facts.rungs[0]
    return [(candidate, images) for candidate in sorted(now.estimators, key=lambda one: now.pace.of(one, images))]


def _promotions(now: Situation) -> Iterator[tuple[Candidate, int]]:
    """The promising third of each rung on the next one, from the highest rung down."""
    rungs = now.facts.rungs
    for lower, upper in reversed(list(pairwise(rungs))):
        yield from ((candidate, upper) for candidate in _promising(now, lower))


def _others(now: Situation) -> Iterator[tuple[Candidate, int]]:
    """Where time is left and there are no networks, those behind the promising third."""
    for lower, upper in pairwise(now.facts.rungs):
        yield from ((candidate, upper) for candidate in _ranked(now, lower) if not now.networks)


def _promising(now: Situation, images: int) -> list[Candidate]:
    """The best third, at most two of a preset."""
    ranked = _ranked(now, images)
    wanted = max(2, math.ceil(len(ranked) * _PROMOTED))
    counts: Counter[str] = Counter()
    chosen = []
    for candidate in ranked:
        counts[candidate.preset] += 1
        if counts[candidate.preset] <= _A_PRESET:
            chosen.append(candidate)
    return chosen[:wanted]


def _ranked(now: Situation, images: int) -> list[Candidate]:
    """Estimators with a score on so many images, the best first."""
    found: dict[str, tuple[float, Candidate]] = {}
    for tried in now.tried:
        candidate = tried.fit.candidate
        if candidate.kind == "estimator" and tried.fit.images == images:
            score = now.score(candidate.key, images)
            if score is not None:
                found[candidate.key] = (score, candidate)
    return [candidate for _, candidate in sorted(found.values(), key=lambda pair: -pair[0])]


def _variations(now: Situation) -> Iterator[tuple[Candidate, int]]:
    """The best estimator with one setting doubled or halved, on the sample below all images."""
    rungs = now.facts.rungs
    ranked = _ranked(now, rungs[-1]) or _ranked(now, rungs[0])
    made = [key for key in now.taken if _VARIED in key]
    untried = [candidate for candidate in now.estimators if not now.started(candidate.key)]
    # Another kind of estimator may do better than the same one in other settings.
    if not ranked or len(made) >= _VARIATIONS or len(untried) > len(now.estimators) / 2 or not _are_worth_it(now):
        return
    images = rungs[-2] if len(rungs) > 1 else rungs[-1]
    yield from ((candidate, images) for candidate in varied(now, ranked[0]) if now.is_possible(candidate, images))


def varied(now: Situation, base: Candidate) -> Iterator[Candidate]:
    """The candidate with one number doubled or halved, within what its preset allows."""
    root = next((one for one in now.estimators if one.key == base.key.partition(_VARIED)[0]), base)
    limits = now.limits.get(base.preset, {})
    own = {**{name: default for name, (_, default, _) in limits.items()}, **root.settings}
    for name, (low, default, high) in limits.items():
        for step in () if name in _UNTOUCHED else _STEPS:
            changed = _changed(base.settings.get(name, default), step, low, high)
            if changed is None:
                continue
            settings = {**base.settings, name: changed}
            new = [f"{key}={value}" for key, value in settings.items() if own.get(key) != value]
            told = ",".join(sorted(new))
            if new:
                yield Candidate(
                    f"{root.key}{_VARIED}{told}", root.preset, "estimator", f"{root.name} ({told})", settings
                )


def _changed(value: Scalar, step: float, low: float | None, high: float | None) -> float | int | None:
    """The value times `step`, in its own type and range; `None` where it would stay what it is."""
    if isinstance(value, bool | str) or not value:
        return None
    wanted = min(max(value * step, -math.inf if low is None else low), math.inf if high is None else high)
    changed = round(wanted) if isinstance(value, int) else float(f"{wanted:.4g}")
    return None if changed == value else changed


def _are_worth_it(now: Situation) -> bool:
    network, estimator = now.best("network"), now.best("estimator")
    return network is None or estimator is None or (1 - network) > _WORTH * (1 - estimator)
