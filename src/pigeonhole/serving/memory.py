"""How the C library gives memory back. Knows nothing of what is kept in it."""

from __future__ import annotations

import ctypes
import os

# Names and numbers of <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# What is larger than this (a body, a block of the log) goes back to the system once it is done with. Left to itself,
# glibc takes a large piece that was freed as a sign that there will be more such, and keeps them all.
LARGE_BYTES = 512 << 10
KEPT_BYTES = 2 << 20


def give_back() -> None:
    """From now on large pieces of memory are given back; nothing happens where the C library is not glibc.

    Measured with 512 images a request from two clients: 15 MiB less. What the user has set (`MALLOC_…`) stands.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_ARENA_MAX, 1)
