"""Presets, networks from a layer list, classical estimators, and one way to fit and load them all."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pigeonhole.models import presets as presets
    from pigeonhole.models.callbacks import Callback as Callback
    from pigeonhole.models.checkpoints import checkpoint_path as checkpoint_path
    from pigeonhole.models.fitting import fit as fit
    from pigeonhole.models.fitting import load as load
    from pigeonhole.models.rate_search import RateSearch as RateSearch
    from pigeonhole.models.rate_search import search_learning_rate as search_learning_rate
    from pigeonhole.models.resolving import preset_of as preset_of
    from pigeonhole.models.resolving import resolve as resolve
    from pigeonhole.models.selection import select as select
    from pigeonhole.models.spec import ModelSpec as ModelSpec
    from pigeonhole.models.summary import LayerRow as LayerRow
    from pigeonhole.models.summary import summarize as summarize
    from pigeonhole.models.trained import Observer as Observer
    from pigeonhole.models.trained import Trained as Trained
    from pigeonhole.models.trained import TrainingData as TrainingData
    from pigeonhole.models.trained import Unwatched as Unwatched

_WHERE = {
    "Callback": "callbacks",
    "checkpoint_path": "checkpoints",
    "fit": "fitting",
    "load": "fitting",
    "RateSearch": "rate_search",
    "search_learning_rate": "rate_search",
    "preset_of": "resolving",
    "resolve": "resolving",
    "select": "selection",
    "ModelSpec": "spec",
    "LayerRow": "summary",
    "summarize": "summary",
    "Observer": "trained",
    "Trained": "trained",
    "TrainingData": "trained",
    "Unwatched": "trained",
}

__all__ = [
    "Callback",
    "LayerRow",
    "ModelSpec",
    "Observer",
    "RateSearch",
    "Trained",
    "TrainingData",
    "Unwatched",
    "checkpoint_path",
    "fit",
    "load",
    "preset_of",
    "presets",
    "resolve",
    "search_learning_rate",
    "select",
    "summarize",
]


def __getattr__(name: str) -> Any:
    """Loads a public name on first use: pydantic costs 90 ms, torch over a second."""
    if name == "presets":
        return import_module("pigeonhole.models.presets")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"pigeonhole.models.{_WHERE[name]}"), name)
    globals()[name] = value
    return value
