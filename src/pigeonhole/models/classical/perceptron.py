"""scikit-learn's multilayer perceptron. Predicting needs NumPy only, in fp64, so that no export can differ.

Axes: N images, P features, A classes present.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pigeonhole.core.optional import require
from pigeonhole.models.classical.projection import Doubles
from pigeonhole.models.classical.recipe import Recipe, random_state
from pigeonhole.models.classical.scores import softmax
from pigeonhole.models.trained import Floats, Labels


class Perceptron:
    """One hidden layer of rectified units, trained by Adam for a fixed number of passes.

    Args:
        hidden: units of the hidden layer.
        batch_size: images a step; all of them where there are fewer.
        settings: others of `MLPClassifier`.

    Attributes:
        weights: of each layer, (inputs, units); the last has A units.
        biases: of each layer.
    """

    def __init__(self, *, hidden: int = 100, batch_size: int = 200, seed: int = 0, **settings: Any) -> None:
        self.hidden, self.batch_size, self.seed, self.settings = hidden, batch_size, seed, settings

    def fit(self, features_NP: Floats, labels_N: Labels, sample_weight: Floats | None = None) -> Self:
        """Trains it; labels are 0 to A-1."""
        network = require("sklearn.neural_network", extra="train").MLPClassifier(
            (self.hidden,),
            batch_size=min(self.batch_size, len(labels_N)),
            random_state=random_state(self.seed),
            n_iter_no_change=self.settings["max_iter"],  # so many passes, whatever the loss does on the way
            **self.settings,
        )
        network.fit(features_NP, labels_N, sample_weight=sample_weight)
        self.weights = [np.asarray(layer, np.float32) for layer in network.coefs_]
        self.biases = [np.asarray(layer, np.float32) for layer in network.intercepts_]
        if self.biases[-1].size == 1:
            # A lone unit's logit s of the second class: ±s/2 has the same softmax.
            self.weights[-1] = np.hstack([-self.weights[-1], self.weights[-1]]) * np.float32(0.5)
            self.biases[-1] = np.concatenate([-self.biases[-1], self.biases[-1]]) * np.float32(0.5)
        return self

    def predict_proba(self, features_NP: Floats) -> Doubles:
        """(N, A)."""
        values = features_NP.astype(np.float64)
        for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = (np.maximum(values, 0) if layer else values) @ weights.astype(np.float64) + biases
        return softmax(values)

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.size for layer in (*self.weights, *self.biases))


def _mlp(settings: Mapping[str, Any], seed: int) -> Perceptron:
    return Perceptron(**{"max_iter": 20, **settings}, seed=seed)


PERCEPTRON: Mapping[str, Recipe] = {
    "mlp": Recipe(
        ("hidden", "alpha", "learning_rate_init", "batch_size", "max_iter"),
        _mlp,
        lambda fitted: fitted.n_parameters,
        divisor=255,
    ),
}
