"""A bundle as a folder that runs elsewhere: with pip, as an image, on Kubernetes, under KServe. Starts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.packaging.plan import Plan, make_plan
    from pigeonhole.packaging.writing import Package, write

__all__ = ["Package", "Plan", "make_plan", "write"]
_HOME = {"Package": "writing", "Plan": "plan", "make_plan": "plan", "write": "writing"}

__getattr__ = lazy(__name__, _HOME)
