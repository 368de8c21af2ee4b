"""Which images make a step, and their way from uint8 in memory (or mapped from disk) to normalised tensors.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pigeonhole.core.seeds import derive
from pigeonhole.models.trained import Images

_SAMPLE = 10_000
_PIECE = 2**20  # values
_LEAST_SD = 1 / 255  # a dataset of one flat colour has none


@dataclass(frozen=True)
class Plan:
    """How the images of an epoch are dealt into steps.

    Attributes:
        n_images: training images.
        passes: how often each is seen in an epoch.
        steps: steps an epoch.
    """

    n_images: int
    passes: int
    steps: int

    @classmethod
    def of(cls, n_images: int, batch_size: int, min_steps: int) -> Plan:
        """Batches of at most `batch_size`, nearly equal; more passes where one would give too few steps."""
        passes = 1 if min_steps <= 1 else max(1, math.ceil(min_steps * batch_size / n_images))
        return cls(n_images, passes, math.ceil(passes * n_images / batch_size))

    @property
    def largest_step(self) -> int:
        """Images in the largest step."""
        return math.ceil(self.passes * self.n_images / self.steps)

    def deal(self, seed: int, epoch: int, done: int = 0) -> Iterator[npt.NDArray[np.int64]]:
        """The rows of each step of an epoch after `done` steps, in an order that only `seed` and `epoch` decide."""
        random = np.random.default_rng(derive(seed, "epoch", epoch, "order"))
        rows = np.concatenate([random.permutation(self.n_images) for _ in range(self.passes)])
        # Equal shares: a last batch of one or two images would give batch normalisation noise to learn from.
        yield from np.array_split(rows, self.steps)[done:]


@dataclass(frozen=True)
class Normalizer:
    """Brightness 0–255 → mean 0, standard deviation 1 over the training images, by channel.

    Attributes:
        mean_C: in 0–255.
        sd_C: in 0–255.
    """

    mean_C: tuple[float, ...]
    sd_C: tuple[float, ...]

    @classmethod
    def of(cls, images_NHWC: Images) -> Normalizer:
        """From at most 10,000 images, evenly spaced; more would move the third digit."""
        totals = [(len(piece_PC), piece_PC.sum(axis=0)) for piece_PC in _pieces(images_NHWC)]
        pixels = sum(n for n, _ in totals)
        mean_C = np.sum([total_C for _, total_C in totals], axis=0) / pixels
        squares_C = np.sum([np.square(piece_PC - mean_C).sum(axis=0) for piece_PC in _pieces(images_NHWC)], axis=0)
        sd_C = np.sqrt(squares_C / pixels)
        return cls(tuple(map(float, mean_C)), tuple(float(max(sd, 255 * _LEAST_SD)) for sd in sd_C))

    def tensors(self, device: str) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, shaped to stand beside images_NCHW."""
        return (
            torch.tensor(self.mean_C, dtype=torch.float32, device=device).view(1, -1, 1, 1),
            torch.tensor(self.sd_C, dtype=torch.float32, device=device).view(1, -1, 1, 1),
        )


def _pieces(images_NHWC: Images) -> Iterator[npt.NDArray[np.float64]]:
    """The sampled images' pixels (P, C), few at a time: however large the images are, they take up some 8 MB."""
    every = -(-len(images_NHWC) // _SAMPLE)
    stride = every * max(1, _PIECE // math.prod(images_NHWC.shape[1:]))
    for start in range(0, len(images_NHWC), stride):
        yield images_NHWC[start : start + stride : every].reshape(-1, images_NHWC.shape[3]).astype(np.float64)


class Loader:
    """Batches of one split on the device, as normalised float images in channels-last memory.

    On CUDA the images' bytes stay on the device where they leave room for the training. From a memory map a batch's
    rows are gathered as they are asked for: 0.1 ms for 128 random images of 28×28 that the system has cached. The
    system reads ahead from a disk, so a file that fits into memory is there after the first hundreds of steps.

    Args:
        images_NHWC: in memory or memory-mapped.
        normalizer: its means and deviations.
        device: `cpu` or `cuda`.
    """

    def __init__(self, images_NHWC: Images, normalizer: Normalizer, device: str) -> None:
        self.images_NHWC = images_NHWC
        self.device = device
        self.mean, self.sd = normalizer.tensors(device)
        self._resident = _put_on_device(images_NHWC) if device == "cuda" and _leaves_room(images_NHWC) else None

    @property
    def is_resident(self) -> bool:
        """Whether all images are on the device."""
        return self._resident is not None

    def take(self, rows: npt.NDArray[np.int64] | slice) -> Tensor:
        """The images of `rows` as (N, C, H, W)."""
        x_NHWC = self._gathered(rows) if self._resident is None else self._resident[self._index(rows)]
        # A copy also of what is float32 already: the next two steps write into it.
        return x_NHWC.permute(0, 3, 1, 2).to(torch.float32, copy=True).sub_(self.mean).div_(self.sd)

    def on_device(self, rows_N: npt.NDArray[np.int64]) -> Tensor:
        """Row numbers on the device, without waiting for it."""
        return torch.from_numpy(rows_N).to(self.device, non_blocking=True)

    def in_order(self, batch_size: int) -> Iterator[Tensor]:
        """All images, first to last."""
        for start in range(0, len(self.images_NHWC), batch_size):
            yield self.take(slice(start, start + batch_size))

    def _index(self, rows: npt.NDArray[np.int64] | slice) -> Tensor | slice:
        return rows if isinstance(rows, slice) else self.on_device(rows)

    def _gathered(self, rows: npt.NDArray[np.int64] | slice) -> Tensor:
        batch = np.ascontiguousarray(self.images_NHWC[rows])
        if not batch.flags.writeable:  # a slice of a read-only memory map; torch wants to own what it wraps
            batch = batch.copy()
        x_NHWC = torch.from_numpy(batch)  # crosses as bytes: a quarter of the floats
        return x_NHWC if self.device == "cpu" else x_NHWC.pin_memory().to(self.device, non_blocking=True)


def _leaves_room(images_NHWC: Images) -> bool:
    """Whether the images take up less than half of what is free on the device."""
    free_bytes, _ = torch.cuda.mem_get_info()
    return images_NHWC.nbytes * 2 < free_bytes


def _put_on_device(images_NHWC: Images) -> Tensor:
    """All images (N, H, W, C) on the device as they are, moved in pieces: a memory map is never whole in memory."""
    own_type = torch.uint8 if images_NHWC.dtype == np.uint8 else torch.float32
    resident = torch.empty(images_NHWC.shape, dtype=own_type, device="cuda")
    for start in range(0, len(images_NHWC), _SAMPLE):
        piece = np.array(images_NHWC[start : start + _SAMPLE])
        resident[start : start + len(piece)].copy_(torch.from_numpy(piece))
    return resident
