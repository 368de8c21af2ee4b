"""The nearest neighbours as a product of whole numbers and a sort; exact, so ties are broken as when they were fitted.

Axes: N images, P pixels, D components, M training images, A classes present.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pigeonhole.export.conversion import PREFIX, Piece
from pigeonhole.export.graph import constant, node
from pigeonhole.models.classical.neighbours import NearestNeighbours


def neighbours(estimator: NearestNeighbours, n_pixels: int) -> Piece:  # noqa: ARG001 - one signature for all
    """Of fitted neighbours."""
    nodes = [*_points(), *_nearest(), *_votes(estimator)]
    constants = [constant(PREFIX + name, values) for name, values in _tensors(estimator).items()]
    return Piece(nodes, constants, f"{PREFIX}shares")


def _step(kind: str, inputs: list[str], *results: str, **attributes: Any) -> Any:
    return node(kind, [PREFIX + name for name in inputs], [PREFIX + name for name in results], **attributes)


def _tensors(estimator: NearestNeighbours) -> dict[str, Any]:
    return {
        "directions": estimator.matrix_PD,
        "turned_mean": estimator.offset_D,
        "step": np.float64(estimator.step),
        # Whole numbers within ±2,048 take half the room; the cast is done once, when the model is opened.
        "points_int16": estimator.points_DM.astype(np.int16),
        "squares": estimator.squares_M,
        "two": np.float32(2),
        "one": np.float32(1),
        "k": np.array([estimator.k], np.int64),
        "labels": estimator.labels_M,
        "n_classes": np.array(len(estimator.class_weights_A), np.int64),
        "off_on": np.array([0, 1], np.float32),
        "class_weights": estimator.class_weights_A,
        "axis": np.array([1], np.int64),
        "last_axis": np.array([-1], np.int64),
    }


def _points() -> list[Any]:
    """Components as whole numbers (N, D)."""
    return [
        _step("Cast", ["pixels"], "pixels_double", to="double"),
        _step("MatMul", ["pixels_double", "directions"], "turned"),
        _step("Sub", ["turned", "turned_mean"], "whole"),
        _step("Mul", ["whole", "step"], "stepped"),
        _step("Round", ["stepped"], "rounded"),
        _step("Cast", ["rounded"], "components", to="float"),
    ]


def _nearest() -> list[Any]:
    """Squared distances and places of the k nearest (N, k); among equals the first, as ONNX defines TopK."""
    return [
        _step("Cast", ["points_int16"], "points", to="float"),
        _step("MatMul", ["components", "points"], "products"),
        _step("Mul", ["products", "two"], "double_products"),
        _step("Mul", ["components", "components"], "component_squares"),
        _step("ReduceSum", ["component_squares", "axis"], "lengths", keepdims=1),
        _step("Add", ["lengths", "squares"], "both_lengths"),
        _step("Sub", ["both_lengths", "double_products"], "distances"),
        _step("TopK", ["distances", "k"], "squared", "places", axis=1, largest=0, sorted=1),
    ]


def _votes(estimator: NearestNeighbours) -> list[Any]:
    steps = [
        _step("Gather", ["labels", "places"], "voters", axis=0),
        _step("OneHot", ["voters", "n_classes", "off_on"], "plain_votes", axis=-1),
        _step("Mul", ["plain_votes", "class_weights"], "weighted_votes"),
    ]
    if estimator.weights == "distance":
        steps += [
            _step("Max", ["squared", "one"], "squared_from_one"),
            _step("Sqrt", ["squared_from_one"], "lengths_from_one"),
            _step("Unsqueeze", ["lengths_from_one", "last_axis"], "divisors"),
            _step("Div", ["weighted_votes", "divisors"], "votes"),
        ]
    else:
        steps.append(_step("Identity", ["weighted_votes"], "votes"))
    return [
        *steps,
        _step("ReduceSum", ["votes", "axis"], "totals", keepdims=0),
        _step("ReduceSum", ["totals", "axis"], "total", keepdims=1),
        _step("Div", ["totals", "total"], "shares"),
    ]
