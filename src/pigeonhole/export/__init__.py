"""A trained model, or an ONNX file made elsewhere, in; a bundle that was verified on real images out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.export.foreign import import_onnx as import_onnx
    from pigeonhole.export.own import to_bundle as to_bundle

_WHERE = {"import_onnx": "foreign", "to_bundle": "own"}
__all__ = ["import_onnx", "to_bundle"]


def __getattr__(name: str) -> Any:
    """Loads a public name on first use, since onnx and torch take a second."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"pigeonhole.export.{_WHERE[name]}"), name)
