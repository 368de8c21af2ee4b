"""How training images are changed at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from pigeonhole.core.spec import Spec, suggestion
from pigeonhole.models.settings.numbers import NotNegative, Share

# Named recipes of whole-batch augmentation. A spec keeps the numbers, so that a later change of a recipe
# changes no run that was made before.
AUGMENTATIONS: Mapping[str, Mapping[str, Any]] = {
    "auto": {"auto": True},
    "auto-strong": {"auto": True, "strong": True},
    "none": {},
    "affine-light": {"rotate_degrees": 12.0, "scale": 0.1, "shift": 0.08},
    "affine": {"rotate_degrees": 15.0, "scale": 0.15, "shift": 0.1, "shear_degrees": 10.0},
    "elastic": {"rotate_degrees": 12.0, "scale": 0.1, "shift": 0.08, "elastic": 0.03},
    "photographs": {"flip": 0.5, "crop": 0.125},
}


class Augmentation(Spec):
    """Random changes of the training images, each drawn anew for every image in every epoch; 0 switches one off.

    Attributes:
        auto: chosen from the training images when a training begins; nothing but `strong` may be set beside it.
        strong: of the recipes that suit them, `auto` takes the stronger one, for trainings of many epochs.
        rotate_degrees: turned by up to so much, either way.
        scale: larger or smaller by up to this share.
        shift: moved by up to this share of the height and of the width.
        shear_degrees: slanted by up to so much, either way.
        elastic: each pixel moved by a smooth random field, whose standard deviation is this share of the height and
            of the width.
        elastic_smoothness: over what share of the height and of the width that field stays alike.
        flip: mirrored left to right with this probability.
        crop: cut out of a frame that mirrors the borders and is this share of the height and of the width wide; whole
            pixels.
        erase: a rectangle of up to this share of the height and of the width made as bright as the mean image.
        mixup: mixed with another image and its label; the parameter α of the Beta distribution of the shares.
    """

    auto: bool = False
    strong: bool = False
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Share = 0.0
    shift: Share = 0.0
    shear_degrees: Annotated[float, Field(ge=0, lt=80)] = 0.0
    elastic: Share = 0.0
    elastic_smoothness: Annotated[float, Field(ge=0.05, le=1)] = 0.14
    flip: Annotated[float, Field(ge=0, le=1)] = 0.0
    crop: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    erase: Share = 0.0
    mixup: NotNegative = 0.0

    @model_validator(mode="after")
    def _auto_alone(self) -> Augmentation:
        if self.auto and self != Augmentation.model_construct(auto=True, strong=self.strong):
            raise ValueError("`auto` chooses all of it; numbers are accepted without `auto` only")
        if self.strong and not self.auto:
            raise ValueError("`strong` says what `auto` chooses; it is accepted beside `auto: true` only")
        return self


def recipe(value: Any) -> Any:
    """The numbers of a named recipe; anything else stays as it is."""
    if not isinstance(value, str):
        return value
    if value not in AUGMENTATIONS:
        names = list(AUGMENTATIONS)
        raise ValueError(f"one of {', '.join(names)}, or a mapping, is accepted{suggestion(value, names)}")
    return dict(AUGMENTATIONS[value])
