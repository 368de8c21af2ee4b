"""PyArrow columns made from buffers: `pa.array` looks for pandas first, and importing that takes longer than the rest.

Axes: N values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers(pa: Any, kind: str, values_N: NDArray[Any], valid_N: NDArray[np.bool_] | None = None) -> Any:
    """A column of numbers.

    Args:
        pa: PyArrow.
        kind: the name of its type and of NumPy's (`int64`, `float32`).
        values_N: the numbers.
        valid_N: where there is a number; `None` means everywhere.
    """
    exact = np.ascontiguousarray(values_N, dtype=kind)
    return pa.Array.from_buffers(getattr(pa, kind)(), len(exact), [_validity(pa, valid_N), pa.py_buffer(exact)])


def texts(pa: Any, values: Sequence[str], valid_N: NDArray[np.bool_] | None = None) -> Any:
    """A column of texts; `valid_N` as for `numbers`."""
    encoded = [text.encode() for text in values]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    buffers = [_validity(pa, valid_N), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(encoded), buffers)


def _validity(pa: Any, valid_N: NDArray[np.bool_] | None) -> Any:
    return None if valid_N is None else pa.py_buffer(np.packbits(valid_N, bitorder="little"))
