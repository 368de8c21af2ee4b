"""PNG and JPEG files: one, or all below a folder, whatever their sizes. Damaged ones are passed on, not left out.

Which of them can be decoded is found out by whoever decodes them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pigeonhole.data.plain import is_inside, readable
from pigeonhole.data.reading import counted
from pigeonhole.data.sources.image_folder import IMAGE_ENDINGS, OTHER_IMAGES, natural, readable_name
from pigeonhole.data.unlabelled.image_set import Encoded, ImageOptions, ImageSet, Portion, begins, file_stamp, starts
from pigeonhole.images import Limits

# An image of a kind that is not read counts as damaged: leaving it out would be a silent loss.
LISTED_ENDINGS = IMAGE_ENDINGS | OTHER_IMAGES
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


class SingleImage:
    """One PNG or JPEG file."""

    kind = "image"
    accepts = "a PNG or JPEG file"

    def matches(self, path: Path) -> bool:
        """True for a file that begins as PNG or JPEG files do."""
        return path.is_file() and begins(path, *_MAGIC)

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """See `Kind.open`."""
        options.refuse(self.kind, "label", "shape", "images")
        return _image_set(self.kind, path.name, path.parent, [path.name], file_stamp(path), options.limits)


class FolderOfImages:
    """All images below a folder, by name, `2.png` before `10.png`."""

    kind = "folder"
    accepts = "a folder of PNG or JPEG files, in folders of their own or not, of any sizes"

    def matches(self, path: Path) -> bool:
        """True for a folder with at least one image file below it."""
        return path.is_dir() and any(
            _is_image(name) for _, folders, names in os.walk(path) if _prune(folders) for name in names
        )

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Lists the files. See `Kind.open`."""
        options.refuse(self.kind, "label", "shape", "images")
        files, notes = _listed(path)
        stamp = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape"))
        for file in files:
            stamp.update(f"{file}\0{_stamp(path / file)}\n".encode("utf-8", "surrogateescape"))
        return _image_set(self.kind, path.resolve().name, path, files, stamp.hexdigest(), options.limits, notes)


def _stamp(path: Path) -> str:
    # A link that leads nowhere is an image that cannot be read, and counted as such later.
    stat = path.stat() if path.exists() else path.lstat()
    return f"{stat.st_size}\0{stat.st_mtime_ns}"


def _prune(folders: list[str]) -> bool:
    """Takes out of a walk the folders that a system left; always true."""
    folders[:] = [name for name in folders if is_inside(name)]
    return True


def _is_image(name: str) -> bool:
    return is_inside(name) and Path(name).suffix.lower() in LISTED_ENDINGS


def _listed(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """The images below a folder, relative to it, a folder's files before its folders; and what was left out."""
    files: list[str] = []
    others: list[str] = []
    links: list[str] = []
    with readable(root):
        for folder, folders, names in os.walk(root, onerror=_raise):
            _prune(folders)
            folders.sort(key=natural)
            links += [name for name in folders if Path(folder, name).is_symlink()]
            inside = Path(folder).relative_to(root)
            for name in sorted(filter(is_inside, names), key=natural):
                (files if _is_image(name) else others).append(str(inside / name))
    notes = [f"left out, being no images: {counted(others, 'file')}"] if others else []
    notes += [f"not followed: {counted(links, 'link')} to folders"] if links else []
    return files, tuple(notes)


def _raise(error: OSError) -> None:
    raise error


def _image_set(
    kind: str,
    title: str,
    root: Path,
    files: list[str],
    stamp: str,
    limits: Limits,
    notes: tuple[str, ...] = (),
) -> ImageSet:
    def read(first: int, size: int) -> Iterator[Portion]:
        for start, n in starts(first, len(files), size):
            part = files[start : start + n]
            readers = [partial(_content, root / file, limits.max_bytes) for file in part]
            yield Portion(start, [readable_name(file) for file in part], partial(Encoded, readers))

    return ImageSet(kind, title, stamp, read, len(files), notes)


def _content(path: Path, max_bytes: int) -> bytes:
    # One byte over the limit is enough to refuse; a huge file is never read whole.
    with path.open("rb") as file:
        return file.read(max_bytes + 1)
