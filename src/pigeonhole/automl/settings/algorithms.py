"""Names of algorithms, as Azure ML, our presets and people say them, and the presets they mean. Trains nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from pigeonhole.core.spec import suggestion
from pigeonhole.models import presets
from pigeonhole.models.classical.naming import ALGORITHMS

NETWORKS = "networks"
# What Azure ML has and this place has not, and what is near it.
_ELSEWHERE = {
    "TabnetClassifier": f"{NETWORKS} are this place's",
    "TensorFlowDNN": f"{NETWORKS} are this place's",
    "TensorFlowLinearClassifier": "LogisticRegression is this place's",
    "AveragedPerceptronClassifier": "LogisticRegression is near it",
}


def presets_of(name: str) -> frozenset[str]:
    """The keys of the presets that a name means, in any case and with or without underscores; none for one elsewhere.

    Raises:
        ValueError: nobody knows it; the closest name is suggested.
    """
    found = _by_name().get(_flat(name))
    if found is not None:
        return found
    if near(name) is not None:
        return frozenset()
    raise ValueError(
        f"no algorithm has this name{suggestion(name, known_names())}; {', '.join(known_names())} are accepted"
    )


def near(name: str) -> str | None:
    """What there is here instead of an algorithm that Azure ML alone has; `None` for any other name."""
    return next((text for known, text in _ELSEWHERE.items() if _flat(known) == _flat(name)), None)


def known_names() -> list[str]:
    """All names that are accepted: Azure ML's, the presets', and the group of the networks."""
    return [*ALGORITHMS, NETWORKS, *presets.names()]


def networks() -> frozenset[str]:
    """The presets that are neural networks with layers of ours."""
    return frozenset(key for key in presets.names() if presets.get(key).kind == "network")


def all_presets(names: Iterable[str]) -> frozenset[str]:
    """The presets of several names that are known to be right."""
    return frozenset(key for name in names for key in presets_of(name))


def blocked_by(names: Iterable[str]) -> frozenset[str]:
    """The presets that several names block: not those that only stand in for what is named."""
    return all_presets(name for name in names if not stands_for_others(name))


def stands_for_others(name: str) -> bool:
    """Whether an algorithm is not here itself, and a name that is allowed means others like it."""
    return any(len(means) > 1 and _flat(known) == _flat(name) for known, means in ALGORITHMS.items())


@cache
def _by_name() -> dict[str, frozenset[str]]:
    keys = {_flat(key): frozenset({key}) for key in presets.names()}
    azure = {_flat(name): frozenset(means) for name, means in ALGORITHMS.items()}
    return {**keys, **azure, _flat(NETWORKS): networks()}


def _flat(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
