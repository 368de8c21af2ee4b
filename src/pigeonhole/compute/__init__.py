"""Runs jobs: in local processes, on Ray, on Azure ML. Knows nothing of machine learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.compute.job import CanceledError, Compute, Conversation, Event, Job, Outcome, Report, State

if TYPE_CHECKING:
    from pigeonhole.compute.local import LocalCompute

__all__ = ["CanceledError", "Compute", "Conversation", "Event", "Job", "LocalCompute", "Outcome", "Report", "State"]


def __getattr__(name: str) -> object:
    # The keeper and the workers need the contract alone, and start the faster for it.
    if name == "LocalCompute":
        from pigeonhole.compute.local import LocalCompute

        return LocalCompute
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
