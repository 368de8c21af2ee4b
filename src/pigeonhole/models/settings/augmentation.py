"""How training images are changed at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from pigeonhole.core.spec import Spec
from pigeonhole.models.settings.numbers import Share

# Named recipes of whole-batch augmentation. A spec keeps the numbers, so that a later change of a recipe
# changes no run that was made before.
AUGMENTATIONS: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "affine-light": {"rotate_degrees": 12.0, "scale": 0.1, "shift": 0.08},
}


class Augmentation(Spec):
    """Random changes of the training images, each drawn anew for every image in every epoch; 0 switches one off.

    Attributes:
        rotate_degrees: turned by up to so much, either way.
        scale: larger or smaller by up to this share.
        shift: moved by up to this share of the height and of the width.
        shear_degrees: slanted by up to so much, either way.
    """

    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Share = 0.0
    shift: Share = 0.0
    shear_degrees: Annotated[float, Field(ge=0, lt=80)] = 0.0


def recipe(value: Any) -> Any:
    """The numbers of a named recipe; anything else stays as it is."""
    if not isinstance(value, str):
        return value
    if value not in AUGMENTATIONS:
        raise ValueError(f"one of {', '.join(AUGMENTATIONS)}, or a mapping, is accepted")
    return dict(AUGMENTATIONS[value])
