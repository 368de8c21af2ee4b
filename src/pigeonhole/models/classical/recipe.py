"""What the catalogue knows of one estimator. Makes and fits nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Scalers that shift and stretch each pixel by itself.
PER_PIXEL = ("min-max", "max-abs", "standard", "robust")
ORDER_ALONE = dict.fromkeys(PER_PIXEL, "it keeps the order of a pixel's values, which is all that trees see")
# Trees get features in so many steps where a scaler stands before them, for want of whole numbers.
TREE_LEVELS = 65_535


@dataclass(frozen=True)
class Recipe:
    """One estimator.

    Attributes:
        settings: the names it takes, as in its own library, besides `class_weight` and `scaler`, which all take, and
            `pca_components`, which belongs to the scaler where it is not among them.
        make: (settings, seed) → an estimator with `fit(X, y, sample_weight)` and `predict_proba(X)`, which is given
            labels 0 to A-1, each of them present.
        n_parameters: numbers in a fitted one.
        divisor: what pixel values 0–255 are divided by before it sees them. Trees and neighbours get whole numbers,
            which every float type holds exactly, so that no threshold can fall on either side of a pixel by rounding.
        levels: what a scaler gives to an estimator of whole numbers (`divisor` 1) is put on steps from 0 to this.
        refuses: scalers that make no sense before it, and why.
        counts: whether it takes no number below 0.
        make_scaled: `make` where a scaler stands before it; `None`: the same.
    """

    settings: tuple[str, ...]
    make: Callable[[Mapping[str, Any], int], Any]
    n_parameters: Callable[[Any], int]
    divisor: int = 1
    levels: int = 255
    refuses: Mapping[str, str] = field(default_factory=dict)
    counts: bool = False
    make_scaled: Callable[[Mapping[str, Any], int], Any] | None = None

    @property
    def own_components(self) -> bool:
        """Whether `pca_components` is a setting of the estimator's own, not of a scaler."""
        return "pca_components" in self.settings

    def making(self, scaler: str) -> Callable[[Mapping[str, Any], int], Any]:
        """What makes it behind a scaler of that kind."""
        return self.make if scaler == "none" else self.make_scaled or self.make


def random_state(seed: int) -> int:
    """The seed in the 32 bits that scikit-learn, XGBoost and LightGBM take; non-negative in a signed integer."""
    return seed % 2**31
