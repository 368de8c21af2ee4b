"""Writes an MLflow model around the ONNX file; MLflow's own server then serves the folder.

python mlflow_model.py FOLDER
"""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import numpy as np
from model import Model, answers


class Digits(mlflow.pyfunc.PythonModel):
    """One image a request."""

    def load_context(self, context: Any) -> None:  # noqa: ARG002
        """Once a worker."""
        self.model = Model()

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> list[dict[str, Any]]:  # noqa: ARG002
        """Rows of 784 numbers."""
        return answers(self.model.probabilities(np.asarray(model_input).astype(np.uint8)))


if __name__ == "__main__":
    row = mlflow.types.TensorSpec(np.dtype(np.int64), (-1, 784))
    signature = mlflow.models.ModelSignature(inputs=mlflow.types.Schema([row]))
    mlflow.pyfunc.save_model(sys.argv[1], python_model=Digits(), signature=signature, code_paths=["model.py"])
