"""The loss that is minimised and the loss that is recorded. Knows no network.

Axes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from pigeonhole.models.networks.augmentation.mixup import partners
from pigeonhole.models.settings import Training
from pigeonhole.models.trained import Labels


@dataclass(frozen=True)
class Targets:
    """What a batch's images are to be recognised as.

    Attributes:
        labels_N: their classes.
        others_N: the classes of what was mixed into them; `None` where nothing was.
        share_N: each image's own share in its mixture.
    """

    labels_N: Tensor
    others_N: Tensor | None = None
    share_N: Tensor | None = None

    @classmethod
    def mixed(cls, labels_N: Tensor, share_N: Tensor | None) -> Targets:
        """The targets of a batch that `augmentation.mix` gave with these shares."""
        return cls(labels_N) if share_N is None else cls(labels_N, partners(labels_N), share_N)

    def split(self, at_once: int) -> Iterator[Targets]:
        """Parts of at most so many images."""
        for start in range(0, len(self.labels_N), at_once):
            part = slice(start, start + at_once)
            if self.others_N is None or self.share_N is None:
                yield Targets(self.labels_N[part])
            else:
                yield Targets(self.labels_N[part], self.others_N[part], self.share_N[part])


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
        return cls(training.label_smoothing, torch.from_numpy(balanced(labels_N, classes)).to(device))

    def losses(self, logits_NK: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """What to minimise and what to record, both means over the images in nats.

        As in Keras, the weighed losses are divided by the number of images and not by the sum of their weights: a batch
        that happens to hold the rare class then pulls harder than one that does not, and over an epoch all is even.
        """
        recorded_N, minimised_N = self._against(logits_NK, targets.labels_N)
        if targets.others_N is not None and targets.share_N is not None:
            others_N, other_minimised_N = self._against(logits_NK, targets.others_N)
            recorded_N = torch.lerp(others_N, recorded_N, targets.share_N)
            minimised_N = torch.lerp(other_minimised_N, minimised_N, targets.share_N)
        return minimised_N.mean(), recorded_N.detach().mean()

    def _against(self, logits_NK: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        losses_N = functional.cross_entropy(logits_NK, labels_N, reduction="none", label_smoothing=self.label_smoothing)
        return losses_N, losses_N if self.weights_K is None else losses_N * self.weights_K[labels_N]


def balanced(labels_N: Labels, classes: int) -> npt.NDArray[np.float32]:
    """Weights (K) of n / (K·n_k), for n images, n_k of class k and K classes that have any; 0 for those without.

    Their mean over the images is 1, so a learning rate means the same as without them.
    """
    counts_K = np.bincount(labels_N, minlength=classes)
    weights_K = len(labels_N) / (np.count_nonzero(counts_K) * np.maximum(counts_K, 1))
    return np.where(counts_K > 0, weights_K, 0).astype(np.float32)
