"""The registry of models: bundles under a name, with versions and aliases, in MLflow. Checks no quality; gates do."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pigeonhole import bundle as bundles
from pigeonhole import scripts
from pigeonhole.bundle import Bundle
from pigeonhole.core.errors import ConflictError, NotFoundError, UsageError
from pigeonhole.core.locks import exclusive
from pigeonhole.core.spec import suggestion
from pigeonhole.core.workspace import Workspace, check_name
from pigeonhole.tracking import mirror, model_folder, script_folder
from pigeonhole.tracking.model_version import BUNDLE, CHALLENGER, CHAMPION, LATEST, SCRIPT, ModelVersion, parse
from pigeonhole.tracking.runs import Runs
from pigeonhole.tracking.store import exists, experiment_id, local_path, open_client

_TAG = "pigeonhole."
_IMPORTED = "imported-models"


def register(
    workspace: Workspace,
    bundle_folder: Path,
    *,
    name: str,
    run_id: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    lineage: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """A new version of the model `name`: the first of a name becomes `champion`, each later one `challenger`.

    The same bundle under the same name is the version that it already is.

    Args:
        workspace: where the registry is.
        bundle_folder: a bundle; verified, and copied.
        name: the model's name.
        run_id: the run that it comes from; `None` for a model made elsewhere.
        metrics: figures to show with it.
        lineage: more about where it comes from than the bundle and the run say.

    Raises:
        UsageError: the name cannot be a name.
        DataError: the bundle is damaged.
        NotFoundError: no such run, or no bundle.
    """
    check_name(name, "model")
    bundle = bundles.load(bundle_folder)
    run_id = Runs(workspace).get(run_id).id if run_id else None
    origin = {**bundle.lineage, **_origin(workspace, run_id), **(lineage or {})}
    tags = _to_tags(bundle, BUNDLE, run_id, metrics or {}, origin)
    return _add(workspace, name, run_id, tags, functools.partial(model_folder.write, bundle))


def register_script(workspace: Workspace, folder: Path, *, name: str) -> ModelVersion:
    """A new version of the model `name` that is a user's script; otherwise as `register`.

    Args:
        workspace: where the registry is.
        folder: as `scripts.write` made it; verified, and copied.
        name: the model's name.

    Raises:
        UsageError: the name cannot be a name.
        DataError: the folder is damaged.
    """
    check_name(name, "model")
    script = scripts.load(folder)
    tags = _to_tags(script, SCRIPT, None, {}, script.lineage)
    return _add(workspace, name, None, tags, functools.partial(script_folder.write, folder))


def _add(
    workspace: Workspace, name: str, run_id: str | None, tags: dict[str, str], write: Callable[..., None]
) -> ModelVersion:
    """The version that holds this content, made if there is none; `write` fills its folder."""
    sha256 = tags[f"{_TAG}bundle_sha256"]
    with _writing(workspace) as client:
        standing = _versions(client, workspace, name)
        for version in standing:
            if version.bundle_sha256 == sha256 and version.run_id == run_id:
                return version
        number = _create(client, workspace, write, name, run_id, tags)
        client.set_registered_model_alias(name, CHALLENGER if standing else CHAMPION, str(number))
        return _one(client, workspace, name, number)


def resolve(workspace: Workspace, ref: str) -> ModelVersion:
    """The version that `ref` names: `digits:3`, `digits@champion`, `digits@latest`, or `digits` for its champion.

    Raises:
        UsageError: `ref` is no reference.
        NotFoundError: there is no such model, version or alias.
    """
    wanted = parse(ref)
    versions = _versions(open_client(workspace), workspace, wanted.name) if exists(workspace) else []
    if not versions:
        raise _no_model(workspace, wanted.name)
    for version in versions:
        if version.version == wanted.version or wanted.alias in version.aliases:
            return version
    if wanted.alias == LATEST:
        return versions[0]
    raise NotFoundError(
        f"the model {wanted.name!r} has no {f'version {wanted.version}' if wanted.version else f'@{wanted.alias}'}",
        f"one of {', '.join(_described(version) for version in versions[:10])}",
        f"pigeonhole models promote {versions[0].ref}" if wanted.alias == CHAMPION else "pigeonhole models list",
    )


def list_versions(workspace: Workspace, name: str | None = None) -> list[ModelVersion]:
    """All versions of one model, or of all: by name, the newest first."""
    if not exists(workspace):
        return []
    client = open_client(workspace)
    names = [name] if name else sorted(model.name for model in _pages(client.search_registered_models))
    return [version for each in names for version in _versions(client, workspace, each)]


def promote(workspace: Workspace, ref: str, alias: str = CHAMPION) -> ModelVersion:
    """Moves `alias` to a version; a challenger that becomes champion is no challenger any more.

    Raises:
        UsageError: the alias cannot be one.
        NotFoundError: there is no such version.
    """
    if alias == LATEST or check_name(alias, "alias")[1:].isdigit():
        raise UsageError(f"the alias {alias!r}", "a name that is neither 'latest' nor like 'v1'", "choose another")
    version = resolve(workspace, ref)
    with _writing(workspace) as client:
        client.set_registered_model_alias(version.name, alias, str(version.version))
        if alias == CHAMPION and CHALLENGER in version.aliases:
            client.delete_registered_model_alias(version.name, CHALLENGER)
        return _one(client, workspace, version.name, version.version)


def remove(workspace: Workspace, ref: str, needed_by: Sequence[str] = ()) -> ModelVersion:
    """Removes one version and its files. Its number is not given again.

    Args:
        workspace: where the registry is.
        ref: the version.
        needed_by: what still needs it, in the user's words (`endpoint digits`).

    Returns:
        What is gone.

    Raises:
        ConflictError: something needs it, or it is the champion while there are other versions.
        NotFoundError: there is no such version.
    """
    version = resolve(workspace, ref)
    if needed_by:
        raise ConflictError(
            f"model {version.ref} is still needed by {', '.join(needed_by)}",
            "a version that nothing uses",
            "stop or remove those first",
        )
    with _writing(workspace) as client:
        others = [other for other in _versions(client, workspace, version.name) if other.version != version.version]
        if CHAMPION in version.aliases and others:
            raise ConflictError(
                f"model {version.ref} is the champion",
                "a version that is not the champion, or the last one",
                f"pigeonhole models promote {others[0].ref}",
            )
        entry = client.get_model_version(version.name, str(version.version))
        for alias in version.aliases:
            client.delete_registered_model_alias(version.name, alias)
        # The name stays, even without versions: MLflow would begin again at 1, and a number is never given twice.
        client.delete_model_version(version.name, str(version.version))
        client.delete_logged_model(entry.tags[f"{_TAG}logged_model"])
    shutil.rmtree(version.folder, ignore_errors=True)
    return version


@contextmanager
def _writing(workspace: Workspace) -> Iterator[Any]:
    with exclusive(workspace.root / "registry.lock", "the registry of models", wait=True):
        yield open_client(workspace)


def _origin(workspace: Workspace, run_id: str | None) -> dict[str, Any]:
    if run_id is None:
        return {}
    record = Runs(workspace).get(run_id).record
    return {"run": record["id"], "dataset": record["dataset"], "dataset_sha256": record["dataset_sha256"]}


def _create(
    client: Any, workspace: Workspace, write: Callable[..., None], name: str, run_id: str | None, tags: dict[str, str]
) -> int:
    mirrored = mirror.sync(workspace, Runs(workspace).get(run_id)) if run_id else None
    experiment = (
        client.get_run(mirrored).info.experiment_id if mirrored else experiment_id(client, workspace, _IMPORTED)
    )
    logged = client.create_logged_model(experiment, name=name, source_run_id=mirrored, tags=tags)
    folder = local_path(logged.artifact_location)
    write(folder, model_id=logged.model_id, run_id=mirrored)
    client.finalize_logged_model(logged.model_id, "READY")
    if not any(model.name == name for model in _pages(client.search_registered_models)):
        client.create_registered_model(name)
    # The place, and not `models:/ID`: MLflow would look that up in its global store, which may be another one.
    version = client.create_model_version(
        name,
        logged.artifact_location,
        run_id=mirrored,
        tags={
            **tags,
            f"{_TAG}bundle": str(folder.relative_to(workspace.root)),
            f"{_TAG}logged_model": logged.model_id,
        },
        model_id=logged.model_id if mirrored else None,
    )
    return int(version.version)


def _to_tags(
    bundle: Bundle | scripts.Script,
    kind: str,
    run_id: str | None,
    metrics: Mapping[str, Any],
    lineage: Mapping[str, Any],
) -> dict[str, str]:
    tags = {
        "kind": kind,
        "bundle_sha256": bundle.sha256,
        "size_bytes": str(bundle.size_bytes),
        "class_names": json.dumps(list(bundle.class_names), ensure_ascii=False),
        "metrics": json.dumps(dict(metrics), ensure_ascii=False),
        "lineage": json.dumps(dict(lineage), ensure_ascii=False),
        **({"run_id": run_id} if run_id else {}),
    }
    return {f"{_TAG}{key}": value for key, value in tags.items()}


def _versions(client: Any, workspace: Workspace, name: str) -> list[ModelVersion]:
    found = _pages(client.search_model_versions, filter_string=f"name='{name}'")
    ours = [entry for entry in found if f"{_TAG}bundle" in entry.tags]
    aliases = _aliases(client, name) if ours else {}
    versions = [_from_entry(workspace, entry, aliases.get(int(entry.version), ())) for entry in ours]
    return sorted(versions, key=lambda version: version.version, reverse=True)


def _one(client: Any, workspace: Workspace, name: str, number: int) -> ModelVersion:
    entry = client.get_model_version(name, str(number))
    return _from_entry(workspace, entry, _aliases(client, name).get(number, ()))


def _aliases(client: Any, name: str) -> dict[int, tuple[str, ...]]:
    by_version: dict[int, tuple[str, ...]] = {}
    for alias, version in sorted(client.get_registered_model(name).aliases.items()):
        by_version[int(version)] = (*by_version.get(int(version), ()), alias)
    return by_version


def _from_entry(workspace: Workspace, entry: Any, aliases: tuple[str, ...]) -> ModelVersion:
    tags = {key.removeprefix(_TAG): value for key, value in entry.tags.items()}
    lineage = json.loads(tags["lineage"])
    return ModelVersion(
        name=entry.name,
        version=int(entry.version),
        aliases=aliases,
        folder=_folder(workspace, tags["bundle"], entry.source),
        bundle_sha256=tags["bundle_sha256"],
        size_bytes=int(tags["size_bytes"]),
        class_names=tuple(json.loads(tags["class_names"])),
        run_id=tags.get("run_id"),
        dataset=lineage.get("dataset"),
        metrics=json.loads(tags["metrics"]),
        lineage=lineage,
        created_at=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        kind=tags.get("kind", BUNDLE),
    )


def _folder(workspace: Workspace, inside: str, place: str) -> Path:
    """The bundle, found from the workspace, so that a moved one still serves; or in another one on the same server."""
    ours = workspace.root / inside
    return ours if ours.is_dir() else local_path(place)


def _pages(search: Any, **arguments: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(page_token=token, **arguments)
        found.extend(page)
        token = page.token
        if not token:
            return found


def _described(version: ModelVersion) -> str:
    return f"{version.ref}{''.join(f' @{alias}' for alias in version.aliases)}"


def _no_model(workspace: Workspace, name: str) -> NotFoundError:
    names = sorted({version.name for version in list_versions(workspace)})
    return NotFoundError(
        f"no model {name!r} in {workspace.root}{suggestion(name, names)}",
        f"one of {', '.join(names[:10])}" if names else "a registered model; there is none yet",
        "pigeonhole models list" if names else f"pigeonhole register RUN --as {name}",
    )
