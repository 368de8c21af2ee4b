"""The estimators by name: which settings they take and how they are made. Imports scikit-learn only to make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pigeonhole.core.optional import require
from pigeonhole.core.spec import suggestion


@dataclass(frozen=True)
class Recipe:
    """One estimator.

    Attributes:
        settings: the names it takes, as in scikit-learn.
        make: (settings, seed) → an estimator with `fit(X, y)` and `predict_proba(X)` on pixels scaled to 0–1.
        n_parameters: numbers in a fitted one.
    """

    settings: tuple[str, ...]
    make: Callable[[Mapping[str, Any], int], Any]
    n_parameters: Callable[[Any], int]


def _logistic_regression(settings: Mapping[str, Any], seed: int) -> Any:
    linear_model = require("sklearn.linear_model", extra="train")
    return linear_model.LogisticRegression(**settings, random_state=seed % 2**32)


# A new estimator needs one entry here and a preset file.
ESTIMATORS: Mapping[str, Recipe] = {
    "logistic-regression": Recipe(
        ("C", "max_iter", "tol"), _logistic_regression, lambda fitted: fitted.coef_.size + fitted.intercept_.size
    ),
}


def check_estimator(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the `estimator` part of a spec."""
    name = settings.get("name")
    recipe = ESTIMATORS.get(str(name))
    if recipe is None:
        return [f"estimator.name: unknown {name!r}{suggestion(str(name), list(ESTIMATORS))}"]
    return [
        f"estimator.{key}: unknown setting of {name}{suggestion(key, recipe.settings)}"
        for key in settings
        if key not in {"name", *recipe.settings}
    ]
