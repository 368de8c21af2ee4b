"""The model that a user's script left behind: looked for where scripts leave models on Azure ML. Loads none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pigeonhole import tracking
from pigeonhole.core.errors import GateError, listing
from pigeonhole.core.files import sha256_file, write_bytes
from pigeonhole.core.optional import require

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


def whole(path: Path, target: Path) -> Path:
    """An ONNX file that holds its weights itself: the file, or a copy at `target` with those that lie beside it.

    MLflow's own flavour keeps weights in a second file.

    Raises:
        GateError: its weights are somewhere else than in a file beside it.
    """
    onnx = require("onnx", extra="train")
    model = onnx.load(str(path), load_external_data=False)
    outside = [tensor for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    if not outside:
        return path
    for tensor in outside:
        place = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        beside = path.parent / place
        # A model could name any file of the machine, which would then be in the bundle.
        if Path(place).name != place or beside.is_symlink() or not beside.is_file():
            raise GateError(
                f"{path} keeps weights in {place!r}", "weights in the file itself, or in one beside it", "save it again"
            )
        # One by one, since these are the ones that were looked at; whatever else lies outside `import_onnx` refuses.
        onnx.external_data_helper.load_external_data_for_tensor(tensor, str(path.parent))
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    write_bytes(target, model.SerializeToString())
    return target


def _files(run: tracking.Run) -> Iterator[Path]:
    kept = [(run.folder / place).resolve() for place in run.record.get("artifacts", ())]
    for folder in (run.folder / OUTPUTS, run.folder / _WORKING / OUTPUTS, *kept):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
