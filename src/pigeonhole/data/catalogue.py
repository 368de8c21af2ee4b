"""Which dataset versions a workspace holds: found, numbered, added, removed. A number is never given twice.

On disk: `datasets/NAME/VERSION/`, and `datasets/NAME/numbers.json` once a version was removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import ConflictError, NotFoundError, UsageError, listing
from pigeonhole.core.files import read_json, staged_folder, write_json
from pigeonhole.core.locks import exclusive
from pigeonhole.core.workspace import Workspace, check_name
from pigeonhole.data import looks
from pigeonhole.data.dataset import MANIFEST, Dataset

ROOM = "datasets"
LATEST = "latest"
_NUMBERS = "numbers.json"


@dataclass(frozen=True)
class DatasetSummary:
    """One version in a list."""

    name: str
    version: int
    title: str
    images: int
    shape: tuple[int, ...]
    classes: int
    splits: dict[str, int]
    size_bytes: int
    created_at: str
    source: str
    sha256: str
    test_looks: int

    @property
    def ref(self) -> str:
        """Its full name, `digits:3`."""
        return f"{self.name}:{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-ready values."""
        return {"dataset": self.ref, **vars(self), "shape": list(self.shape)}


def open_dataset(workspace: Workspace, ref: str) -> Dataset:
    """The dataset version that `ref` names: `digits:3`, or `digits` and `digits@latest` for the newest.

    Raises:
        UsageError: the reference is not of that form.
        NotFoundError: there is none of that name or version.
        DataError: it is damaged.
    """
    name, version = parse_ref(ref)
    numbers = versions(workspace, name)
    if not numbers:
        known = names(workspace)
        raise NotFoundError(
            f"the dataset {name!r}{suggestion(name, known)}",
            f"one of this workspace: {', '.join(known) or 'none yet'}",
            "pigeonhole ingest SOURCE --name " + name,
        )
    if version is not None and version not in numbers:
        raise NotFoundError(
            f"version {version} of the dataset {name!r}",
            ", ".join(f"{name}:{number}" for number in numbers),
            "choose one of these",
        )
    return Dataset(workspace, _folder(workspace, name) / str(version or numbers[-1]))


def parse_ref(ref: str) -> tuple[str, int | None]:
    """The name and the version of `NAME`, `NAME@latest` or `NAME:VERSION`; `None` for the newest.

    Raises:
        UsageError: another form.
    """
    name, colon, number = ref.removesuffix(f"@{LATEST}").partition(":")
    check_name(name, "dataset")
    if not colon:
        return name, None
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise UsageError(f"the dataset {ref!r}", "NAME, NAME:VERSION or NAME@latest", "give the version as a number")
    return name, int(number)


def names(workspace: Workspace) -> list[str]:
    """The names of all datasets, sorted."""
    folders = (path for path in workspace.folder(ROOM).iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(path.name for path in folders if versions(workspace, path.name))


def versions(workspace: Workspace, name: str) -> list[int]:
    """The version numbers of one dataset, ascending; empty if there is none."""
    folder = _folder(workspace, name)
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit() and (path / MANIFEST).is_file())


def list_datasets(workspace: Workspace) -> list[DatasetSummary]:
    """Every dataset version of the workspace, by name and version."""
    refs = [f"{name}:{version}" for name in names(workspace) for version in versions(workspace, name)]
    return [_summary(workspace, open_dataset(workspace, ref)) for ref in refs]


def _summary(workspace: Workspace, dataset: Dataset) -> DatasetSummary:
    manifest = dataset.manifest
    return DatasetSummary(
        name=dataset.name,
        version=dataset.version,
        title=manifest["title"],
        images=len(dataset),
        shape=dataset.shape_HWC,
        classes=len(dataset.class_names),
        splits=manifest["splits"],
        size_bytes=sum(path.stat().st_size for path in dataset.folder.iterdir()),
        created_at=manifest["created_at"],
        source=manifest["source"]["location"],
        sha256=dataset.sha256,
        test_looks=len(looks.looks_at(workspace.database, dataset.name, dataset.version)),
    )


@contextmanager
def writing(workspace: Workspace, name: str) -> Iterator[Path]:
    """The folder of one dataset's versions, held by one writer at a time; others wait."""
    with exclusive(workspace.folder(ROOM) / f".{name}.lock", f"dataset {name}", wait=True):
        yield _folder(workspace, name)


def next_version(workspace: Workspace, name: str) -> int:
    """The number that a new version gets: above every number that was ever given under this name."""
    numbers = _folder(workspace, name) / _NUMBERS
    last = read_json(numbers)["last"] if numbers.exists() else 0
    return max([last, *versions(workspace, name)]) + 1


def remove(workspace: Workspace, ref: str, needed_by: Sequence[str] = ()) -> str:
    """Removes one dataset version, its looks' record excepted, and returns its full name.

    Args:
        workspace: where it is kept.
        ref: which.
        needed_by: what still needs it (runs, models); anything refuses the removal.

    Raises:
        ConflictError: something needs it.
        NotFoundError: there is no such version.
    """
    dataset = open_dataset(workspace, ref)
    if needed_by:
        raise ConflictError(
            f"{dataset.ref} is still needed\n{listing(list(needed_by))}",
            "a dataset version that nothing needs",
            "remove these first, or keep it",
        )
    with writing(workspace, dataset.name) as folder:
        write_json(folder / _NUMBERS, {"last": next_version(workspace, dataset.name) - 1})
        with staged_folder(workspace.folder(ROOM)) as grave:
            # One step takes it from sight; a kill after it leaves only a staged folder that is swept later.
            dataset.folder.rename(grave / "removed")
            shutil.rmtree(grave / "removed")
    return dataset.ref


def _folder(workspace: Workspace, name: str) -> Path:
    return workspace.folder(ROOM) / name
