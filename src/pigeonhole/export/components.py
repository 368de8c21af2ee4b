"""The embedding of a model that has none: the first principal components of its images, as one product in the graph.

Axes: N images, H height, W width, C channels, P = H·W·C pixels, D components.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.export.graph import constant, node, output
from pigeonhole.models.trained import Images

COMPONENTS = 32
SAMPLE = 1000


@dataclass(frozen=True)
class PrincipalComponents:
    """Where images differ most.

    Attributes:
        matrix_PD: pixel values 0–255 → components, in units of 255 a pixel.
        offset_D: what the mean image gives; subtracted.
    """

    matrix_PD: npt.NDArray[np.float32]
    offset_D: npt.NDArray[np.float32]

    @classmethod
    def of(cls, images_NHWC: Images) -> PrincipalComponents:
        """From at most 1,000 images, evenly spaced; as many components as they allow, up to 32."""
        sample = images_NHWC[:: -(-len(images_NHWC) // SAMPLE)]
        pixels_NP = sample.reshape(len(sample), -1).astype(np.float64) / 255
        mean_P = pixels_NP.mean(axis=0)
        _, _, directions_DP = np.linalg.svd(pixels_NP - mean_P, full_matrices=False)
        directions_DP = directions_DP[:COMPONENTS]
        # A direction and its opposite are equally good; the largest part is made positive, so that all machines agree.
        largest_D = np.abs(directions_DP).argmax(axis=1)
        directions_DP *= np.sign(directions_DP[np.arange(len(directions_DP)), largest_D])[:, None]
        return cls((directions_DP.T / 255).astype(np.float32), (directions_DP @ mean_P).astype(np.float32))

    @property
    def size(self) -> int:
        """D."""
        return len(self.offset_D)

    def add_to(self, model: Any) -> Any:
        """The ONNX model with these components as its output `embedding`."""
        graph = model.graph
        graph.initializer.extend(
            [
                constant("pca_matrix", self.matrix_PD),
                constant("pca_offset", self.offset_D),
                constant("pca_shape", np.array([-1, len(self.matrix_PD)], np.int64)),
            ]
        )
        graph.node.extend(
            [
                node("Reshape", ["images", "pca_shape"], ["pca_bytes"]),
                node("Cast", ["pca_bytes"], ["pca_pixels"], to="float"),
                node("MatMul", ["pca_pixels", "pca_matrix"], ["pca_product"]),
                node("Sub", ["pca_product", "pca_offset"], ["embedding"]),
            ]
        )
        graph.output.append(output("embedding", self.size))
        return model
