"""What endpoints answered and what people said about it: written behind the request, read by window or one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.predictions.blocks import Entries, Entry
    from pigeonhole.predictions.export import ExportedLog, export_log
    from pigeonhole.predictions.feedback import add_feedback
    from pigeonhole.predictions.log import PredictionLog
    from pigeonhole.predictions.logged import LoggedRequest, read_images, read_requests
    from pigeonhole.predictions.retention import Limits
    from pigeonhole.predictions.window import NO_LABEL, Window, read_window

__all__ = [
    "NO_LABEL",
    "Entries",
    "Entry",
    "ExportedLog",
    "Limits",
    "LoggedRequest",
    "PredictionLog",
    "Window",
    "add_feedback",
    "export_log",
    "read_images",
    "read_requests",
    "read_window",
]
_HOMES = {
    "Entries": "blocks",
    "Entry": "blocks",
    "ExportedLog": "export",
    "Limits": "retention",
    "LoggedRequest": "logged",
    "PredictionLog": "log",
    "add_feedback": "feedback",
    "export_log": "export",
    "read_images": "logged",
    "read_requests": "logged",
}


def __getattr__(name: str) -> Any:
    """Loads a name on first use (PEP 562), so that the command line's help does not wait for numpy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'window')}"), name)
