"""A network of one hidden layer by scikit-learn on a dataset's folder; logs to MLflow and leaves an ONNX model.

It knows nothing of who runs it: by hand, as a trial of `pigeonhole sweep`, or on Azure ML.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mlflow
import numpy as np
import pyarrow.parquet as pq
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier

BATCH = 128


def main() -> None:
    """Trains, logs `validation_accuracy` once an epoch, and writes `model.onnx`."""
    given = arguments()
    images, labels, split = read(given.data)
    model = MLPClassifier((given.hidden,), learning_rate_init=given.learning_rate, batch_size=BATCH, random_state=0)
    mlflow.log_params({"hidden": given.hidden, "learning_rate": given.learning_rate})
    for epoch in range(1, given.epochs + 1):
        model.partial_fit(images[split == "train"], labels[split == "train"], classes=np.unique(labels))
        accuracy = model.score(images[split == "validation"], labels[split == "validation"])
        mlflow.log_metrics({"validation_accuracy": accuracy, "train_loss": model.loss_}, step=epoch)
        print(f"epoch {epoch}: {accuracy:.2%}")
    # Probabilities as an array of one column a class, which everybody can read.
    exported = to_onnx(model, images[:1], options={"zipmap": False})
    Path(given.model, "model.onnx").write_bytes(exported.SerializeToString())


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    return parser.parse_args()


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images from 0 to 1, a row each; labels; and to which split each belongs."""
    index = pq.read_table(folder / "index.parquet")
    images = np.load(folder / "images.npy", mmap_mode="r")
    flat = images.reshape(len(images), -1).astype(np.float32) / 255
    return flat, index["label"].to_numpy(), np.asarray(index["split"].to_pylist())


if __name__ == "__main__":
    main()
