"""Some rows of a large array of images, gathered only when they are asked for. Copies nothing whole.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pigeonhole.models.trained import Images

GATHERED_BYTES = 256 * 2**20


class Selection:
    """Rows of an array, with as much of an array's manners as training needs: shape, length, and rows by number.

    Args:
        images_NHWC: most likely a memory map.
        rows_N: which of them, in order.
    """

    def __init__(self, images_NHWC: Images, rows_N: npt.NDArray[np.int64]) -> None:
        self.base = images_NHWC
        self.rows_N = rows_N
        self.shape = (len(rows_N), *images_NHWC.shape[1:])
        self.dtype = images_NHWC.dtype
        self.ndim = images_NHWC.ndim
        self.nbytes = int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.rows_N)

    def __getitem__(self, which: Any) -> Images:
        """The images of a slice or of row numbers, in memory."""
        gathered: Images = self.base[self.rows_N[which]]
        return gathered

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All of them, in memory."""
        if copy is False:
            raise ValueError("a selection is gathered, and so always copied")
        return self[:].astype(dtype or self.dtype, copy=False)


def select(images_NHWC: Images, rows_N: npt.NDArray[np.int64]) -> Images:
    """The images of `rows_N` (ascending): a view where they are consecutive, gathered into memory where that is little.

    Else a `Selection`, which trains a network without being in memory. Whatever wants a true array of it (an
    estimator does, for it is fitted in one go) calls `np.asarray`.
    """
    if len(rows_N) and rows_N[-1] - rows_N[0] + 1 == len(rows_N):
        return images_NHWC[rows_N[0] : rows_N[-1] + 1]
    selection = Selection(images_NHWC, rows_N)
    return selection[:] if selection.nbytes <= GATHERED_BYTES else cast("Images", selection)
