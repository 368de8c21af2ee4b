"""The model that a user's script left behind: looked for where scripts leave models on Azure ML. Loads none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pigeonhole import tracking
from pigeonhole.core.errors import GateError, listing
from pigeonhole.core.files import sha256_file

# In its run: what `${{outputs.x}}` names, and the folder `outputs` that it made where it ran.
OUTPUTS = "outputs"
_WORKING = "code"
# What models are kept in otherwise, so that a message can say what was found instead.
_OTHERS = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".safetensors", ".h5", ".keras", ".json", ".ubj")
_WAYS = "skl2onnx.to_onnx, torch.onnx.export, or mlflow.onnx.log_model"


def onnx_files(run: tracking.Run) -> list[Path]:
    """The ONNX files in a run's outputs and in its MLflow run, each content once."""
    found: dict[str, Path] = {}
    for path in _files(run):
        if path.suffix == ".onnx":
            found.setdefault(sha256_file(path), path)
    return list(found.values())


def only_onnx_file(run: tracking.Run) -> Path:
    """The one ONNX file that a script left.

    Raises:
        GateError: there is none, or there are several.
    """
    found = onnx_files(run)
    if len(found) == 1:
        return found[0]
    if found:
        raise GateError(
            f"run {run.id} left {len(found)} ONNX models:\n{listing([str(path) for path in found])}",
            "one",
            f"choose: pigeonhole register {found[0]} --as NAME --samples {run.record['dataset'] or 'DATASET'}",
        )
    others = sorted({str(path) for path in _files(run) if path.suffix in _OTHERS})
    there = f" but\n{listing(others)}" if others else ""
    raise GateError(
        f"run {run.id} left no ONNX model{there}",
        "one .onnx file, or an MLflow model of the flavour onnx, in its outputs or artifacts; loading a pickle would"
        " run code",
        f"let the script write one ({_WAYS}), or write a score.py that loads it, and register that folder",
    )


def _files(run: tracking.Run) -> Iterator[Path]:
    kept = [run.folder / place for place in run.record.get("artifacts", ())]
    for folder in (run.folder / OUTPUTS, run.folder / _WORKING / OUTPUTS, *kept):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
