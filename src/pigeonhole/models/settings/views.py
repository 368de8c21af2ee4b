"""From how many places a finished network looks at an image."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pigeonhole.core.spec import Spec


class Views(Spec):
    """The views of an image over which its probabilities are averaged; as set here there is one, the image itself.

    Attributes:
        shifts: moved by 1 to so many pixels along both diagonals, which is four views more for each.
        flip: each view mirrored left to right too, which is twice as many.
    """

    shifts: Annotated[int, Field(ge=0, le=4)] = 0
    flip: bool = False

    @property
    def count(self) -> int:
        """How many there are."""
        return (1 + 4 * self.shifts) * (2 if self.flip else 1)
