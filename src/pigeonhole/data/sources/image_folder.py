"""A folder of PNG or JPEG images of one size: `CLASS/*`, or `train|test/CLASS/*` (and `validation`, if it is there).

Every header is read first, so that all wrong files are reported at once and the shape is known before decoding.
A set in which any image has colour is a colour set: its grey images get three equal channels, and are counted.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pigeonhole.core.errors import DataError, listing
from pigeonhole.data.plain import is_inside, readable
from pigeonhole.data.reading import CHUNK_BYTES, SPLITS, Chunk, Reading, ReadOptions, Split
from pigeonhole.images import Limits, Shape, decode, header

_LAYOUT = "CLASS/*.png or train/CLASS/*.png with test/CLASS/*.png (.jpg and .jpeg too), all images of one size"
_SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
}
IMAGE_ENDINGS = {".png", ".jpg", ".jpeg"}
# Files that their owner takes for images: leaving them out would be a silent loss.
OTHER_IMAGES = {".bmp", ".gif", ".heic", ".jp2", ".jfif", ".pgm", ".ppm", ".tif", ".tiff", ".webp", ".avif"}
NAMED_STRAYS = 100


@dataclass(frozen=True)
class _Item:
    path: Path
    name: str
    class_name: str
    split: Split | None


@dataclass
class _Found:
    """What lies in the folder: images, what was ignored, and what is wrong."""

    items: list[_Item] = field(default_factory=list)
    system_files: int = 0
    strays: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class ImageFolderSource:
    """Reads class folders, with or without split folders above them."""

    kind = "folder"
    accepts = f"a folder of images ({_LAYOUT})"

    def matches(self, location: str) -> bool:
        """True for a folder that has folders or images in it."""
        path = Path(location).expanduser()
        return path.is_dir() and any(is_inside(entry.name) and _of_interest(entry) for entry in path.iterdir())

    def read(self, location: str, options: ReadOptions) -> Reading:
        """Walks the folder and reads every image's header. See `Source.read`."""
        options.refuse_table_options(self.kind)
        root = Path(location).expanduser()
        found = _walk(root)
        classes = _classes(root, found)
        shape, grey = _common_shape(root, found.items, options.limits)
        facts = _facts(root, found, grey if shape[2] == 3 else 0)
        _report(found, options)
        return Reading(
            kind=self.kind,
            title=root.resolve().name,
            shape_HWC=shape,
            chunks=_chunks(found.items, classes, shape, options.limits, facts),
            count=len(found.items),
            class_names=tuple(classes),
            facts=facts,
        )


def _of_interest(entry: Path) -> bool:
    return entry.is_dir() or entry.suffix.lower() in IMAGE_ENDINGS


def _entries(folder: Path, found: _Found) -> list[Path]:
    with readable(folder):
        entries = sorted(folder.iterdir(), key=lambda entry: natural(entry.name))
    inside = [entry for entry in entries if is_inside(entry.name)]
    found.system_files += len(entries) - len(inside)
    return inside


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts `2` before `10`, in file names and class names alike."""
    parts: list[tuple[int, int, str]] = []
    for digits, run in _runs(text):
        parts.append((0, int(run), run) if digits else (1, 0, run))
    return parts


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or _is_digit(text[end]) != _is_digit(text[start]):
            yield _is_digit(text[start]), text[start:end]
            start = end


def _is_digit(character: str) -> bool:
    return character.isascii() and character.isdigit()


def _walk(root: Path) -> _Found:
    found = _Found()
    entries = _entries(root, found)
    folders = [entry for entry in entries if entry.is_dir()]
    for entry in entries:
        if not entry.is_dir():
            _stray(entry, root, found)
    splits = _split_folders(folders)
    if not splits:
        for folder in folders:
            _class_folder(folder, root, None, found)
    for folder, split in splits:
        for entry in _entries(folder, found):
            if entry.is_dir():
                _class_folder(entry, root, split, found)
            else:
                _stray(entry, root, found)
    found.items.sort(key=lambda item: SPLITS.index(item.split) if item.split else 0)
    return found


def _split_folders(folders: Sequence[Path]) -> list[tuple[Path, Split]]:
    """The folders that are splits: all of them have a split's name and have folders inside, or none counts."""
    named = [(folder, _SPLIT_FOLDERS.get(folder.name.lower())) for folder in folders]
    inner = [any(entry.is_dir() and is_inside(entry.name) for entry in folder.iterdir()) for folder in folders]
    return [(folder, split) for folder, split in named if split] if all(s for _, s in named) and all(inner) else []


def _class_folder(folder: Path, root: Path, split: Split | None, found: _Found) -> None:
    before = len(found.items)
    for entry in _entries(folder, found):
        name = entry.relative_to(root).as_posix()
        if entry.is_dir():
            found.problems.append(f"{name}/: a folder where images were expected")
        elif entry.suffix.lower() in IMAGE_ENDINGS:
            found.items.append(_Item(entry, readable_name(name), readable_name(folder.name), split))
        else:
            _stray(entry, root, found)
    if len(found.items) == before:
        found.problems.append(f"{folder.relative_to(root).as_posix()}/: a class folder without images")


