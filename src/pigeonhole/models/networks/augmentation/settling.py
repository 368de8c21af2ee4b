"""`augment: auto` → numbers, once for a training: a resumed one goes on with those it began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pigeonhole.models.networks.augmentation.choosing import choose
from pigeonhole.models.settings import AUGMENTATIONS, Augmentation
from pigeonhole.models.trained import TrainingData

_STRONGER = {"affine-light": "affine"}


@dataclass(frozen=True)
class Settled:
    """How the images of one training are changed.

    Attributes:
        augment: the numbers; never `auto`.
        why: recipe and reason, in one line, where the images decided; else `None`.
    """

    augment: Augmentation
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON for a checkpoint."""
        return {"augment": self.augment.model_dump(mode="json"), "why": self.why}


def settle(asked: Augmentation, data: TrainingData, saved: Mapping[str, Any]) -> Settled:
    """What was asked for, or what the training images suggest where that was `auto`.

    Args:
        asked: of the spec.
        data: of which only training images and labels are looked at.
        saved: the state of this training's own checkpoint, or nothing; what stands there holds.
    """
    if not asked.auto:
        return Settled(asked)
    kept = saved.get("augmentation")
    if kept is not None:
        return Settled(Augmentation.model_validate(kept["augment"]), kept["why"])
    choice = choose(data.train_images_NHWC, data.train_labels_N)
    recipe = _STRONGER.get(choice.recipe, choice.recipe) if asked.strong else choice.recipe
    augment = Augmentation(**AUGMENTATIONS[recipe])
    numbers = ", ".join(f"{name} {value:g}" for name, value in augment.model_dump(exclude_defaults=True).items())
    return Settled(augment, f"{recipe} ({choice.reason}: {numbers})")
