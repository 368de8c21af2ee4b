"""The loss that is minimised and the loss that is recorded. Knows no network.

Axes: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pigeonhole.models.settings import Training
from pigeonhole.models.trained import Labels


@dataclass(frozen=True)
class Objective:
    """Cross-entropy with smoothed labels, weighed by class where that was asked for.

    Attributes:
        label_smoothing: share of the target spread over all classes.
        weights_K: each class's weight, or `None` for equal ones.
    """

    label_smoothing: float
    weights_K: Tensor | None = None

    @classmethod
    def of(cls, training: Training, labels_N: Labels, classes: int, device: str) -> Objective:
        """The objective of a training on images of these labels."""
        if training.class_weight == "none":
            return cls(training.label_smoothing)
        weights_K = torch.from_numpy(balanced(labels_N, classes)).to(device)
        return cls(training.label_smoothing, weights_K)

    def losses(self, logits_NK: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """What to minimise and what to record, both means over the images in nats.

        As in Keras, the weighed losses are divided by the number of images and not by the sum of their weights: a batch
        that happens to hold the rare class then pulls harder than one that does not, and over an epoch all is even.
        """
        losses_N = functional.cross_entropy(logits_NK, labels_N, reduction="none", label_smoothing=self.label_smoothing)
        recorded = losses_N.detach().mean()
        if self.weights_K is None:
            return losses_N.mean(), recorded
        return (losses_N * self.weights_K[labels_N]).mean(), recorded


def balanced(labels_N: Labels, classes: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Weights (K) of n / (K·n_k), for n images, n_k of class k and K classes that have any; 0 for those without.

    Their mean over the images is 1, so a learning rate means the same as without them.
    """
    counts_K = np.bincount(labels_N, minlength=classes)
    present = np.count_nonzero(counts_K)
    weights_K = len(labels_N) / (present * np.maximum(counts_K, 1))
    return np.where(counts_K > 0, weights_K, 0).astype(np.float32)
