"""The loss that training makes small.

Axes: N images, K classes.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pigeonhole.models.networks.augmentation.mixup import partners


def training_loss(logits_NK: Tensor, labels_N: Tensor, share_N: Tensor | None, label_smoothing: float) -> Tensor:
    """Mean cross-entropy in nats, to each image's label, or to the mixture of two where images were mixed.

    Args:
        logits_NK: in fp32.
        labels_N: class numbers.
        share_N: each image's own share in it, from `augmentation.mix`; `None` means all of it.
        label_smoothing: share of the target spread over all classes.
    """
    if share_N is None:
        return functional.cross_entropy(logits_NK, labels_N, label_smoothing=label_smoothing)
    own_N, other_N = (
        functional.cross_entropy(logits_NK, targets_N, label_smoothing=label_smoothing, reduction="none")
        for targets_N in (labels_N, partners(labels_N))
    )
    return (share_N * own_N + (1 - share_N) * other_N).mean()
