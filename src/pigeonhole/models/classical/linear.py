"""Linear estimators, by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pigeonhole.core.optional import require
from pigeonhole.models.classical.recipe import Recipe


def _logistic_regression(settings: Mapping[str, Any], seed: int) -> Any:
    linear_model = require("sklearn.linear_model", extra="train")
    return linear_model.LogisticRegression(**settings, random_state=seed % 2**32)


LINEAR: Mapping[str, Recipe] = {
    "logistic-regression": Recipe(
        ("C", "max_iter", "tol"),
        _logistic_regression,
        lambda fitted: fitted.coef_.size + fitted.intercept_.size,
        divisor=255,
    ),
}
