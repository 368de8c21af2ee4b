"""Run folders, which are the truth about trainings; MLflow mirrors them and holds the registry of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.tracking.background import Mirror
    from pigeonhole.tracking.mirror import sync
    from pigeonhole.tracking.model_version import ModelVersion
    from pigeonhole.tracking.registry import list_versions, promote, register, register_script, remove, resolve
    from pigeonhole.tracking.run import Run
    from pigeonhole.tracking.runs import Runs
    from pigeonhole.tracking.script_run import SCRIPT, ScriptRun
    from pigeonhole.tracking.store import open_client, require_mlflow

__all__ = [
    "SCRIPT",
    "Mirror",
    "ModelVersion",
    "Run",
    "Runs",
    "ScriptRun",
    "list_versions",
    "open_client",
    "promote",
    "register",
    "register_script",
    "remove",
    "require_mlflow",
    "resolve",
    "sync",
]

_HOMES = {
    "SCRIPT": "script_run",
    "Mirror": "background",
    "ModelVersion": "model_version",
    "Run": "run",
    "Runs": "runs",
    "ScriptRun": "script_run",
    "list_versions": "registry",
    "open_client": "store",
    "promote": "registry",
    "register": "registry",
    "register_script": "registry",
    "remove": "registry",
    "require_mlflow": "store",
    "resolve": "registry",
    "sync": "mirror",
}

__getattr__ = lazy(__name__, _HOMES)
