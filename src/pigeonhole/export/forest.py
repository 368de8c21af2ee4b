"""A forest as one ONNX operator that adds up whole numbers, so that no order of adding changes a sum.

Axes: N images, P pixels, A classes present, T trees, V nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.export.conversion import PIXELS, PREFIX, Piece
from pigeonhole.export.graph import constant, node
from pigeonhole.models.classical.trees import Forest

_LEAF = -1
_VOTES, _SUM, _SHARES = f"{PREFIX}votes", f"{PREFIX}sum", f"{PREFIX}shares"


def forest(estimator: Forest, n_pixels: int) -> Piece:  # noqa: ARG001 - every converter has one signature
    """Of a fitted forest whose pixels are whole numbers."""
    trees = estimator.trees
    attributes: dict[str, Any] = {**_branches(trees), **_leaves(trees)}
    votes = node(
        "TreeEnsembleRegressor",
        [PIXELS],
        [_VOTES],
        domain="ai.onnx.ml",
        n_targets=trees[0].value.shape[2],
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )
    return Piece([votes, *_normalised()], [constant(f"{PREFIX}axis", np.array([1], np.int64))], _SHARES)


def _normalised() -> list[Any]:
    return [
        node("ReduceSum", [_VOTES, f"{PREFIX}axis"], [_SUM], keepdims=1),
        node("Div", [_VOTES, _SUM], [_SHARES]),
    ]


def _branches(trees: Sequence[Any]) -> dict[str, list[Any]]:
    """Where each node leads. A whole number is at most a threshold where it is at most the whole number below it."""
    features_V, thresholds_V = _joined(trees, "feature"), _joined(trees, "threshold")
    leaves_V = _joined(trees, "children_left") == _LEAF
    return {
        **_places("nodes_", [np.arange(tree.node_count) for tree in trees]),
        "nodes_featureids": np.where(leaves_V, 0, features_V).tolist(),
        "nodes_values": np.where(leaves_V, 0, np.floor(thresholds_V)).tolist(),
        "nodes_modes": np.where(leaves_V, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(leaves_V, 0, _joined(trees, "children_left")).tolist(),
        "nodes_falsenodeids": np.where(leaves_V, 0, _joined(trees, "children_right")).tolist(),
    }


def _leaves(trees: Sequence[Any]) -> dict[str, list[Any]]:
    """What each leaf adds to the classes to which it adds anything."""
    found = [np.nonzero((tree.value[:, 0] > 0) & (tree.children_left == _LEAF)[:, None]) for tree in trees]
    weights = [tree.value[:, 0][rows, columns] for tree, (rows, columns) in zip(trees, found, strict=True)]
    return {
        **_places("target_", [rows for rows, _ in found]),
        "target_ids": np.concatenate([columns for _, columns in found]).tolist(),
        "target_weights": np.concatenate(weights).tolist(),
    }


def _places(prefix: str, nodes: Sequence[npt.NDArray[np.int64]]) -> dict[str, list[int]]:
    """The tree and node of each entry."""
    trees_V = np.repeat(np.arange(len(nodes)), [len(places) for places in nodes])
    return {f"{prefix}treeids": trees_V.tolist(), f"{prefix}nodeids": np.concatenate(nodes).tolist()}


def _joined(trees: Sequence[Any], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(tree, name) for tree in trees])
