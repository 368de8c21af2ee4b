"""Principal components as one matrix and one offset, fitted by scikit-learn.

Axes: N images, P pixels, D components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pigeonhole.core.optional import require
from pigeonhole.models.classical.recipe import random_state
from pigeonhole.models.trained import Floats

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Projection:
    """Where images differ most.

    Attributes:
        matrix_PD: pixels → components; rounded to fp32, and multiplied in fp64.
        offset_D: what the mean image gives; subtracted.
    """

    matrix_PD: Floats
    offset_D: Floats

    def __call__(self, pixels_NP: Floats) -> Doubles:
        """The components (N, D)."""
        components_ND: Doubles = pixels_NP.astype(np.float64) @ self.matrix_PD.astype(np.float64) - self.offset_D
        return components_ND


def directions(pixels_NP: Floats, components: int, seed: int) -> tuple[Doubles, Doubles]:
    """The first principal directions (P, D), in fp64, and the mean image (P,).

    Args:
        pixels_NP: the images.
        components: D; fewer where the images or pixels are fewer.
        seed: decides the randomised solver that scikit-learn takes for large images.
    """
    decomposition = require("sklearn.decomposition", extra="train")
    pca = decomposition.PCA(min(components, *pixels_NP.shape), random_state=random_state(seed))
    with np.errstate(divide="ignore", invalid="ignore"):  # shares of a variance of 0, which nobody reads here
        pca.fit(pixels_NP)
    return pca.components_.T.astype(np.float64), pca.mean_.astype(np.float64)


def project(pixels_NP: Floats, components: int, seed: int) -> Projection:
    """The projection on the first principal components; see `directions`."""
    matrix_PD, mean_P = directions(pixels_NP, components, seed)
    return Projection(matrix_PD.astype(np.float32), (mean_P @ matrix_PD).astype(np.float32))
