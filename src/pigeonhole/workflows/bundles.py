"""From a model's name, or a folder, to the bundle, or the script, that is meant."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import bundle, scripts
from pigeonhole.core.errors import UsageError
from pigeonhole.core.workspace import Workspace


def bundle_folder(model: str | Path, workspace: Workspace | str | Path | None) -> tuple[Path, str]:
    """The folder of a model's bundle, and the model's full name (`digits:3`, or the folder itself).

    A folder needs no workspace, and none is made.

    Raises:
        NotFoundError: neither a folder with a bundle nor a registered model.
        UsageError: it is a script, which has no classes and takes no images that we know of.
    """
    folder, found = served_folder(model, workspace)
    if scripts.is_script(folder):
        raise UsageError(
            f"{found}, which is a script of its own (score.py)",
            "a bundle: what a script takes and answers, only the script knows",
            "serve or deploy it; for this command register a run or an ONNX file",
        )
    return folder, found


def served_folder(model: str | Path, workspace: Workspace | str | Path | None) -> tuple[Path, str]:
    """As `bundle_folder`, for what answers requests: the folder of a bundle or of a script.

    Raises:
        NotFoundError: neither a folder with one nor a registered model.
    """
    folder = Path(model)
    if (folder / "manifest.json").is_file() or _is_own_script(folder, str(model), workspace):
        return folder, str(folder)
    if len(folder.parts) > 1:  # a path, which no model's name is
        bundle.read_manifest(folder)
    from pigeonhole import tracking

    version = tracking.resolve(Workspace.find(workspace), str(model))
    return version.folder, version.ref


def _is_own_script(folder: Path, name: str, workspace: Workspace | str | Path | None) -> bool:
    """Whether a folder with a score.py is meant; of a mere name, only where no registered model has it."""
    if not scripts.is_script(folder):
        return False
    if "/" in name:
        return True
    from pigeonhole import tracking

    try:
        tracking.resolve(Workspace.find(workspace), name)
    except UsageError:
        return True
    return False


def find_bundle(model: str | Path, workspace: Workspace | str | Path | None) -> bundle.Bundle:
    """The verified bundle of a registered model or of a folder.

    Raises:
        NotFoundError: there is none.
        DataError: its files are not what its manifest says.
    """
    folder, _ = bundle_folder(model, workspace)
    return bundle.load(folder)
