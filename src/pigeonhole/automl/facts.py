"""What a search knows of its images: shapes and counts, never names. Reads nothing itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """The data of a search.

    Attributes:
        train_images: that a candidate may learn from when it gets all.
        held_out_images: that it is scored on.
        shape_HWC: of an image.
        classes: K.
        folds: of cross-validation; `None` where the validation split is the hold-out.
        slots: fits at once.
    """

    train_images: int
    held_out_images: int
    shape_HWC: tuple[int, int, int]
    classes: int
    folds: int | None
    slots: int

    @property
    def rungs(self) -> tuple[int, ...]:
        """How many images a candidate gets, from its first try to all of them: each about five times the one before."""
        sizes = [self.train_images]
        least = max(_LEAST_IMAGES, _LEAST_A_CLASS * self.classes)
        while sizes[0] // _FACTOR >= least:
            sizes.insert(0, sizes[0] // _FACTOR)
        return tuple(sizes)


_FACTOR = 5
_LEAST_IMAGES = 500
_LEAST_A_CLASS = 20
