"""Loads the package timm, also where torchvision, which it imports, does not fit this torch. Builds no network."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from typing import Any

import torch

from pigeonhole.core.errors import MissingDependencyError
from pigeonhole.core.optional import require

_EXTRA = "transfer"
# The operators that torchvision describes while it is imported, whether or not its compiled library was loaded.
_DESCRIBED = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_ABSENT = re.compile(r"operator torchvision::\w+ does not exist")


@cache
def timm() -> Any:
    """The module.

    Of torchvision timm's networks use plain Python only. Its compiled library is made for one build of torch; beside
    another (torch for the CPU, torchvision for CUDA) the import fails over operators that are not there. Then, and only
    then, they are declared, with nothing behind them: whoever calls one is told that it is not implemented.

    Raises:
        MissingDependencyError: timm or torchvision is not installed, or cannot be loaded.
    """
    if importlib.util.find_spec("timm") is not None:
        _load_torchvision()
    return require("timm", extra=_EXTRA)


def _load_torchvision() -> None:
    try:
        require("torchvision", extra=_EXTRA)
    except RuntimeError as error:
        if not _ABSENT.search(str(error)):
            raise _unusable(error) from error
        _declare_operators()
        try:
            require("torchvision", extra=_EXTRA)
        except RuntimeError as again:
            raise _unusable(again) from again


def _declare_operators() -> None:
    for name in _DESCRIBED:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", _SIGNATURE)


def _unusable(error: RuntimeError) -> MissingDependencyError:
    return MissingDependencyError(
        f"torchvision cannot be loaded beside torch {torch.__version__}: {str(error).strip()[:200]}",
        "a torchvision of the release that belongs to this torch, since timm imports it",
        "install the pair that https://github.com/pytorch/vision lists, then try again",
    )
