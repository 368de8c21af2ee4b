"""The prediction log in, signals out: load, latency, errors, what the model says, and how often it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.monitoring.measuring import LiveAccuracy, Signals, signals
    from pigeonhole.monitoring.records import keep, kept

__all__ = ["LiveAccuracy", "Signals", "keep", "kept", "signals"]


def __getattr__(name: str) -> Any:
    """Loads a name on first use (PEP 562), so that the command line's help does not wait for numpy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pigeonhole.monitoring import measuring, records

    return getattr(records if name in ("keep", "kept") else measuring, name)
