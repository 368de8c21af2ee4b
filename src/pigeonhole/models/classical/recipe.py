"""What the catalogue knows of one estimator. Makes and fits nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """One estimator.

    Attributes:
        settings: the names it takes, as in its own library, besides `class_weight`, which all take.
        make: (settings, seed) → an estimator with `fit(X, y, sample_weight)` and `predict_proba(X)`, which is given
            labels 0 to A-1, each of them present.
        n_parameters: numbers in a fitted one.
        divisor: what pixel values 0–255 are divided by before it sees them. Trees and neighbours get whole numbers,
            which every float type holds exactly, so that no threshold can fall on either side of a pixel by rounding.
    """

    settings: tuple[str, ...]
    make: Callable[[Mapping[str, Any], int], Any]
    n_parameters: Callable[[Any], int]
    divisor: int = 1


def random_state(seed: int) -> int:
    """The seed in the 32 bits that scikit-learn, XGBoost and LightGBM take; non-negative in a signed integer."""
    return seed % 2**31
