"""timm's networks by name: whether there is one, what is noted of its weights, and one built. Downloads nothing, ever.

Axes: H height, W width.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import NotFoundError
from pigeonhole.models.layers import ShapeProblem, shape_text
from pigeonhole.models.networks.transfer.timm_import import timm

Channels = tuple[float, float, float]


class Measured(NamedTuple):
    """What a network is like for images of one size.

    Attributes:
        features: numbers that it gives an image.
        n_parameters: numbers in it that training can change.
        n_statistics: numbers that it keeps besides, such as running means.
        outstrides: whether some convolution steps further than its input is wide or high.
    """

    features: int
    n_parameters: int
    n_statistics: int
    outstrides: bool


def name_problem(name: str) -> str | None:
    """What is wrong with a name, or `None`; the closest one is suggested."""
    known = _names()
    if name in known:
        return None
    return f"timm {timm().__version__} has no model {name!r}{suggestion(name, known)}"


def refuse_unknown(name: str) -> None:
    """Refuses what is no name.

    Raises:
        NotFoundError: this timm has no such model.
    """
    problem = name_problem(name)
    if problem is not None:
        raise NotFoundError(
            problem,
            "a name of timm.list_models(), with or without the tag of published weights (resnet18, resnet18.a1_in1k)",
            "correct the name, or install another release of timm",
        )


def normalization(name: str) -> tuple[Channels, Channels]:
    """Mean and standard deviation of red, green and blue, 0 to 1, that its published weights were trained with."""
    noted = _noted(name)
    return tuple(map(float, noted["mean"])), tuple(map(float, noted["std"]))  # type: ignore[return-value]


def where_published(name: str) -> str:
    """Where a person finds weights for it, in words."""
    place = _noted(name).get("hf_hub_id")
    if not place:
        return f"save them with timm where {name} was trained, and give that file"
    return f"{name} is published as {place} on the Hugging Face Hub; fetch its model.safetensors, and give that file"


def build(name: str, size_HW: tuple[int, int], classes: int = 0) -> nn.Module:
    """An untrained network for colour images, with first weights from torch's current random state.

    Args:
        name: a model of timm.
        size_HW: the images' height and width; most networks take any.
        classes: outputs of its head; 0 leaves the head out, and features come out.

    Raises:
        NotFoundError: this timm has no such model.
    """
    refuse_unknown(name)
    size = {"img_size": size_HW} if _noted(name).get("fixed_input_size") else {}
    network: nn.Module = timm().create_model(name, pretrained=False, num_classes=classes, **size)
    return network


@cache
def measure(name: str, size_HW: tuple[int, int]) -> Measured:
    """What it is like for images of a size, from a network without numbers in it; no random state is touched.

    Raises:
        NotFoundError: this timm has no such model.
        ShapeProblem: it does not take such images, or gives no features.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.inference_mode():
        try:
            network = build(name, size_HW).eval()
            outstriding = _watch_strides(network)
            features = network(torch.empty(1, 3, *size_HW))
        except (RuntimeError, ValueError, AssertionError, ArithmeticError, IndexError) as error:
            height, width = _noted(name)["input_size"][1:]
            raise ShapeProblem(
                f"images of another size: {name} was made for {height}×{width};"
                f" try `image_size: {height}`, which resizes them inside the network"
                f" ({type(error).__name__}: {' '.join(str(error).split())[:160]})"
            ) from error
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        shape = shape_text(tuple(features.shape[1:])) if isinstance(features, torch.Tensor) else "something else"
        raise ShapeProblem(f"a model that gives a row of features for an image; {name} gives {shape}")
    kept = sum(value.numel() for value in network.state_dict().values() if value.is_floating_point())
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return Measured(features.shape[1], n_parameters, kept - n_parameters, bool(outstriding))


def _watch_strides(network: nn.Module) -> list[nn.Module]:
    """A list that will hold each convolution whose input was smaller than its stride."""
    found: list[nn.Module] = []

    def look(module: nn.Conv2d, inputs: tuple[torch.Tensor, ...]) -> None:
        if any(extent < stride for extent, stride in zip(inputs[0].shape[2:], module.stride, strict=True)):
            found.append(module)

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(look)
    return found


@cache
def _names() -> tuple[str, ...]:
    """All names, with and without the tags of published weights."""
    return tuple(sorted({*timm().list_models(), *timm().list_models(pretrained=True)}))


def _noted(name: str) -> dict[str, Any]:
    """What timm notes of a model's weights: mean, std, input size, whether that is fixed."""
    noted = timm().get_pretrained_cfg(name) or timm().models.PretrainedCfg()
    return dict(noted.to_dict())
