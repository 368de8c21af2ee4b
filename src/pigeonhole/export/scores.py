"""Linear scores and a perceptron as products of matrices; the same steps in fp64 as when they were fitted.

Axes: N images, P features, A classes present.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pigeonhole.export.conversion import PIXELS, PREFIX, Piece, by_scikit_learn
from pigeonhole.export.graph import constant, node, softplus
from pigeonhole.models.classical.perceptron import Perceptron
from pigeonhole.models.classical.scores import ScoredEstimator, Scores


def logistic(estimator: Any, n_pixels: int) -> Piece:
    """Of a logistic regression: scikit-learn's own, or its scores where a scaler stands before it."""
    if isinstance(estimator, ScoredEstimator):
        return scored(estimator, n_pixels)
    return by_scikit_learn(estimator, n_pixels)


def scored(estimator: ScoredEstimator, n_pixels: int) -> Piece:  # noqa: ARG001 - one signature for all
    """Of fitted scores."""
    nodes = [*_inputs(estimator.scores), *_linear(estimator.scores)]
    nodes.append(_step("Div", ["scores", "temperature"], "logits"))
    last = "logits"
    if estimator.link == "one-vs-rest":
        # The logarithm of the sigmoid.
        nodes += [
            _step("Neg", [last], "against"),
            *softplus(f"{PREFIX}against", f"{PREFIX}one", f"{PREFIX}costs"),
            _step("Neg", ["costs"], "log"),
        ]
        last = "log"
    named = {**_tensors(estimator.scores), "temperature": np.float64(estimator.temperature), "one": np.float64(1)}
    return _piece([*nodes, *_shares(last)], named)


def perceptron(estimator: Perceptron, n_pixels: int) -> Piece:  # noqa: ARG001 - one signature for all
    """Of a trained perceptron. Its numbers are kept in fp32, as they were trained."""
    named: dict[str, Any] = {}
    nodes, last = [_doubled_pixels()], "values"
    for layer, (weights, biases) in enumerate(zip(estimator.weights, estimator.biases, strict=True)):
        own = [f"weights_{layer}", f"biases_{layer}"]
        named |= {own[0]: weights, own[1]: biases.astype(np.float64)}
        if layer:
            nodes.append(_step("Relu", [last], f"rectified_{layer}"))
            last = f"rectified_{layer}"
        nodes += [
            _step("Cast", [own[0]], f"{own[0]}_double", to="double"),
            _step("MatMul", [last, f"{own[0]}_double"], f"products_{layer}"),
            _step("Add", [f"products_{layer}", own[1]], f"sums_{layer}"),
        ]
        last = f"sums_{layer}"
    return _piece([*nodes, *_shares(last)], named)


def _piece(nodes: list[Any], named: dict[str, Any]) -> Piece:
    return Piece(nodes, [constant(PREFIX + name, values) for name, values in named.items()], f"{PREFIX}shares")


def _step(kind: str, inputs: list[str], result: str, **attributes: Any) -> Any:
    return node(kind, [PREFIX + name for name in inputs], [PREFIX + result], **attributes)


def _doubled_pixels() -> Any:
    return node("Cast", [PIXELS], [f"{PREFIX}values"], to="double")


def _inputs(scores: Scores) -> list[Any]:
    """The features, or whether each is above the threshold."""
    if scores.threshold is None:
        return [_doubled_pixels()]
    return [
        node("Cast", [PIXELS], [f"{PREFIX}doubled"], to="double"),
        _step("Greater", ["doubled", "threshold"], "above"),
        _step("Cast", ["above"], "values", to="double"),
    ]


def _linear(scores: Scores) -> list[Any]:
    products = _step("MatMul", ["values", "weights"], "products")
    if scores.square_weights_PA is None:
        return [products, _step("Add", ["products", "biases"], "scores")]
    return [
        products,
        _step("Add", ["products", "biases"], "linear"),
        _step("Mul", ["values", "values"], "squares"),
        _step("MatMul", ["squares", "square_weights"], "square_products"),
        _step("Add", ["linear", "square_products"], "scores"),
    ]


def _tensors(scores: Scores) -> dict[str, Any]:
    named: dict[str, Any] = {"weights": scores.weights_PA, "biases": scores.biases_A}
    if scores.square_weights_PA is not None:
        named["square_weights"] = scores.square_weights_PA
    if scores.threshold is not None:
        named["threshold"] = np.float64(scores.threshold)
    return named


def _shares(logits: str) -> list[Any]:
    return [_step("Softmax", [logits], "softmax", axis=1), _step("Cast", ["softmax"], "shares", to="float")]
