"""From a model's name, or a folder, to the bundle that is meant."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import bundle
from pigeonhole.core.workspace import Workspace


def bundle_folder(model: str | Path, workspace: Workspace | str | Path | None) -> tuple[Path, str]:
    """The folder of a model's bundle, and the model's full name (`digits:3`, or the folder itself).

    A folder needs no workspace, and none is made.

    Raises:
        NotFoundError: neither a folder with a bundle nor a registered model.
    """
    folder = Path(model)
    if (folder / "manifest.json").is_file():
        return folder, str(folder)
    if len(folder.parts) > 1:  # a path, which no model's name is
        bundle.read_manifest(folder)
    from pigeonhole import tracking

    version = tracking.resolve(Workspace.find(workspace), str(model))
    return version.folder, version.ref


def find_bundle(model: str | Path, workspace: Workspace | str | Path | None) -> bundle.Bundle:
    """The verified bundle of a registered model or of a folder.

    Raises:
        NotFoundError: there is none.
        DataError: its files are not what its manifest says.
    """
    folder, _ = bundle_folder(model, workspace)
    return bundle.load(folder)
