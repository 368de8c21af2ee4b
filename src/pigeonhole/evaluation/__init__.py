"""Pure functions of labels and probabilities: metrics with intervals, confusion, calibration, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.evaluation.comparison import Comparison, compare
    from pigeonhole.evaluation.confidence import Calibration, calibration, fit_temperature
    from pigeonhole.evaluation.figures import Evaluation, GroupAccuracy, evaluate
    from pigeonhole.evaluation.interval import Interval, wilson
    from pigeonhole.evaluation.showing import rows_to_show

__all__ = [
    "Calibration",
    "Comparison",
    "Evaluation",
    "GroupAccuracy",
    "Interval",
    "calibration",
    "compare",
    "evaluate",
    "fit_temperature",
    "rows_to_show",
    "wilson",
]

_HOMES = {
    "Calibration": "confidence",
    "Comparison": "comparison",
    "Evaluation": "figures",
    "GroupAccuracy": "figures",
    "Interval": "interval",
    "calibration": "confidence",
    "compare": "comparison",
    "evaluate": "figures",
    "fit_temperature": "confidence",
    "rows_to_show": "showing",
    "wilson": "interval",
}


def __getattr__(name: str) -> Any:
    """Loads a name on first use (PEP 562), so that the command line's help does not wait for numpy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
