"""Keeps torch from importing its compiler, which is not used here. Changes nothing of what is computed."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator

import torch

_MARK = "__dynamo_disable"


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """Inside it, or as a decorator, an optimizer is made without importing `torch._dynamo`.

    Torch hides `add_param_group` from its compiler, and imports the compiler to do so: 820 modules, 1.0 s of the start
    of every training and 0.3 s of its exit. The mark says that this is done already. Where a release of torch does
    not wrap the method, nothing is touched.
    """
    method = getattr(torch.optim.Optimizer.add_param_group, "__wrapped__", None)
    if method is None or hasattr(method, _MARK):
        yield
        return
    setattr(method, _MARK, method)
    try:
        yield
    finally:
        delattr(method, _MARK)


@torch.no_grad()
def take_step(optimizer: torch.optim.Optimizer) -> None:
    """`optimizer.step()`, without what torch wraps around it for its compiler, its profiler and hooks."""
    inspect.unwrap(type(optimizer).step)(optimizer)
