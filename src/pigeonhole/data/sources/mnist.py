"""The named set `mnist`: the original 70,000 images, by their SHA-256, from PIGEONHOLE_DATA, the cache or a mirror."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import DataError, listing
from pigeonhole.core.files import read_json
from pigeonhole.core.progress import Progress
from pigeonhole.data.idx_format import Pair, idx_file, read_pairs
from pigeonhole.data.plain import opened
from pigeonhole.data.reading import Reading, ReadOptions

DATA_VARIABLE = "PIGEONHOLE_DATA"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://raw.githubusercontent.com/fgnt/mnist/master",
    "https://yann.lecun.com/exdb/mnist",
)
# SHA-256 of the decompressed files; training images, training labels, test images, test labels.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
DIGITS = tuple("0123456789")


class MnistSource:
    """Reads MNIST, and nothing that only looks like it.

    Args:
        mirrors: addresses that the four files lie under; tried in this order.
        files: the files' names without .gz, with the SHA-256 of their decompressed content.
    """

    kind = "mnist"
    accepts = "mnist (70,000 digits; downloaded once)"

    def __init__(self, mirrors: Sequence[str] = MIRRORS, files: dict[str, str] | None = None) -> None:
        self._mirrors = mirrors
        self._files = files or FILES

    def matches(self, location: str) -> bool:
        """True for the name `mnist`."""
        return location == self.kind

    def read(self, location: str, options: ReadOptions) -> Reading:
        """Finds or downloads the four files. See `Source.read`."""
        options.refuse_table_options(location)
        found = self._at_hand() or self._downloaded(options.progress)
        paths = [path for path, _ in found]
        origins = [{"name": name, **origin} for name, (_, origin) in zip(self._files, found, strict=True)]
        expected = dict(zip(paths, self._files.values(), strict=True))
        images, labels, test_images, test_labels = (idx_file(path) for path in paths)
        return read_pairs(
            [Pair(images, labels, "train"), Pair(test_images, test_labels, "test")],
            kind=self.kind,
            title="MNIST",
            class_names=DIGITS,
            expected_sha256=expected,
            facts={"origins": origins},
        )

    def _at_hand(self) -> list[tuple[Path, dict[str, Any]]] | None:
        for folder in data_folders():
            paths = [_either(folder / self.kind / name) for name in self._files]
            if all(paths):
                return [(path, {"found_in": DATA_VARIABLE}) for path in paths if path]
        return None

    def _downloaded(self, progress: Progress) -> list[tuple[Path, dict[str, Any]]]:
        folder = cache_folder() / self.kind
        result = []
        for name, sha256 in self._files.items():
            path = folder / f"{name}.gz"
            if not path.exists():
                self._fetch(path, sha256, progress)
            # A file that somebody put there has no record of its address; its hash is checked all the same.
            record = path.with_name(f"{path.name}.origin.json")
            result.append((path, {"found_in": "cache", **(read_json(record) if record.exists() else {})}))
        return result

    def _fetch(self, path: Path, sha256: str, progress: Progress) -> None:
        # Only a download needs the modules of HTTP.
        from pigeonhole.data.download import DownloadFailed, download

        urls = [f"{mirror}/{path.name}" for mirror in self._mirrors]
        try:
            download(urls, path, verify=lambda part: _check(part, sha256), progress=progress)
        except DownloadFailed as error:
            looked = ", ".join(map(str, data_folders())) or "it is not set"
            raise DataError(
                f"{self.kind} is not at hand, and no mirror gave {path.name}\n{listing(error.reasons)}",
                f"the four files of {self.kind} below a folder of {DATA_VARIABLE} ({looked}), in the cache "
                f"{path.parent}, or a connection to a mirror",
                f"connect to the internet and run the same command again (what was loaded is kept); or put "
                f"{self.kind}/{path.name} and its like into a folder and set {DATA_VARIABLE} to it; or use mnist-5k, "
                "5,000 training images that come with a package",
            ) from error


def data_folders() -> list[Path]:
    """The folders of PIGEONHOLE_DATA, in order."""
    named = os.environ.get(DATA_VARIABLE, "")
    return [Path(folder).expanduser() for folder in named.split(os.pathsep) if folder]


def cache_folder() -> Path:
    """Where downloads are kept: `pigeonhole` in XDG_CACHE_HOME, or in ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "pigeonhole"


def _either(path: Path) -> Path | None:
    """The file itself or its .gz, whichever is there."""
    gzipped = path.with_name(f"{path.name}.gz")
    return next((found for found in (gzipped, path) if found.is_file()), None)


def _check(path: Path, sha256: str) -> str | None:
    """What is wrong with a downloaded file, or `None`."""
    try:
        with opened(path) as file:
            while file.read(1 << 20):
                pass
            return None if file.sha256 == sha256 else f"other content (SHA-256 {file.sha256})"
    except DataError as error:
        return error.received
