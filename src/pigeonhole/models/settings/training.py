"""All of how a network is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pigeonhole.core.spec import Spec
from pigeonhole.models.settings.augmentation import Augmentation, recipe
from pigeonhole.models.settings.early_stopping import EarlyStopping
from pigeonhole.models.settings.numbers import Count, NotNegative, Share
from pigeonhole.models.settings.optimizer import Optimizer
from pigeonhole.models.settings.schedule import Schedule
from pigeonhole.models.settings.views import Views


class Training(Spec):
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step. Every image is seen once a pass: the last batches share what is left, so none
            is much smaller than the others.
        min_steps: the least steps an epoch has; a small dataset is passed over several times an epoch to get there.
        optimizer: how weights move.
        schedule: how the learning rate goes.
        augment: a named recipe, or its numbers; `auto` chooses the recipe from the training images.
        test_time_augmentation: views over which the probabilities of an image are averaged, in validation, in
            `probabilities` and in the exported bundle.
        label_smoothing: share of the target probability spread over all classes.
        class_weight: `balanced` weighs each image by n / (K·n_k), for n training images, n_k of its class, and K
            classes that have any, so that every class pulls alike and the mean weight is 1. Only what is minimised is
            weighed: recorded losses are those of the images as they are, and stay comparable.
        global_clipnorm: gradients are scaled down together where the norm of all of them is larger, as under this
            name in Keras (whose `clipnorm` looks at each weight by itself); 0 never scales.
        ema_decay: decay by step of the moving average of the weights that is validated and kept; 0 keeps the weights
            themselves.
        early_stopping: when to stop, and which epoch counts as the best.
        precision: `auto` is bf16 where the processor has it, else fp32.
        keep_checkpoints: how many of the newest checkpoints stay on disk, besides the best; `None` keeps all.
        checkpoint_every_s: seconds between checkpoints inside a long epoch, each in place of the one before; `None`
            writes none there. After every epoch one is written in any case.
    """

    epochs: Count = 10
    batch_size: Count = 128
    min_steps: Annotated[int, Field(ge=1, le=10_000)] = 1
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    augment: Annotated[Augmentation, BeforeValidator(recipe)] = Augmentation()
    test_time_augmentation: Views = Views()
    label_smoothing: Share = 0.0
    class_weight: Literal["none", "balanced"] = "none"
    global_clipnorm: NotNegative = 0.0
    ema_decay: Share = 0.0
    early_stopping: EarlyStopping = EarlyStopping()
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    keep_checkpoints: Count | None = None
    checkpoint_every_s: NotNegative | None = 60.0
