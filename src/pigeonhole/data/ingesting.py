"""`ingest`: a source in, a dataset version out: read once in chunks, checked, hashed, split, published in one step.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pigeonhole import __version__
from pigeonhole.core.clock import utc_now
from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.core.files import publish, staged_folder, sweep_staging, write_json
from pigeonhole.core.progress import Progress, Silent
from pigeonhole.core.workspace import Workspace, check_name
from pigeonhole.data import catalogue, sources
from pigeonhole.data.dataset import FORMAT, FORMAT_VERSION, MANIFEST, Dataset, read_manifest
from pigeonhole.data.groups import read_groups
from pigeonhole.data.image_file import FILE, ImageWriter
from pigeonhole.data.index import Index, write_index
from pigeonhole.data.labels import resolve
from pigeonhole.data.origins import Origins
from pigeonhole.data.reading import SPLITS, Reading, ReadOptions
from pigeonhole.data.splitting import TEST, UNDECIDED, SplitOptions, assign
from pigeonhole.images import Shape


@dataclass(frozen=True)
class IngestResult:
    """The dataset version that holds the content.

    Args:
        dataset: the version.
        reused: whether it was there already, with the very same content.
    """

    dataset: Dataset
    reused: bool

    def to_dict(self) -> dict[str, Any]:
        """The version's facts and `reused`, as JSON-ready values."""
        return {**self.dataset.to_dict(), "reused": self.reused}


@dataclass(frozen=True)
class _Content:
    """All that makes a version what it is; where it came from is not part of it."""

    shape_HWC: Shape
    class_names: tuple[str, ...]
    index: Index

    def sha256(self) -> str:
        """One hash over shape, names, pixels (through the images' own hashes), labels, splits and groups."""
        index = self.index
        groups = None if index.groups_N is None else index.groups_N.tolist()
        head = [FORMAT, self.shape_HWC, self.class_names, hashlib.sha256(index.digests).hexdigest(), groups]
        digest = hashlib.sha256(json.dumps(head).encode())
        digest.update(index.labels_N.astype("<i8").tobytes())
        digest.update(index.split_N.tobytes())
        return digest.hexdigest()


def ingest(
    workspace: Workspace,
    source: str,
    *,
    name: str,
    test: float | None = None,
    validation: float = 0.1,
    seed: int = 0,
    groups: Path | Sequence[Path] | None = None,
    group_by: str | None = None,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    shape: Shape | None = None,
    progress: Progress | None = None,
) -> IngestResult:
    """A dataset version made from `source`, or the one of that name that already holds the same content.

    Args:
        workspace: where to keep it.
        source: a named set (`mnist`, `mnist-5k`), or the path of an IDX pair, a CSV file or a folder of images.
        name: what to call the dataset.
        test: the share of the images to lock away as test split; `None` keeps the source's own, or takes 0.1 of a
            source without one; 0 makes none.
        validation: the share of the rest to choose with.
        seed: decides which images go where.
        groups: CSV files with a row an image, in the order of the source (training images first).
        group_by: the column of `groups` whose equal values stay on one side of every split.
        label: the label column of a CSV file; `None` means `label`.
        classes: class names; see `labels.resolve`.
        shape: height, width and channels of a CSV file's images, where its header does not tell.
        progress: where to say how far it is, one unit an image.

    Raises:
        UsageError: an option is wrong, or `source` is nothing.
        DataError: the content cannot be used, or the disk is full; nothing was written.
    """
    check_name(name, "dataset")
    split_options = SplitOptions(test, validation, seed)
    group_paths = _group_paths(groups, group_by)
    progress = progress or Silent()
    folder = workspace.folder(catalogue.ROOM)
    sweep_staging(folder)
    reading = sources.find(source).read(source, ReadOptions(label=label, shape=shape, progress=progress))
    with staged_folder(folder) as staged:
        stored = _store(reading, staged, progress)
        content, warnings = _judge(reading, stored, split_options, group_paths, group_by, classes)
        write_index(staged, content.index)
        manifest = _manifest(source, reading, content, split_options, group_paths, group_by, warnings)
        for warning in warnings:
            progress.note(warning)
        return _publish(workspace, name, staged, manifest)


def _group_paths(groups: Path | Sequence[Path] | None, group_by: str | None) -> list[Path]:
    if (groups is None) != (group_by is None):
        given, missing = ("--groups", "--group-by") if groups is not None else ("--group-by", "--groups")
        raise UsageError(f"{given} without {missing}", "both, or neither", f"add {missing}")
    if groups is None:
        return []
    return [groups] if isinstance(groups, Path) else list(groups)


@dataclass(frozen=True)
class _Stored:
    labels_N: NDArray[np.int64]
    own_split_N: NDArray[np.uint8]
    origins: Origins
    digests: bytearray


