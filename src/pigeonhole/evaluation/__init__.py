"""Pure functions of labels and probabilities: metrics with intervals, confusion, calibration, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

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

__getattr__ = lazy(__name__, _HOMES)
