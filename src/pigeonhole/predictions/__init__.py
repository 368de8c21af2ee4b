"""What endpoints answered and what people said about it: written behind the request, read by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.predictions.feedback import add_feedback
    from pigeonhole.predictions.log import Entry, PredictionLog
    from pigeonhole.predictions.window import NO_LABEL, Window, read_window

__all__ = ["NO_LABEL", "Entry", "PredictionLog", "Window", "add_feedback", "read_window"]
_HOMES = {"Entry": "log", "PredictionLog": "log", "add_feedback": "feedback"}


def __getattr__(name: str) -> Any:
    """Loads a name on first use (PEP 562), so that the command line's help does not wait for numpy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'window')}"), name)
