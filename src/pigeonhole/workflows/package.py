"""`package`: a model version in, a folder out that serves it elsewhere. Never without a verified bundle."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import bundle, packaging
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.bundles import bundle_folder

_HASH_SHOWN = 12


def package(
    model: str | Path,
    *,
    to: str | Path,
    name: str | None = None,
    image: str | None = None,
    cpu: float = 1.0,
    memory_gib: float = 1.0,
    replicas: str = "1:4",
    workspace: Workspace | str | Path | None = None,
) -> packaging.Package:
    """A folder with the bundle and all that runs it: a wheel, pinned requirements, Dockerfile, manifests, README.

    Neither Docker nor a cluster is needed, and nothing is built or applied. The same call again changes nothing.

    Args:
        model: a registered model (`digits@champion`, `digits:3`), or the folder of a bundle, which needs no workspace.
        to: where the folder is to stand; absent, or empty.
        name: the name on a cluster; `None` makes one of the model's name.
        image: the image that the manifests name; `None` means `NAME:VERSION`.
        cpu: processor cores asked for.
        memory_gib: memory asked for and allowed, in GiB.
        replicas: the fewest and the most processes on a cluster, as `MIN:MAX`.
        workspace: where the model is registered.

    Raises:
        NotFoundError: there is no such model, or no bundle in the folder.
        DataError: the bundle's files are not what its manifest says.
        GateError: the bundle does not reproduce its probe here.
        ConflictError: something else stands at `to`.
        UsageError: a value cannot be used, or the place cannot be written to.
        MissingDependencyError: pigeonhole, or what serving needs, is not installed.
    """
    folder, found = bundle_folder(model, workspace)
    loaded = bundle.load(folder)
    called, version = _named(folder, found, loaded.sha256)
    plan = packaging.make_plan(
        called, version=version, name=name, image=image, cpu=cpu, memory_gib=memory_gib, replicas=replicas
    )
    loaded.check_probe()
    return packaging.write(loaded, Path(to).expanduser(), plan)


def _named(folder: Path, found: str, sha256: str) -> tuple[str, str]:
    """What answers call the model, and its version: of a folder its own name, and the beginning of the hash."""
    if found == str(folder):
        return folder.resolve().name, sha256[:_HASH_SHOWN]
    return found, found.rpartition(":")[2]