def _stray(path: Path, root: Path, found: _Found) -> None:
    name = path.relative_to(root).as_posix()
    ending = path.suffix.lower()
    if ending in OTHER_IMAGES:
        found.problems.append(f"{name}: an image that is neither PNG nor JPEG")
    elif ending in IMAGE_ENDINGS:
        found.problems.append(f"{name}: an image outside the class folders")
    else:
        found.strays.append(readable_name(name))


def readable_name(name: str) -> str:
    """The name as text that any file format can hold, whatever bytes the file system kept."""
    return os.fsencode(name).decode("utf-8", "replace")


def _classes(root: Path, found: _Found) -> list[str]:
    if not found.items and not found.problems:
        found.problems.append("no images in class folders")
    classes = sorted({item.class_name for item in found.items}, key=natural)
    trained = {item.class_name for item in found.items if item.split in {None, "train"}}
    if trained or any(item.split for item in found.items):
        unknown = [name for name in classes if name not in trained]
        found.problems += [f"class {name!r} has no training images" for name in unknown]
    if found.problems:
        raise DataError(
            f"{root}: {len(found.problems):,} problems\n{listing(found.problems)}",
            _LAYOUT,
            "put the files in that order",
        )
    return classes


def _common_shape(root: Path, items: Sequence[_Item], limits: Limits) -> tuple[Shape, int]:
    """The one shape of all images, and how many of them are grey."""
    with _pool() as pool:
        headers = list(pool.map(partial(_header, limits=limits), items))
    problems = [str(found) for found in headers if isinstance(found, DataError)]
    shapes = [found for found in headers if not isinstance(found, DataError)]
    sizes = Counter(shape[:2] for shape in shapes)
    if len(sizes) > 1:
        usual = sizes.most_common(1)[0][0]
        problems += [
            f"{item.name}: {found[1]} × {found[0]} pixels, most are {usual[1]} × {usual[0]}"
            for item, found in zip(items, headers, strict=True)
            if not isinstance(found, DataError) and found[:2] != usual
        ]
    if problems:
        raise _wrong_images(root, problems)
    return (*shapes[0][:2], max(shape[2] for shape in shapes)), sum(shape[2] == 1 for shape in shapes)


def _wrong_images(root: Path, problems: Sequence[str]) -> DataError:
    noun = "image" if len(problems) == 1 else "images"
    return DataError(
        f"{root}: {len(problems):,} {noun} cannot be used\n{listing(list(problems))}",
        "whole PNG or JPEG images of one size",
        "resize, replace or remove these files",
    )


def _header(item: _Item, limits: Limits) -> Shape | DataError:
    try:
        return header(_content(item, limits), limits=limits, source=item.name)
    except DataError as error:
        return DataError(error.received)


def _content(item: _Item, limits: Limits) -> bytes:
    # One byte over the limit is enough to refuse; a huge file is never read whole.
    with readable(item.path), item.path.open("rb") as file:
        return file.read(limits.max_bytes + 1)


def _pool() -> ThreadPoolExecutor:
    # Pillow decodes outside the interpreter's lock, so threads are enough.
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1), "images")


def _chunks(
    items: Sequence[_Item], classes: Sequence[str], shape: Shape, limits: Limits, facts: dict[str, Any]
) -> Iterator[Chunk]:
    numbers = {name: number for number, name in enumerate(classes)}
    step = max(1, CHUNK_BYTES // int(np.prod(shape)))
    content_hash = hashlib.sha256()
    problems: list[str] = []
    with _pool() as pool:
        for split in (None, *SPLITS):
            group = [item for item in items if item.split == split]
            for start in range(0, len(group), step):
                part = group[start : start + step]
                decoded = list(pool.map(partial(_decoded, shape=shape, limits=limits), part))
                problems += [found for found, _ in decoded if isinstance(found, str)]
                if not problems:
                    for _, digest in decoded:
                        content_hash.update(digest)
                    images_NHWC = np.stack([found for found, _ in decoded if not isinstance(found, str)])
                    labels_N = np.array([numbers[item.class_name] for item in part], np.int64)
                    yield Chunk(images_NHWC, labels_N, [item.name for item in part], split)
    if problems:
        raise _wrong_images(Path(facts["path"]), problems)
    facts["sha256"] = content_hash.hexdigest()


def _decoded(item: _Item, shape: Shape, limits: Limits) -> tuple[NDArray[np.uint8] | str, bytes]:
    try:
        content = _content(item, limits)
        image_HWC = decode(content, channels=shape[2], limits=limits, source=item.name)
    except DataError as error:
        return error.received, b""
    if image_HWC.shape != shape:
        return f"{item.name}: changed while it was read", b""
    return image_HWC, hashlib.sha256(content).digest()


def _facts(root: Path, found: _Found, widened: int) -> dict[str, Any]:
    ignored = {
        "system_files": found.system_files,
        "other_files": len(found.strays),
        "other_file_names": found.strays[:NAMED_STRAYS],
    }
    return {
        "path": str(root.resolve()),
        "image_files": len(found.items),
        "ignored": ignored,
        "grey_images_made_colour": widened,
    }


def _report(found: _Found, options: ReadOptions) -> None:
    if found.strays:
        options.progress.note(f"{len(found.strays):,} files that are no images were left out:\n{listing(found.strays)}")
