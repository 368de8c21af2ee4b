"""Where each image of a source stands, in the user's words, without a text an image in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import overload


class Numbered(Sequence[str]):
    """`train.csv row 2`, `train.csv row 3`, …: made only when asked for.

    Args:
        words: what stands before the number.
        start: the first number.
        count: how many there are.
    """

    def __init__(self, words: str, start: int, count: int) -> None:
        self._words = words
        self._numbers = range(start, start + count)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [f"{self._words} {number}" for number in self._numbers[place]]
        return f"{self._words} {self._numbers[place]}"


class Origins:
    """The origins of all images of a source, chunk after chunk."""

    def __init__(self) -> None:
        self._parts: list[Sequence[str]] = []
        self._starts: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> str:
        part = bisect_right(self._starts, row) - 1
        return self._parts[part][row - self._starts[part]]

    def append(self, part: Sequence[str]) -> None:
        """Adds the origins of the next images."""
        self._starts.append(self._count)
        self._parts.append(part)
        self._count += len(part)

    def batches(self, size: int) -> Iterator[list[str]]:
        """All of them in order, `size` at a time and the rest at the end."""
        for start in range(0, self._count, size):
            yield [self[row] for row in range(start, min(start + size, self._count))]
