"""The bundle: all that is needed to predict, in one folder that executes no code on loading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.bundle.bundle import Bundle, Prediction
    from pigeonhole.bundle.format import FORMAT, FORMAT_VERSION, load, read_manifest, write
    from pigeonhole.bundle.normal import describe_normal

__all__ = ["FORMAT", "FORMAT_VERSION", "Bundle", "Prediction", "describe_normal", "load", "read_manifest", "write"]
_HOMES = {"Bundle": "bundle", "Prediction": "bundle", "describe_normal": "normal"}


def __getattr__(name: str) -> Any:
    """Loads a name on first use (PEP 562), so that the command line's help does not wait for numpy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'format')}"), name)
