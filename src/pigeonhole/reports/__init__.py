"""Charts, pictures and offline pages from finished results; computes nothing that is not for drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.reports.automl.report import draw_automl
    from pigeonhole.reports.calibration import calibration_chart
    from pigeonhole.reports.comparison import comparison_chart
    from pigeonhole.reports.confusion import confusion_charts
    from pigeonhole.reports.grid import predictions_grid
    from pigeonhole.reports.groups import group_accuracy
    from pigeonhole.reports.learning_rate import learning_rate_chart
    from pigeonhole.reports.sweep.figures import ParameterFigures, SweepFigures, TrialFigures
    from pigeonhole.reports.sweep.report import sweep_report
    from pigeonhole.reports.training import training_curves

__all__ = [
    "ParameterFigures",
    "SweepFigures",
    "TrialFigures",
    "calibration_chart",
    "comparison_chart",
    "confusion_charts",
    "draw_automl",
    "group_accuracy",
    "learning_rate_chart",
    "predictions_grid",
    "sweep_report",
    "training_curves",
]

_HOMES = {
    "ParameterFigures": "sweep.figures",
    "SweepFigures": "sweep.figures",
    "TrialFigures": "sweep.figures",
    "calibration_chart": "calibration",
    "comparison_chart": "comparison",
    "confusion_charts": "confusion",
    "draw_automl": "automl.report",
    "group_accuracy": "groups",
    "learning_rate_chart": "learning_rate",
    "predictions_grid": "grid",
    "sweep_report": "sweep.report",
    "training_curves": "training",
}

__getattr__ = lazy(__name__, _HOMES)
