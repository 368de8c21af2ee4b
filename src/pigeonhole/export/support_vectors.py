"""A support vector machine as products of matrices; the same steps in fp64 as when it was fitted.

Axes: N images, P pixels, D features, S support vectors, A classes present.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pigeonhole.export.conversion import PIXELS, PREFIX, Piece
from pigeonhole.export.graph import constant, node, softplus
from pigeonhole.models.classical.svm import SupportVectorMachine


def support_vectors(estimator: SupportVectorMachine, n_pixels: int) -> Piece:  # noqa: ARG001 - one signature for all
    """Of a fitted machine."""
    parts = [_features(estimator), _kernel(estimator), _decisions(estimator), _probabilities(estimator)]
    nodes = [step for steps, _ in parts for step in steps]
    constants = [constant(PREFIX + name, values) for _, named in parts for name, values in named.items()]
    return Piece(nodes, constants, f"{PREFIX}shares")


_Part = tuple[list[Any], dict[str, Any]]


def _doubled(name: str) -> Any:
    """Tensors are kept in fp32, as they were rounded; the cast is done once, when the model is opened."""
    return _step("Cast", [name], f"{name}_double", to="double")


def _step(kind: str, inputs: list[str], result: str, **attributes: Any) -> Any:
    return node(kind, [PREFIX + name for name in inputs], [PREFIX + result], **attributes)


def _features(estimator: SupportVectorMachine) -> _Part:
    if estimator.projection is None:
        return [node("Cast", [PIXELS], [f"{PREFIX}features"], to="double")], {}
    steps = [
        _doubled("pixels"),
        _doubled("directions"),
        _step("MatMul", ["pixels_double", "directions_double"], "turned"),
        _step("Sub", ["turned", "turned_mean"], "features"),
    ]
    return steps, {
        "directions": estimator.projection.matrix_PD,
        "turned_mean": estimator.projection.offset_D.astype(np.float64),
    }


def _kernel(estimator: SupportVectorMachine) -> _Part:
    """exp(-γ·|x - s|²), the square taken apart."""
    gamma = np.float64(estimator.gamma_)
    steps = [
        _doubled("vectors"),
        _step("MatMul", ["features", "vectors_double"], "products"),
        _step("Mul", ["products", "two_gamma"], "scaled_products"),
        _step("Mul", ["features", "features"], "squares"),
        _step("ReduceSum", ["squares", "last_axis"], "lengths", keepdims=1),
        _step("Mul", ["lengths", "gamma"], "scaled_lengths"),
        _step("Sub", ["scaled_products", "scaled_lengths"], "partial_exponents"),
        _step("Sub", ["partial_exponents", "vector_lengths"], "exponents"),
        _step("Exp", ["exponents"], "kernel"),
    ]
    return steps, {
        "vectors": estimator.vectors_SD.T,
        "two_gamma": 2 * gamma,
        "gamma": gamma,
        "last_axis": np.array([-1], np.int64),
        "vector_lengths": gamma * np.square(estimator.vectors_SD.astype(np.float64)).sum(axis=1),
    }


def _decisions(estimator: SupportVectorMachine) -> _Part:
    """(N, A, A): each class's support vectors against each other class, and the same turned around."""
    n_classes = len(estimator.biases_AA)
    blocks = [f"kernel_{k}" for k in range(n_classes)]
    steps = [node("Split", [f"{PREFIX}kernel", f"{PREFIX}sizes"], [PREFIX + name for name in blocks], axis=1)]
    steps += [_doubled(f"weights_{k}") for k in range(n_classes)]
    steps += [_step("MatMul", [f"kernel_{k}", f"weights_{k}_double"], f"own_{k}") for k in range(n_classes)]
    steps += [_step("Unsqueeze", [f"own_{k}", "middle_axis"], f"row_{k}") for k in range(n_classes)]
    steps += [
        _step("Concat", [f"row_{k}" for k in range(n_classes)], "own", axis=1),
        _step("Transpose", ["own"], "other", perm=[0, 2, 1]),
        _step("Add", ["own", "other"], "both"),
        _step("Mul", ["both", "signs"], "signed"),
        _step("Add", ["signed", "biases"], "decisions"),
    ]
    starts = estimator.starts
    return steps, {
        "sizes": np.diff(starts).astype(np.int64),
        "middle_axis": np.array([1], np.int64),
        "signs": estimator.signs_AA.astype(np.float64),
        "biases": estimator.biases_AA.astype(np.float64),
        **{f"weights_{k}": estimator.weights_SA[starts[k] : starts[k + 1]] for k in range(n_classes)},
    }


def _probabilities(estimator: SupportVectorMachine) -> _Part:
    steps = [
        _step("Mul", ["decisions", "steepness"], "steep"),
        *softplus(f"{PREFIX}steep", f"{PREFIX}one", f"{PREFIX}against"),
        _step("ReduceSum", ["against", "last_axis"], "summed", keepdims=0),
        _step("Div", ["summed", "temperature"], "scores"),
        _step("Softmax", ["scores"], "softmax", axis=1),
        _step("Cast", ["softmax"], "shares", to="float"),
    ]
    return steps, {
        "one": np.float64(1),
        "steepness": np.float64(-estimator.steepness),
        "temperature": np.float64(-estimator.temperature),
    }