def _store(reading: Reading, staged: Path, progress: Progress) -> _Stored:
    """Writes every image and keeps what is known of it."""
    labels: list[NDArray[np.int64]] = []
    splits: list[NDArray[np.uint8]] = []
    origins = Origins()
    with (staged / FILE).open("wb") as file:
        writer = ImageWriter(file, reading.shape_HWC)
        for chunk in reading.chunks:
            writer.append(chunk.images_NHWC)
            labels.append(chunk.labels_N)
            code = UNDECIDED if chunk.split is None else SPLITS.index(chunk.split)
            splits.append(np.full(len(chunk.labels_N), code, np.uint8))
            origins.append(chunk.origins)
            progress.advance(len(chunk.labels_N))
        writer.finish()
    if not labels:
        raise DataError(f"{reading.title}: no images", "at least two images of two classes", "give another source")
    return _Stored(np.concatenate(labels), np.concatenate(splits), origins, writer.digests)


def _judge(
    reading: Reading,
    stored: _Stored,
    options: SplitOptions,
    group_paths: list[Path],
    group_by: str | None,
    classes: Sequence[str] | None,
) -> tuple[_Content, list[str]]:
    labels_N, class_names = resolve(stored.labels_N, stored.origins, reading.class_names, classes)
    groups_N, numbers_N = None, None
    if group_by is not None:
        own_test = int((stored.own_split_N == TEST).sum())
        groups_N = read_groups(group_paths, group_by, len(labels_N), len(labels_N) - own_test)
        numbers_N = np.unique(groups_N, return_inverse=True)[1].astype(np.int64)
        numbers_N[groups_N == ""] = -1
    split_N = assign(stored.own_split_N, labels_N, numbers_N, options)
    index = Index(labels_N, split_N, groups_N, stored.origins, stored.digests)
    return _Content(reading.shape_HWC, class_names, index), _warnings(index, class_names)


def _warnings(index: Index, class_names: Sequence[str]) -> list[str]:
    """What a person should know although the content can be used."""
    warnings = []
    for code, split in enumerate(SPLITS):
        inside = index.labels_N[index.split_N == code]
        empty = [
            name
            for name, count in zip(class_names, np.bincount(inside, minlength=len(class_names)), strict=True)
            if not count
        ]
        if inside.size and empty:
            warnings.append(f"the {split} split has no image of {len(empty)} classes: {', '.join(empty[:10])}")
    both = _straddling(index)
    if both:
        warnings.append(f"{both:,} groups are on both sides of the source's own split")
    return warnings


def _straddling(index: Index) -> int:
    if index.groups_N is None:
        return 0
    known = index.groups_N != ""
    pairs = np.unique(np.stack([index.groups_N[known], index.split_N[known].astype(np.str_)]), axis=1)
    return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())


def _manifest(
    source: str,
    reading: Reading,
    content: _Content,
    options: SplitOptions,
    group_paths: list[Path],
    group_by: str | None,
    warnings: list[str],
) -> dict[str, Any]:
    index = content.index
    counts = np.bincount(index.labels_N, minlength=len(content.class_names)).tolist()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "title": reading.title,
        "count": len(index.labels_N),
        "shape": list(content.shape_HWC),
        "class_names": list(content.class_names),
        "class_counts": dict(zip(content.class_names, counts, strict=True)),
        "splits": {name: int((index.split_N == code).sum()) for code, name in enumerate(SPLITS)},
        "split": {
            "test": options.test,
            "validation": options.validation,
            "seed": options.seed,
            "stratified": True,
            "group_by": group_by,
            "group_files": [str(path.resolve()) for path in group_paths],
        },
        "source": {"kind": reading.kind, "location": source, **reading.facts},
        "warnings": warnings,
        "sha256": content.sha256(),
        "created_at": utc_now(),
        "pigeonhole": __version__,
    }


def _publish(workspace: Workspace, name: str, staged: Path, manifest: dict[str, Any]) -> IngestResult:
    with catalogue.writing(workspace, name) as folder:
        for version in catalogue.versions(workspace, name):
            if read_manifest(folder / str(version))["sha256"] == manifest["sha256"]:
                return IngestResult(Dataset(workspace, folder / str(version)), reused=True)
        version = catalogue.next_version(workspace, name)
        folder.mkdir(exist_ok=True)
        write_json(staged / MANIFEST, {"name": name, "version": version, **manifest})
        if not publish(staged, folder / str(version)):
            raise DataError(
                f"{folder / str(version)} is taken, but is no dataset version",
                "a folder that only pigeonhole writes into",
                "move it away, then run the same command again",
            )
        return IngestResult(Dataset(workspace, folder / str(version)), reused=False)
