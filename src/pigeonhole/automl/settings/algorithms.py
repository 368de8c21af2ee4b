"""Names of algorithms, as Azure ML, our presets and people say them, and the presets they mean. Trains nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from pigeonhole.core.spec import suggestion
from pigeonhole.models import presets

# Azure ML's name → our presets.
ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "LogisticRegression": ("logistic-regression",),
    "SVM": ("svm-rbf",),
    "KNN": ("knn",),
    "RandomForest": ("random-forest",),
    "ExtremeRandomTrees": ("extra-trees",),
    "LightGBM": ("lightgbm",),
    "XGBoostClassifier": ("xgboost",),
}
NETWORKS = "networks"
# What Azure ML has and this place has not, and what is near it.
_ELSEWHERE = {
    "TabnetClassifier": f"{NETWORKS} are this place's",
    "TensorFlowDNN": f"{NETWORKS} are this place's",
    "TensorFlowLinearClassifier": "LogisticRegression is this place's",
    "AveragedPerceptronClassifier": "LogisticRegression is near it",
    "GradientBoosting": "LightGBM and XGBoostClassifier are this place's",
    "DecisionTree": "RandomForest and ExtremeRandomTrees are this place's",
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


@cache
def _by_name() -> dict[str, frozenset[str]]:
    keys = {_flat(key): frozenset({key}) for key in presets.names()}
    # A family that a later version brings is in the table before its preset is.
    azure = {_flat(name): frozenset(means) & set(presets.names()) for name, means in ALGORITHMS.items()}
    return {**keys, **azure, _flat(NETWORKS): networks()}


def _flat(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
