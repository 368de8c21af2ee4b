"""pigeonhole: labelled images in, a monitored REST endpoint out, and round again when the world drifts.

Everything the command line does is one call from here, with the same names and results. The names are
loaded on first use (PEP 562), so `import pigeonhole` loads no framework.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name → where it lives: in `workflows`, or beside it where a dot leads up. A test holds this list: adding a
# name is a decision, removing one a break.
_PUBLIC = {
    "ImageClassifier": (".estimator", "ImageClassifier"),
    "automl": ("automl.request", "automl"),
    "batch": ("batch", "batch"),
    "compare_models": ("registry", "compare"),
    "compare_runs": ("runs", "compare"),
    "dataset": ("datasets", "dataset"),
    "deploy": ("deploy", "deploy"),
    "diff_datasets": ("datasets", "diff"),
    "doctor": ("doctor", "doctor"),
    "endpoint": ("endpoints", "endpoint"),
    "endpoint_history": ("endpoints", "history"),
    "endpoint_keys": ("endpoints", "keys"),
    "endpoint_logs": ("endpoints", "logs"),
    "evaluate": ("evaluate", "evaluate"),
    "export_dataset": ("datasets", "export"),
    "export_log": ("export_log", "export_log"),
    "find_learning_rate": ("learning_rate", "find_learning_rate"),
    "ingest": ("ingest", "ingest"),
    "lineage": ("lineage", "lineage"),
    "list_datasets": ("datasets", "list_datasets"),
    "list_endpoints": ("endpoints", "list_endpoints"),
    "list_models": ("registry", "list_models"),
    "list_presets": ("presets", "list_presets"),
    "list_runs": ("runs", "list_runs"),
    "model": ("registry", "model"),
    "monitor": ("monitor", "monitor"),
    "package": ("package", "package"),
    "pipeline": ("pipeline", "pipeline"),
    "predict": ("predict", "predict"),
    "preset": ("presets", "preset"),
    "promote": ("registry", "promote"),
    "register": ("register", "register"),
    "register_onnx": ("register", "register_onnx"),
    "register_script": ("register", "register_script"),
    "remove_dataset": ("datasets", "remove"),
    "remove_deployment": ("endpoints", "remove_deployment"),
    "remove_model": ("registry", "remove"),
    "remove_run": ("runs", "remove"),
    "rollback": ("endpoints", "rollback"),
    "run": ("runs", "run"),
    "sample": ("datasets", "sample"),
    "serve": ("serve", "serve"),
    "status": ("status", "status"),
    "stop": ("endpoints", "stop"),
    "sweep": ("sweep", "sweep"),
    "train": ("train", "train"),
    "update_endpoint": ("endpoints", "update"),
}

if TYPE_CHECKING:
    from pigeonhole.estimator import ImageClassifier as ImageClassifier
    from pigeonhole.workflows.automl.request import automl as automl
    from pigeonhole.workflows.batch import batch as batch
    from pigeonhole.workflows.datasets import dataset as dataset
    from pigeonhole.workflows.datasets import diff as diff_datasets
    from pigeonhole.workflows.datasets import export as export_dataset
    from pigeonhole.workflows.datasets import list_datasets as list_datasets
    from pigeonhole.workflows.datasets import remove as remove_dataset
    from pigeonhole.workflows.datasets import sample as sample
    from pigeonhole.workflows.deploy import deploy as deploy
    from pigeonhole.workflows.doctor import doctor as doctor
    from pigeonhole.workflows.endpoints import endpoint as endpoint
    from pigeonhole.workflows.endpoints import history as endpoint_history
    from pigeonhole.workflows.endpoints import keys as endpoint_keys
    from pigeonhole.workflows.endpoints import list_endpoints as list_endpoints
    from pigeonhole.workflows.endpoints import logs as endpoint_logs
    from pigeonhole.workflows.endpoints import remove_deployment as remove_deployment
    from pigeonhole.workflows.endpoints import rollback as rollback
    from pigeonhole.workflows.endpoints import stop as stop
    from pigeonhole.workflows.endpoints import update as update_endpoint
    from pigeonhole.workflows.evaluate import evaluate as evaluate
    from pigeonhole.workflows.export_log import export_log as export_log
    from pigeonhole.workflows.ingest import ingest as ingest
    from pigeonhole.workflows.learning_rate import find_learning_rate as find_learning_rate
    from pigeonhole.workflows.lineage import lineage as lineage
    from pigeonhole.workflows.monitor import monitor as monitor
    from pigeonhole.workflows.package import package as package
    from pigeonhole.workflows.pipeline import pipeline as pipeline
    from pigeonhole.workflows.predict import predict as predict
    from pigeonhole.workflows.presets import list_presets as list_presets
    from pigeonhole.workflows.presets import preset as preset
    from pigeonhole.workflows.register import register as register
    from pigeonhole.workflows.register import register_onnx as register_onnx
    from pigeonhole.workflows.register import register_script as register_script
    from pigeonhole.workflows.registry import compare as compare_models
    from pigeonhole.workflows.registry import list_models as list_models
    from pigeonhole.workflows.registry import model as model
    from pigeonhole.workflows.registry import promote as promote
    from pigeonhole.workflows.registry import remove as remove_model
    from pigeonhole.workflows.runs import compare as compare_runs
    from pigeonhole.workflows.runs import list_runs as list_runs
    from pigeonhole.workflows.runs import remove as remove_run
    from pigeonhole.workflows.runs import run as run
    from pigeonhole.workflows.serve import serve as serve
    from pigeonhole.workflows.status import status as status
    from pigeonhole.workflows.sweep import sweep as sweep
    from pigeonhole.workflows.train import train as train

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pigeonhole' has no attribute {name!r}")
    module, function = _PUBLIC[name]
    found = getattr(importlib.import_module(f".{module}", "pigeonhole.workflows"), function)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


class _Facade(ModuleType):
    """Keeps a verb in its place where a room has the same name: importing a room would set itself over it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Facade
