"""Trees and forests of independent trees, by scikit-learn, with leaves rounded so that their sums are exact.

Axes: N images, P pixels, A classes present; docs/adr/0012 says why leaves are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pigeonhole.core.optional import require
from pigeonhole.models.classical.recipe import ORDER_ALONE, TREE_LEVELS, Recipe, random_state
from pigeonhole.models.classical.threads import threads
from pigeonhole.models.trained import Floats, Labels

# A leaf's shares of the classes are whole numbers of 1/4,096. 4,096 trees of them sum to 2^24, so that fp32 holds
# every sum exactly in whatever order threads add, and a tie between two classes is one everywhere.
LEVELS = 4096
_SMOOTHING = 0.5


class Forest:
    """A scikit-learn forest, or one tree, that answers the same to the last bit whatever the threads.

    Args:
        forest: not fitted yet.
        smoothing: images of every class that each leaf counts besides its own, so that one tree is never sure.
    """

    def __init__(self, forest: Any, smoothing: float = 0.0) -> None:
        self.forest, self.smoothing = forest, smoothing

    def fit(self, pixels_NP: Floats, labels_N: Labels, sample_weight: Floats | None = None) -> Self:
        """Grows the trees; pixels are whole numbers."""
        self.forest.fit(pixels_NP, labels_N, sample_weight)
        # Its threads would add the trees' answers up in the order in which they get ready.
        if hasattr(self.forest, "n_jobs"):
            self.forest.set_params(n_jobs=1)
        for tree in self.trees:
            tree.value[...] = np.rint(self._shares(tree) * LEVELS)
        return self

    def _shares(self, tree: Any) -> Any:
        """Each node's shares of the classes (V, 1, A)."""
        if not self.smoothing:
            return tree.value
        images_V11 = tree.weighted_n_node_samples[:, None, None]
        return (tree.value * images_V11 + self.smoothing) / (images_V11 + self.smoothing * tree.value.shape[2])

    @property
    def trees(self) -> list[Any]:
        """Each tree's arrays: `feature`, `threshold`, `children_left`, `children_right`, `value` (in 1/4,096)."""
        return [grown.tree_ for grown in getattr(self.forest, "estimators_", [self.forest])]

    def predict_proba(self, pixels_NP: Floats) -> Floats:
        """(N, A)."""
        sums_NA = self.forest.predict_proba(pixels_NP)
        shares_NA: Floats = sums_NA / sums_NA.sum(axis=1, keepdims=True)
        return shares_NA

    @property
    def n_parameters(self) -> int:
        """Nodes: each a pixel and its threshold, or a leaf."""
        return sum(tree.node_count for tree in self.trees)


def _forest(kind: str, settings: Mapping[str, Any], seed: int) -> Forest:
    ensemble = require("sklearn.ensemble", extra="train")
    return Forest(getattr(ensemble, kind)(**settings, n_jobs=threads(), random_state=random_state(seed)))


def _tree(settings: Mapping[str, Any], seed: int) -> Forest:
    tree = require("sklearn.tree", extra="train")
    return Forest(tree.DecisionTreeClassifier(**settings, random_state=random_state(seed)), _SMOOTHING)


def _recipe(kind: str) -> Recipe:
    return Recipe(
        ("n_estimators", "max_features", "min_samples_leaf"),
        lambda settings, seed: _forest(kind, settings, seed),
        lambda fitted: fitted.n_parameters,
        levels=TREE_LEVELS,
        refuses=ORDER_ALONE,
    )


TREES: Mapping[str, Recipe] = {
    "random-forest": _recipe("RandomForestClassifier"),
    "extra-trees": _recipe("ExtraTreesClassifier"),
    "decision-tree": Recipe(
        ("criterion", "min_samples_leaf"),
        _tree,
        lambda fitted: fitted.n_parameters,
        levels=TREE_LEVELS,
        refuses=ORDER_ALONE,
    ),
}
