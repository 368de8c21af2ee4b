"""Test-time augmentation: an image seen from several places, and what was seen made into one answer.

Only pads, slices and mirrors, so that it exports as it stands; all views of a batch go through the network at once.

Axes: V views, N images, C channels, H height, W width, K classes, D embedding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from pigeonhole.models.settings import Views


def views(x_NCHW: Tensor, how: Views) -> Tensor:
    """All views (V·N, C, H, W), the images themselves first; what comes in from outside repeats the border."""
    if how.count == 1:
        return x_NCHW
    seen = [x_NCHW]
    if how.shifts:
        height, width, frame = x_NCHW.shape[2], x_NCHW.shape[3], how.shifts
        framed = functional.pad(x_NCHW, (frame, frame, frame, frame), mode="replicate")
        starts = [frame + step for pixels in range(1, frame + 1) for step in (-pixels, pixels)]
        seen += [
            framed[:, :, down : down + height, right : right + width]
            for down in starts
            for right in starts
            if abs(down - frame) == abs(right - frame)
        ]
    if how.flip:
        seen += [view.flip(3) for view in seen]
    return torch.cat(seen)


def merged(logits_VNK: Tensor, how: Views) -> Tensor:
    """One row (N, K) for each image, whose softmax is the mean of the softmaxes of its views.

    Args:
        logits_VNK: of `views`, flat as they are (V·N, K).
        how: the settings that the views were made with.
    """
    if how.count == 1:
        return logits_VNK
    logs_VNK = _by_view(functional.log_softmax(logits_VNK.float(), dim=1), how)
    return logs_VNK.logsumexp(dim=0) - math.log(how.count)


def unmoved(features_VND: Tensor, how: Views) -> Tensor:
    """The features (N, …) of the images themselves, out of those of all views."""
    return features_VND if how.count == 1 else _by_view(features_VND, how)[0]


def _by_view(rows: Tensor, how: Views) -> Tensor:
    return rows.reshape(how.count, -1, *rows.shape[1:])
