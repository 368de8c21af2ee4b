"""The estimators by name, gathered from their families, and which settings they take. Imports no library of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pigeonhole.core.spec import suggestion
from pigeonhole.models.classical.boosting import BOOSTING
from pigeonhole.models.classical.linear import LINEAR
from pigeonhole.models.classical.neighbours import NEIGHBOURS
from pigeonhole.models.classical.recipe import Recipe
from pigeonhole.models.classical.svm import SUPPORT_VECTOR
from pigeonhole.models.classical.trees import TREES

# A new estimator needs an entry in its family, a preset file, and a converter in `export/estimator.py`.
ESTIMATORS: Mapping[str, Recipe] = {**LINEAR, **SUPPORT_VECTOR, **TREES, **BOOSTING, **NEIGHBOURS}
CLASS_WEIGHTS = ("none", "balanced")


def check_estimator(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the `estimator` part of a spec."""
    name = settings.get("name")
    recipe = ESTIMATORS.get(str(name))
    if recipe is None:
        return [f"estimator.name: unknown {name!r}{suggestion(str(name), list(ESTIMATORS))}"]
    known = [*recipe.settings, "class_weight"]
    problems = [
        f"estimator.{key}: unknown setting of {name}{suggestion(key, known)}"
        for key in settings
        if key not in {"name", *known}
    ]
    if settings.get("class_weight", "none") not in CLASS_WEIGHTS:
        problems.append(
            f"estimator.class_weight: received {settings['class_weight']!r}; {' or '.join(CLASS_WEIGHTS)} is accepted"
        )
    return problems
