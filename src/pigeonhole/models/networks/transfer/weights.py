"""A file of weights → a timm network that has no head, all names and shapes accounted for. Executes nothing in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pigeonhole.core.errors import DataError, listing
from pigeonhole.core.files import sha256_file
from pigeonhole.models.networks.checkpoints.checkpoint import copy_weights
from pigeonhole.models.networks.transfer.backbone import Backbone
from pigeonhole.models.networks.transfer.timm_import import timm
from pigeonhole.models.networks.transfer.timm_models import build

_COUNTER = "num_batches_tracked"  # what older files lack; it counts batches and computes nothing


def load_first_weights(network: nn.Module) -> None:
    """Puts into each timm layer the weights that its settings name; the other layers stay as they are.

    Raises:
        DataError: a file is another than when the spec was resolved, or does not fit; what does not fit is named.
    """
    for module in network.modules():
        if isinstance(module, Backbone) and module.layer.has_weights:
            _load(module)


def _load(backbone: Backbone) -> None:
    layer, path = backbone.layer, Path(backbone.layer.weights)
    tensors = read_weights(path, layer.sha256)
    own = backbone.network.state_dict()
    head = _head_names(backbone, own)
    problems = _differences(own, tensors, head)
    if problems:
        # Not as this timm saves them: perhaps as the authors of the model do, or for another image size.
        tensors = _converted(layer.name, tensors, backbone.network, path, problems)
        problems = _differences(own, tensors, head) and problems
    if problems:
        raise _unfit(path, layer.name, problems)
    copy_weights(own, {**own, **{name: tensor for name, tensor in tensors.items() if name in own}})


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """Name → tensor, as it stands in the file: safetensors, or torch's own format read as tensors only.

    Args:
        path: the file.
        sha256: what its hash must be; empty accepts any.

    Raises:
        DataError: it cannot be read, is another file, or holds more than tensors.
    """
    try:
        found = sha256_file(path)
        tensors: dict[str, Any] = timm().models.load_state_dict(str(path), weights_only=True)
    except Exception as error:  # torch.load raises whatever a file provokes
        raise DataError(
            f"{path} cannot be read as weights: {' '.join(str(error).split())[:300]}",
            "safetensors, or a torch file that holds nothing but tensors; a pickle that would run code is never loaded",
            "save the weights as safetensors (safetensors.torch.save_file(model.state_dict(), 'model.safetensors'))",
        ) from error
    if sha256 and found != sha256:
        raise DataError(
            f"{path} has the SHA-256 {found}",
            f"{sha256}, the file that this training was asked for",
            "put that file back, or start again with the new one",
        )
    if not tensors or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise DataError(
            f"{path} holds {'no weights' if not tensors else 'more than named tensors'}",
            "a state dict: name → tensor",
            "save model.state_dict() of the network, alone",
        )
    return tensors


def _head_names(backbone: Backbone, own: Mapping[str, Tensor]) -> set[str]:
    """What the network would have besides, were its head not left out."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        whole = build(backbone.layer.name, backbone.size_HW, classes=2)
    return set(whole.state_dict()) - set(own)


def _converted(
    name: str, tensors: Mapping[str, Tensor], network: nn.Module, path: Path, problems: list[str]
) -> dict[str, Tensor]:
    """The weights in the form that timm's own converter for this family of models gives them."""
    module = sys.modules[timm().model_entrypoint(name.partition(".")[0]).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None)
    if convert is None:
        return dict(tensors)
    try:
        converted: dict[str, Tensor] = convert(dict(tensors), network)
    except Exception as error:  # a converter takes for granted that the file is of its family
        raise _unfit(path, name, problems) from error
    return converted


def _differences(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], head: set[str]) -> list[str]:
    problems = []
    for name, tensor in own.items():
        if name not in tensors:
            if not name.endswith(_COUNTER):
                problems.append(f"{name}: missing, shape {tuple(tensor.shape)} is needed")
        elif tensors[name].shape != tensor.shape:
            problems.append(f"{name}: shape {tuple(tensors[name].shape)}, {tuple(tensor.shape)} is needed")
    return problems + [f"{name}: not in the network" for name in tensors if name not in own and name not in head]


def _unfit(path: Path, name: str, problems: list[str]) -> DataError:
    return DataError(
        f"{path} does not fit {name}:\n{listing(problems)}",
        f"the weights of {name}, with any head or none; the head is replaced",
        "name the model that these weights belong to, or give the file that belongs to this one",
    )
