"""Running out of memory: telling it from other errors, and trying again with fewer images at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from pigeonhole.core.errors import BudgetError

ResultT = TypeVar("ResultT")
# How torch's CPU allocator and oneDNN say it, in plain RuntimeErrors.
_WORDS = ("can't allocate memory", "not enough memory", "could not create a memory object")


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the device or on the machine."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


def within_memory(attempt: Callable[[int], ResultT], at_once: int) -> tuple[ResultT, int]:
    """The result of `attempt(at_once)`, halving `at_once` for as long as memory runs out; and what it came to.

    Raises:
        BudgetError: memory runs out with one image at once.
    """
    while True:
        results = _tried(attempt, at_once)
        if results:
            return results[0], at_once
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # what is cached in pieces cannot serve a request for a whole
        if at_once == 1:
            raise BudgetError(
                "memory ran out with a single image at once",
                "a network that fits into memory with one image",
                "free some memory, or make the network or its images smaller",
            )
        at_once = (at_once + 1) // 2


def _tried(attempt: Callable[[int], ResultT], at_once: int) -> list[ResultT]:
    # A function of its own: only when the error is forgotten, with its frames, are the tensors in them freed.
    try:
        return [attempt(at_once)]
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        return []
