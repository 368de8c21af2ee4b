"""A trained network → an ONNX graph that takes raw images; scaling and normalising lie inside.

Axes: N images, H height, W width, C channels, K classes, D embedding.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pigeonhole.export.folding import fold
from pigeonhole.export.graph import without_notes
from pigeonhole.models.networks import TrainedNetwork
from pigeonhole.models.networks.views import merged, unmoved, views


class _RawImages(nn.Module):
    """The network as a bundle wants it."""

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.network = trained.network
        self.views = trained.views
        self.mean: Tensor
        self.sd: Tensor
        mean, sd = trained.normalizer.tensors("cpu")
        self.register_buffer("mean", mean)
        self.register_buffer("sd", sd)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Probabilities (N, K) over all views, and the embedding (N, D) of the image itself where there is one."""
        x_NCHW = (images.permute(0, 3, 1, 2).to(torch.float32) - self.mean) / self.sd
        features_VND = self.network.features(views(x_NCHW, self.views))
        probs_NK = torch.softmax(merged(self.network.head(features_VND), self.views), dim=1)
        return (probs_NK, unmoved(features_VND, self.views)) if self.network.has_embedding else (probs_NK,)


def network_graph(trained: TrainedNetwork) -> tuple[Any, int]:
    """The ONNX model, with `embedding` as output where the network has one, and D (0 where it has none)."""
    network = trained.network
    names = ["probabilities", "embedding"] if network.has_embedding else ["probabilities"]
    example = torch.zeros((2, *trained.shape_HWC), dtype=torch.uint8)
    with _quiet(), torch.inference_mode(mode=False), torch.no_grad():
        program = torch.onnx.export(
            _RawImages(trained).eval(),
            (example,),
            dynamo=True,
            input_names=["images"],
            output_names=names,
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model_proto
    fold(model)
    without_notes(model)
    return model, network.embedding_size


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Holds back the exporter's remarks on packages that are absent on purpose and on its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
