"""The estimators by name, gathered from their families, and which settings they take. Imports no library of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pigeonhole.core.spec import suggestion
from pigeonhole.models.classical.bayes import BAYES
from pigeonhole.models.classical.boosting import BOOSTING
from pigeonhole.models.classical.linear import LINEAR
from pigeonhole.models.classical.neighbours import NEIGHBOURS
from pigeonhole.models.classical.perceptron import PERCEPTRON
from pigeonhole.models.classical.recipe import PER_PIXEL, Recipe
from pigeonhole.models.classical.svm import SUPPORT_VECTOR
from pigeonhole.models.classical.trees import TREES

# A new estimator needs an entry in its family, a preset file, and a converter in `export/estimator.py`.
ESTIMATORS: Mapping[str, Recipe] = {
    **LINEAR,
    **SUPPORT_VECTOR,
    **TREES,
    **BOOSTING,
    **NEIGHBOURS,
    **BAYES,
    **PERCEPTRON,
}
CLASS_WEIGHTS = ("none", "balanced")
SCALERS = ("none", *PER_PIXEL, "normalizer", "pca")
COMPONENTS = 50


def sensible_scalers(name: str) -> tuple[str, ...]:
    """The values of `scaler` that mean something before an estimator, `none` first."""
    return tuple(scaler for scaler in SCALERS if not _refusal(ESTIMATORS[name], scaler))


def check_estimator(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the `estimator` part of a spec."""
    name = settings.get("name")
    recipe = ESTIMATORS.get(str(name))
    if recipe is None:
        return [f"estimator.name: unknown {name!r}{suggestion(str(name), list(ESTIMATORS))}"]
    known = list(dict.fromkeys([*recipe.settings, "class_weight", "scaler", "pca_components"]))
    problems = [
        f"estimator.{key}: unknown setting of {name}{suggestion(key, known)}"
        for key in settings
        if key not in {"name", *known}
    ]
    if settings.get("class_weight", "none") not in CLASS_WEIGHTS:
        problems.append(
            f"estimator.class_weight: received {settings['class_weight']!r}; {' or '.join(CLASS_WEIGHTS)} is accepted"
        )
    return problems + _scaler_problems(recipe, settings)


def _scaler_problems(recipe: Recipe, settings: Mapping[str, Any]) -> list[str]:
    name, scaler = settings["name"], settings.get("scaler", "none")
    if scaler not in SCALERS:
        return [f"estimator.scaler: received {scaler!r}; {', '.join(SCALERS)} are accepted"]
    refusal = _refusal(recipe, scaler)
    if refusal:
        accepted = ", ".join(sensible_scalers(name))
        return [f"estimator.scaler: {scaler} makes no sense before {name}: {refusal}; {accepted} are accepted"]
    if scaler != "pca" and not recipe.own_components and settings.get("pca_components", COMPONENTS) != COMPONENTS:
        return [f"estimator.pca_components: the scaler {scaler} has none; set scaler to pca, or leave it {COMPONENTS}"]
    return []


def _refusal(recipe: Recipe, scaler: str) -> str:
    if scaler == "pca" and recipe.own_components:
        return "it takes principal components by itself, as many as pca_components says"
    return recipe.refuses.get(scaler, "")
