"""One bundle behind HTTP, on ONNX Runtime alone: no training framework, no table library, no registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.serving.auth import hash_key
    from pigeonhole.serving.config import ServingConfig
    from pigeonhole.serving.server import run

__all__ = ["ServingConfig", "hash_key", "run"]
_HOME = {"ServingConfig": "config", "hash_key": "auth", "run": "server"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
