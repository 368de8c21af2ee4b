"""A scaler as the same steps in fp64 as when it was fitted; each is one rounding of an exact value.

Axes: N images, P pixels, D features.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pigeonhole.export.graph import constant, node
from pigeonhole.models.classical.scaling import Grid, Scaler

_PREFIX = "scaler/"
RAW = f"{_PREFIX}raw"


def scaled(scaler: Scaler, result: str) -> tuple[list[Any], list[Any]]:
    """Nodes and constants that make `result`, float32 (N, D), of `scaler/raw`, float32 pixels 0–255 (N, P)."""
    steps, named = _normalized() if scaler.normalizes else _affine(scaler)
    last = "features"
    if scaler.grid is not None:
        placed, more = _grid(scaler.grid)
        steps, named, last = [*steps, *placed], {**named, **more}, "clipped"
    cast = node("Cast", [_PREFIX + last], [result], to="float")
    nodes = [_step("Cast", ["raw"], "pixels", to="double"), *steps, cast]
    return nodes, [constant(_PREFIX + name, values) for name, values in named.items()]


_Part = tuple[list[Any], dict[str, Any]]


def _step(kind: str, inputs: list[str], result: str, **attributes: Any) -> Any:
    return node(kind, [_PREFIX + name for name in inputs], [_PREFIX + result], **attributes)


def _affine(scaler: Scaler) -> _Part:
    turned, named = "pixels", {"offset": scaler.offset_D, "factor": scaler.factor_D}
    steps = []
    if scaler.matrix_PD is not None:
        # Whole numbers up to 2^24, which fp32 holds exactly in half the room.
        steps = [
            _step("Cast", ["directions"], "directions_double", to="double"),
            _step("MatMul", ["pixels", "directions_double"], "turned"),
        ]
        turned, named["directions"] = "turned", scaler.matrix_PD.astype(np.float32)
    shifted = _step("Sub", [turned, "offset"], "shifted")
    return [*steps, shifted, _step("Mul", ["shifted", "factor"], "features")], named


def _normalized() -> _Part:
    steps = [
        _step("Mul", ["pixels", "pixels"], "squares"),
        _step("ReduceSum", ["squares", "last_axis"], "sum", keepdims=1),
        _step("Max", ["sum", "one"], "sum_from_one"),
        _step("Sqrt", ["sum_from_one"], "length"),
        _step("Div", ["pixels", "length"], "features"),
    ]
    return steps, {"last_axis": np.array([-1], np.int64), "one": np.float64(1)}


def _grid(grid: Grid) -> _Part:
    steps = [
        _step("Sub", ["features", "low"], "above"),
        _step("Mul", ["above", "step"], "stepped"),
        _step("Round", ["stepped"], "rounded"),
        _step("Clip", ["rounded", "lowest", "highest"], "clipped"),
    ]
    return steps, {
        "low": np.float64(grid.low),
        "step": np.float64(grid.step),
        "lowest": np.float64(0),
        "highest": np.float64(grid.levels),
    }
