"""A bundle's folder made readable for every MLflow client: MLflow's onnx flavor over the bundle's own model.onnx.

Needs nothing of pigeonhole to load: the model is run by ONNX Runtime through MLflow's own loader.
"""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pigeonhole.bundle import Bundle
from pigeonhole.core.files import publish, staged_folder

_REQUIREMENTS = ("mlflow", "numpy", "onnx", "onnxruntime")


def write(bundle: Bundle, target: Path, *, model_id: str, run_id: str | None) -> None:
    """Copies the bundle to `target` and adds MLflow's description; appears whole or not at all.

    Args:
        bundle: the bundle, verified.
        target: the model's artifact folder; must not exist.
        model_id: MLflow's id of the logged model.
        run_id: MLflow's id of the run, if it has one.
    """
    with staged_folder(target.parent) as staged:
        for name in ("manifest.json", *bundle.manifest["files"]):
            shutil.copyfile(bundle.folder / name, staged / name)
        _describe(bundle, staged, model_id, run_id)
        publish(staged, target)


def _describe(bundle: Bundle, folder: Path, model_id: str, run_id: str | None) -> None:
    from mlflow import pyfunc
    from mlflow.models import Model
    from mlflow.utils.environment import _PythonEnv

    requirements = [f"{package}=={metadata.version(package)}" for package in _REQUIREMENTS]
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    _PythonEnv.current().to_yaml(str(folder / "python_env.yaml"))
    (folder / "conda.yaml").write_text(_conda(requirements), encoding="utf-8")
    model = Model(
        run_id=run_id,
        model_id=model_id,
        signature=_signature(bundle),
        metadata={"labels": list(bundle.class_names), "bundle_sha256": bundle.sha256},
        model_size_bytes=bundle.size_bytes,
    )
    pyfunc.add_to_model(
        model, loader_module="mlflow.onnx", data="model.onnx", conda_env="conda.yaml", python_env="python_env.yaml"
    )
    model.add_flavor(
        "onnx",
        onnx_version=metadata.version("onnx"),
        data="model.onnx",
        providers=["CPUExecutionProvider"],
        onnx_session_options=None,
        code=None,
    )
    model.save(str(folder / "MLmodel"))


def _signature(bundle: Bundle) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    # The input has no name, so that a bare array may be passed; the graph's only input takes it.
    images = TensorSpec(np.dtype(np.uint8), (-1, *bundle.shape_HWC))
    probabilities = TensorSpec(np.dtype(np.float32), (-1, len(bundle.class_names)), "probabilities")
    embedding = TensorSpec(np.dtype(np.float32), (-1, bundle.embedding_size), "embedding")
    return ModelSignature(inputs=Schema([images]), outputs=Schema([probabilities, embedding]))


def _conda(requirements: list[str]) -> str:
    environment = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={platform.python_version()}", "pip", {"pip": requirements}],
    }
    return yaml.safe_dump(environment, sort_keys=False)
