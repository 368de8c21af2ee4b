"""Bundles behind HTTP, on ONNX Runtime alone: no training framework, no table library, no registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.serving.auth import hash_key
    from pigeonhole.serving.config import ServedDeployment, ServingConfig
    from pigeonhole.serving.server import run

__all__ = ["ServedDeployment", "ServingConfig", "hash_key", "run"]
_HOME = {"ServedDeployment": "config", "ServingConfig": "config", "hash_key": "auth", "run": "server"}

__getattr__ = lazy(__name__, _HOME)
