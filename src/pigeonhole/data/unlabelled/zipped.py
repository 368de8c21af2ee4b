"""PNG and JPEG files in a zip file, read where they lie; nothing is unpacked onto the disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from pigeonhole.core.errors import DataError
from pigeonhole.data.plain import is_inside
from pigeonhole.data.reading import counted
from pigeonhole.data.sources.image_folder import natural
from pigeonhole.data.unlabelled.image_files import LISTED_ENDINGS
from pigeonhole.data.unlabelled.image_set import Encoded, ImageOptions, ImageSet, Portion, file_stamp, starts

# What zipfile raises for a member that it cannot give: RuntimeError for one with a password, NotImplementedError for a
# compression that it does not know.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class ZipOfImages:
    """A zip file with images in it, in folders or not."""

    kind = "zip"
    accepts = "a .zip of such files"

    def matches(self, path: Path) -> bool:
        """True for every zip file; arrays in one were looked for before."""
        return path.is_file() and zipfile.is_zipfile(path)

    def open(self, path: Path, options: ImageOptions) -> ImageSet:
        """Reads the list of contents. See `Kind.open`."""
        options.refuse(self.kind, "label", "shape", "images")
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise DataError(f"{path} is damaged: {error}", "a whole zip file", "fetch or write it again") from error
        inside = [info for info in archive.infolist() if not info.is_dir() and _counts(info.filename)]
        members = sorted(
            (info for info in inside if PurePosixPath(info.filename).suffix.lower() in LISTED_ENDINGS),
            key=lambda info: natural(info.filename),
        )
        if not members:
            names = ", ".join(info.filename for info in inside[:5]) or "nothing"
            raise DataError(
                f"{path} has no images in it, but {names}", "PNG or JPEG files", "unpack it, and give what is inside"
            )
        others = [info for info in inside if PurePosixPath(info.filename).suffix.lower() not in LISTED_ENDINGS]
        notes = (f"left out, being no images: {counted(others, 'file')}",) if others else ()

        def read(first: int, size: int) -> Iterator[Portion]:
            for start, n in starts(first, len(members), size):
                part = members[start : start + n]
                readers = [partial(_content, archive, info, options.limits.max_bytes) for info in part]
                yield Portion(start, [info.filename for info in part], partial(Encoded, readers))

        return ImageSet(self.kind, path.name, file_stamp(path), read, len(members), notes)


def _counts(name: str) -> bool:
    return all(is_inside(part) for part in PurePosixPath(name).parts)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int) -> bytes:
    # What the zip file says of a size is not believed: reading stops one byte over the limit.
    try:
        with archive.open(info) as file:
            return file.read(max_bytes + 1)
    except _BROKEN as error:
        raise DataError(f"{info.filename} cannot be unpacked: {error}", "a whole file without a password") from error
