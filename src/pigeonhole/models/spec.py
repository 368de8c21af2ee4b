"""The specs of models: what a preset file holds, how a network is trained, and a model ready to be fitted.

Holds no defaults of any particular preset and trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pigeonhole.core.spec import Spec

Scalar = bool | int | float | str
Kind = Literal["network", "estimator"]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

# Named recipes of whole-batch augmentation. A spec keeps the numbers, so that a later change of a recipe
# changes no run that was made before.
AUGMENTATIONS: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "affine-light": {"rotate_degrees": 12.0, "scale": 0.1, "shift": 0.08},
}


class Parameter(Spec):
    """One knob of a preset: the same name serves `--set`, a search space and `ImageClassifier`.

    Attributes:
        default: its value when nobody sets it; its type is the parameter's type.
        meaning: one line, with the unit.
        low: the least value, or `None`.
        high: the greatest value, or `None`.
        choices: the only values, or `None`.
    """

    name: str
    default: Scalar
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] | None = None


class Optimizer(Spec):
    """How weights move. Weight decay applies to kernels only, never to biases and normalisation.

    Attributes:
        name: `sgd`, `adam` (no decoupled decay: `weight_decay` is L2 in the gradient, as in Keras' regularisers) or
            `adamw`.
        learning_rate: the highest rate; the schedule multiplies it.
        momentum: for `sgd`.
        nesterov: for `sgd` with momentum.
        weight_decay: per step, times the learning rate.
        beta_1: for `adam` and `adamw`.
        beta_2: for `adam` and `adamw`.
        epsilon: for `adam` and `adamw`.
    """

    name: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: Positive = 1e-3
    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7


class Schedule(Spec):
    """How the learning rate goes over the whole training, as a share of the optimizer's.

    Attributes:
        name: `constant`; `one-cycle` (a line up, half a cosine down) or `linear` (a line up, a line down).
        warmup: share of all steps on the way up.
        final: the share of the learning rate that is left at the end.
    """

    name: Literal["constant", "one-cycle", "linear"] = "constant"
    warmup: Share = 0.0
    final: Annotated[float, Field(ge=0, le=1)] = 0.0


class EarlyStopping(Spec):
    """When to stop, and which epoch counts as the best.

    Attributes:
        monitor: what decides; of equal accuracies the lower loss wins.
        patience: epochs without a better one before training stops; 0 never stops early.
    """

    monitor: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"
    patience: Annotated[int, Field(ge=0)] = 0


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


def _recipe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in AUGMENTATIONS:
        raise ValueError(f"one of {', '.join(AUGMENTATIONS)}, or a mapping, is accepted")
    return dict(AUGMENTATIONS[value])


class Training(Spec):
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step. Every image is seen once a pass: the last batches share what is left, so none
            is much smaller than the others.
        min_steps: the least steps an epoch has; a small dataset is passed over several times an epoch to get there.
        optimizer: how weights move.
        schedule: how the learning rate goes.
        augment: a named recipe, or its numbers.
        label_smoothing: share of the target probability spread over all classes.
        ema_decay: decay by step of the moving average of the weights that is validated and kept; 0 keeps the weights
            themselves.
        early_stopping: when to stop, and which epoch counts as the best.
        precision: `auto` is bf16 where the processor has it, else fp32.
        keep_checkpoints: how many of the newest checkpoints stay on disk, besides the best; `None` keeps all.
    """

    epochs: Count = 10
    batch_size: Count = 128
    min_steps: Count = 1
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    augment: Annotated[Augmentation, BeforeValidator(_recipe)] = Augmentation()
    label_smoothing: Share = 0.0
    ema_decay: Share = 0.0
    early_stopping: EarlyStopping = EarlyStopping()
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    keep_checkpoints: Count | None = None


class PresetFile(Spec):
    """A preset, or a user's own spec, as it stands in YAML; `$name` stands for a parameter's value."""

    type: Kind
    summary: str = ""
    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict)
    layers: list[Any] | None = None
    training: dict[str, Any] = Field(default_factory=dict)
    estimator: dict[str, Any] | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A model ready to be fitted: every setting has its value.

    Attributes:
        model: the preset's key, or the path of the user's spec.
        kind: `network` or `estimator`.
        parameters: the preset's parameters with their values.
        layers: a network's layers, each setting written out; `()` for an estimator.
        training: a network's training settings; `None` for an estimator.
        estimator: `{"name": …, settings…}`; `None` for a network.
    """

    model: str
    kind: Kind
    parameters: Mapping[str, Scalar]
    layers: Sequence[Any] = ()
    training: Training | None = None
    estimator: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON that `from_dict` reads back."""
        common = {"model": self.model, "kind": self.kind, "parameters": dict(self.parameters)}
        if self.training is not None:
            return {**common, "layers": list(self.layers), "training": self.training.model_dump(mode="json")}
        return {**common, "estimator": dict(self.estimator or {})}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ModelSpec:
        """The spec that `to_dict` wrote."""
        training = Training.model_validate(value["training"]) if value["kind"] == "network" else None
        return cls(
            value["model"],
            value["kind"],
            dict(value["parameters"]),
            tuple(value.get("layers", ())),
            training,
            value.get("estimator"),
        )
