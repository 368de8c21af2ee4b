"""What to fit next: a pure function of shapes, counts, scores and time. Knows no dataset and starts nothing."""

from __future__ import annotations

from pigeonhole.automl.classical import next_estimator
from pigeonhole.automl.fits import ALL, Fit
from pigeonhole.automl.networks import next_network
from pigeonhole.automl.situation import Situation

# Of all cores' time, what estimators may take beside networks: as long as nothing is known of both, where networks
# make clearly fewer errors, and where they do not.
_SHARE, _SHARE_OF_WORSE, _SHARE_OF_EQUALS = 0.25, 0.12, 0.6
_CLEARLY_FEWER = 0.7
# What comes first: a model that is fitted within a second, and sound.
_BASELINE = "logistic-regression"


def propose(now: Situation) -> Fit | None:
    """The next fit; `None` where nothing is worth its time any more.

    A try that was begun is finished first. Then the cheapest estimator has its turn, so that something is there;
    then a network and the estimators go side by side, and what time the estimators may not take is the networks'.
    """
    return _unfinished(now) or _first(now) or _by_track(now)


def _unfinished(now: Situation) -> Fit | None:
    """The next fold of a try that has begun."""
    begun = {(tried.fit.candidate.key, tried.fit.images): tried.fit for tried in now.tried}
    for fit in begun.values():
        parts = now.parts(fit.images)
        own = [tried for tried in now.tried if (tried.fit.candidate.key, tried.fit.images) == _try(fit)]
        if any(not (tried.is_ok or tried.is_running) for tried in own):
            continue
        missing = [part for part in parts if part not in {tried.fit.part for tried in own}]
        # The last fit, of all images, takes up what the folds have left behind.
        is_due = missing != [ALL] or not any(tried.is_running for tried in own)
        if missing and is_due and now.pace.fit_s(fit) < now.left_s:
            return Fit(fit.candidate, fit.images, missing[0])
    return None


def _try(fit: Fit) -> tuple[str, int]:
    return fit.candidate.key, fit.images


def _first(now: Situation) -> Fit | None:
    """A baseline on the smallest sample, whatever it costs: an answer is worth more than none."""
    if now.tried or not now.estimators:
        return None
    images = now.facts.rungs[0]
    baselines = [one for one in now.estimators if one.preset == _BASELINE] or now.estimators
    return now.fit(min(baselines, key=lambda candidate: now.pace.of(candidate, images)), images)


def _by_track(now: Situation) -> Fit | None:
    left_s = _allowance_s(now)
    if _is_turn_of_estimators(now, left_s):
        return next_estimator(now, left_s) or next_network(now)
    return next_network(now) or next_estimator(now, left_s)


def _is_turn_of_estimators(now: Situation, left_s: float) -> bool:
    if not now.networks:
        return True
    network_runs = any(tried.is_running and tried.fit.candidate.kind == "network" for tried in now.tried)
    spent_s = _spent_s(now, "estimator")
    is_behind = spent_s < share(now) * (spent_s + _spent_s(now, "network"))
    return is_behind or (left_s > 0 and network_runs and now.facts.slots > 1)


def _allowance_s(now: Situation) -> float:
    """Seconds of a core that estimators may still take."""
    return share(now) * now.budget_s * now.facts.slots - _spent_s(now, "estimator")


def share(now: Situation) -> float:
    """Of all cores' time, the estimators'."""
    if not now.networks:
        return 1.0
    network, estimator = now.best("network"), now.best("estimator")
    if network is None or estimator is None:
        return _SHARE
    if network <= estimator:
        return _SHARE_OF_EQUALS
    return _SHARE_OF_WORSE if 1 - network < _CLEARLY_FEWER * (1 - estimator) else _SHARE


def _spent_s(now: Situation, kind: str) -> float:
    return sum(
        now.pace.fit_s(tried.fit) if tried.is_running else tried.seconds
        for tried in now.tried
        if tried.fit.candidate.kind == kind
    )
