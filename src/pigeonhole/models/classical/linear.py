"""Linear estimators, by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pigeonhole.core.optional import require
from pigeonhole.models.classical.recipe import Recipe, random_state
from pigeonhole.models.classical.scores import ScoredEstimator, coefficients, half_coefficients


def _logistic_regression(settings: Mapping[str, Any], seed: int) -> Any:
    linear_model = require("sklearn.linear_model", extra="train")
    return linear_model.LogisticRegression(**settings, random_state=seed % 2**32)


def _scaled_logistic_regression(settings: Mapping[str, Any], seed: int) -> ScoredEstimator:
    """In fp64: a scaler may stretch a pixel that hardly ever is lit as far as it likes."""
    return ScoredEstimator(_logistic_regression(settings, seed), half_coefficients)


def _linear_svm(settings: Mapping[str, Any], seed: int) -> ScoredEstimator:
    own = {name: value for name, value in settings.items() if name != "temperature"}
    svm = require("sklearn.svm", extra="train")
    # The primal problem: it is the faster one where images are many, and draws no random numbers.
    machine = svm.LinearSVC(**own, dual=False, random_state=random_state(seed))
    return ScoredEstimator(machine, coefficients, "one-vs-rest", settings.get("temperature", 1.0))


def _sgd(settings: Mapping[str, Any], seed: int) -> ScoredEstimator:
    linear_model = require("sklearn.linear_model", extra="train")
    # The mean of the weights on the way, not the last ones, which depend on the last images seen.
    rate = {"learning_rate": "constant", "eta0": 0.01}
    descent = linear_model.SGDClassifier(
        **{"loss": "log_loss", "average": True, **rate, **settings}, random_state=random_state(seed)
    )
    return ScoredEstimator(descent, coefficients, "one-vs-rest")


LINEAR: Mapping[str, Recipe] = {
    "logistic-regression": Recipe(
        ("C", "max_iter", "tol"),
        _logistic_regression,
        lambda fitted: fitted.n_parameters if isinstance(fitted, ScoredEstimator) else _size(fitted),
        divisor=255,
        make_scaled=_scaled_logistic_regression,
    ),
    "linear-svm": Recipe(
        ("C", "max_iter", "tol", "temperature"), _linear_svm, lambda fitted: fitted.n_parameters, divisor=255
    ),
    "sgd": Recipe(("alpha", "eta0", "max_iter", "tol"), _sgd, lambda fitted: fitted.n_parameters, divisor=255),
}


def _size(fitted: Any) -> int:
    size: int = fitted.coef_.size + fitted.intercept_.size
    return size
