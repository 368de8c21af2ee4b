"""Which recipe of augmentation suits some images, from the images and never from a dataset's name. No torch.

Photographs are mirrored and cropped; drawn and written signs are turned and shifted a little, since a mirrored one is
another sign or none. What is measured, on at most 1,000 images:

- colour: whether the channels of most images differ;
- a plain background: whether the borders of most images are of nearly one colour;
- sides: whether classes look different in a mirror. For a class that knows no left and right, whatever a picture
  shows on one side another one shows on the other, and the mean of (image minus mirror image) tends to zero. It is
  taken of three maps, so that neither light-on-dark nor dark-on-light signs, nor a mixture of both, escape:
  brightness, distance from the mean brightness, and slope of edges.

It cannot know whether left and right *mean* something where classes do not show it on average: photographs of left
and right hands in all positions would be mirrored. Nor can it see sides in fewer than 100 images; then it mirrors none.

Axes: N images, H height, W width, C channels, D numbers of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pigeonhole.models.trained import Floats, Images, Labels

_SAMPLE = 1_000
_LEAST_FOR_SIDES = 100
_SIDE = 32  # larger images are shrunk; what is measured is coarse
_GRID = 8
_COLOUR = 8  # mean difference of an image's channels, of 255; JPEG gives grey images less than 1
_BORDER_NEAR = 24  # of 255, from the border's median
_BORDER_SHARE = 0.8
# Of 40 draws of 100 photographs (CIFAR-10) none had more than 0.03, of 1,000 none more than 0.006; digits have 0.4,
# digits of any colour on any background, with other digits beside them, 0.13.
_SIDED = 0.05


@dataclass(frozen=True)
class Choice:
    """A named recipe and why it was chosen, in a few words."""

    recipe: str
    reason: str


def choose(images_NHWC: Images, labels_N: Labels) -> Choice:
    """The recipe for these training images; the same for the same images.

    Args:
        images_NHWC: training images; at most 1,000, evenly spaced, are looked at.
        labels_N: their classes.
    """
    every = -(-len(images_NHWC) // _SAMPLE)
    small_NHWC = _shrunk(images_NHWC[::every])
    colour, plain = _is_coloured(small_NHWC), _has_plain_background(small_NHWC)
    seen = f"{'colour' if colour else 'grey'}, {'a plain background' if plain else 'no plain background'}"
    if plain and not colour:
        return Choice("affine-light", seen)
    if len(small_NHWC) < _LEAST_FOR_SIDES:
        return Choice("affine-light", f"{seen}, too few images to tell whether left and right matter")
    if sidedness(small_NHWC.mean(axis=3), labels_N[::every]) > _SIDED:
        return Choice("affine-light", f"{seen}, classes with a left and a right")
    return Choice("photographs", seen)


def _shrunk(images_NHWC: Images) -> Floats:
    """Means over square blocks, so that the shorter side has at most some 60 pixels."""
    n, height, width, channels = images_NHWC.shape
    block = max(1, min(height, width) // _SIDE)
    rows, columns = height // block, width // block
    whole_NHWC = images_NHWC[:, : rows * block, : columns * block].reshape(n, rows, block, columns, block, channels)
    small_NHWC: Floats = whole_NHWC.mean(axis=(2, 4), dtype=np.float32)
    return small_NHWC


def _is_coloured(images_NHWC: Floats) -> bool:
    differences_NHW = images_NHWC.max(axis=3) - images_NHWC.min(axis=3)
    return bool(np.median(differences_NHW.mean(axis=(1, 2))) > _COLOUR)


def _has_plain_background(images_NHWC: Floats) -> bool:
    edges: Sequence[Floats] = (images_NHWC[:, 0], images_NHWC[:, -1], images_NHWC[:, :, 0], images_NHWC[:, :, -1])
    border_NPC = np.concatenate(edges, axis=1)
    away_NP = np.abs(border_NPC - np.median(border_NPC, axis=1, keepdims=True)).max(axis=2)
    return bool(np.median((away_NP <= _BORDER_NEAR).mean(axis=1)) >= _BORDER_SHARE)


def sidedness(grey_NHW: Floats, labels_N: Labels) -> float:
    """How much of what tells images from their mirror images is common to their class: 0 nothing, 1 all.

    An unbiased estimate, so it is around 0 for classes without sides, whatever the number of images.

    Args:
        grey_NHW: brightness, of any range.
        labels_N: classes; those with one image tell nothing.
    """
    centred_NHW = grey_NHW - grey_NHW.mean(axis=(1, 2), keepdims=True)
    framed_NHW = np.pad(centred_NHW, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down_NHW = framed_NHW[:, 2:, 1:-1] - framed_NHW[:, :-2, 1:-1]
    right_NHW = framed_NHW[:, 1:-1, 2:] - framed_NHW[:, 1:-1, :-2]
    contrast_N = centred_NHW.std(axis=(1, 2))
    steepness_N = (down_NHW**2 + right_NHW**2).mean(axis=(1, 2))
    maps = (
        (centred_NHW, -1, contrast_N),
        (np.abs(centred_NHW), -1, contrast_N),
        (down_NHW * right_NHW, 1, steepness_N),  # a slope turns its sign in the mirror
    )
    return max(
        _common_share(_antisymmetric(map_NHW, sign) / np.maximum(spread_N, 1)[:, None], labels_N)
        for map_NHW, sign, spread_N in maps
    )


def _antisymmetric(map_NHW: Floats, sign: int) -> Floats:
    """A map less what its mirror image has of it, as means over 8×8 fields of the image."""
    n, height, width = map_NHW.shape
    rows = np.linspace(0, height, min(_GRID, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(_GRID, width) + 1).astype(int)[:-1]
    mirrored_NHW = map_NHW + sign * map_NHW[:, :, ::-1]
    fields_NHW: Floats = np.add.reduceat(np.add.reduceat(mirrored_NHW, rows, axis=1), columns, axis=2)
    return fields_NHW.reshape(n, -1)


def _common_share(map_ND: Floats, labels_N: npt.NDArray[np.int64]) -> float:
    common = total = 0.0
    for label in np.unique(labels_N):
        own_ND = map_ND[labels_N == label].astype(np.float64)
        n = len(own_ND)
        energy = float((own_ND**2).sum())
        if n > 1:
            # The mean product of two different images: what they share without what each has of its own.
            common += n * (float((own_ND.sum(axis=0) ** 2).sum()) - energy) / (n * (n - 1))
            total += energy
    return common / total if total else 0.0
