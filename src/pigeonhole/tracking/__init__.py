"""Run folders, which are the truth about trainings; MLflow mirrors them and holds the registry of models."""

from __future__ import annotations

from pigeonhole.tracking.run import Run
from pigeonhole.tracking.runs import Runs

__all__ = ["Run", "Runs"]
