"""Boosted trees, by XGBoost and LightGBM: a fixed number of rounds, so that validation images choose nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.core.optional import require
from pigeonhole.models.classical.recipe import ORDER_ALONE, TREE_LEVELS, Recipe, random_state
from pigeonhole.models.classical.threads import threads
from pigeonhole.models.waiting import short_waits


def _xgboost(settings: Mapping[str, Any], seed: int) -> Any:
    with short_waits():
        xgboost = require("xgboost", extra="train")
    return xgboost.XGBClassifier(
        **settings,
        tree_method="hist",
        base_score=0.5,  # else it is estimated, and differs from class to class
        n_jobs=threads(),
        random_state=random_state(seed),
        verbosity=0,
    )


def _lightgbm(settings: Mapping[str, Any], seed: int) -> Any:
    try:
        with short_waits():
            lightgbm = require("lightgbm", extra="train")
    except OSError as error:
        raise MissingDependencyError(
            f"LightGBM cannot be loaded: {error}",
            "a system with an OpenMP library, which LightGBM does not bring along",
            "install libgomp1 (Debian, Ubuntu), libgomp (Fedora) or libomp (macOS)",
        ) from error
    return lightgbm.LGBMClassifier(
        **settings,
        subsample_freq=1,
        deterministic=True,
        force_row_wise=True,  # else it times both ways and takes the faster, which is not always the same
        n_jobs=threads(),
        random_state=random_state(seed),
        verbosity=-1,
    )


def _xgboost_nodes(fitted: Any) -> int:
    return sum(tree.count("\n") for tree in fitted.get_booster().get_dump())


def _lightgbm_nodes(fitted: Any) -> int:
    leaves = map(int, re.findall(r"^num_leaves=(\d+)$", fitted.booster_.model_to_string(), re.MULTILINE))
    return sum(2 * count - 1 for count in leaves)


BOOSTING: Mapping[str, Recipe] = {
    "xgboost": Recipe(
        (
            "n_estimators",
            "max_depth",
            "learning_rate",
            "subsample",
            "colsample_bytree",
            "min_child_weight",
            "reg_lambda",
            "max_bin",
        ),
        _xgboost,
        _xgboost_nodes,
        levels=TREE_LEVELS,
        refuses=ORDER_ALONE,
    ),
    "lightgbm": Recipe(
        (
            "n_estimators",
            "num_leaves",
            "learning_rate",
            "subsample",
            "colsample_bytree",
            "min_child_samples",
            "reg_lambda",
            "max_bin",
        ),
        _lightgbm,
        _lightgbm_nodes,
        levels=TREE_LEVELS,
        refuses=ORDER_ALONE,
    ),
}
