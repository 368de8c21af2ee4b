"""What comes before an estimator: pixels as floats, a scaler or principal components."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pigeonhole.models.costs.cost import Settings, Size

# Seconds a number.
FLAT_S = 9e-10
SCALER_S = {"min-max": 3e-9, "max-abs": 3e-9, "standard": 3.5e-8, "robust": 5e-8, "normalizer": 3e-9}
APPLIED_S = 3.5e-9
# Seconds a multiply-add: in fp32 as scikit-learn's PCA works, in fp64 as its result is applied.
PRODUCT_S = 4e-11
PROJECTION_S = 5e-11
FACTORIZATION_S = 4e-10
OWN_COMPONENTS = ("svm-rbf", "knn")


@dataclass(frozen=True)
class Prepared:
    """What an estimator sees, and what it took to get there.

    Attributes:
        size: with the features that are left.
        fit_s: of scaler and components.
        image_s: to do the same to an image that is predicted.
        held_bytes: copies of the pixels besides the first, gone when the estimator is fitted.
    """

    size: Size
    fit_s: float
    image_s: float
    held_bytes: float


def prepare(settings: Settings, size: Size) -> Prepared:
    """Pixels in, features out: floats, then what a scaler makes of them, then their principal components."""
    n, p = size.images, size.features
    per_number = SCALER_S.get(str(settings.get("scaler", "none")))
    image_s = p * (FLAT_S + (0 if per_number is None else APPLIED_S))
    fit_s = n * (image_s + p * (per_number or 0))
    d = _components(settings, size)
    if not d:
        return Prepared(size, fit_s, image_s, 0 if per_number is None else n * p * 10)
    projected_s = p * d * PROJECTION_S
    reduced = Size(n, d, size.classes, size.hard, distinct=True)
    return Prepared(reduced, fit_s + pca_s(n, p, d) + n * projected_s, image_s + projected_s, n * p * 10)


def _components(settings: Settings, size: Size) -> float:
    asked = settings.get("pca_components", 0)
    has_them = settings.get("scaler") == "pca" or settings["name"] in OWN_COMPONENTS
    return min(float(asked), size.features, size.images) if has_them else 0


def pca_s(n: float, p: float, d: float) -> float:
    """Seconds of scikit-learn's PCA, whose solver depends on the shape: covariance, randomised or complete."""
    least = min(n, p)
    if p <= 1000 and n >= 10 * p:
        return n * p * p * PRODUCT_S + p**3 * FACTORIZATION_S
    if max(n, p) > 500 and d < 0.8 * least:
        rounds = 7 if d < 0.1 * least else 4
        wide = d + 10
        return (2 * rounds + 2) * n * p * wide * PRODUCT_S + rounds * (n + p) * wide**2 * FACTORIZATION_S
    return n * p * least * FACTORIZATION_S * (1 + math.log2(1 + max(n, p) / least) / 4)
