"""IDX pairs, the format of the original MNIST: an images file and a labels file, gzipped or not, told by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pigeonhole.core.errors import DataError, listing
from pigeonhole.data.idx_format import IdxFile, Pair, idx_file, read_pairs
from pigeonhole.data.plain import is_inside, sniff
from pigeonhole.data.reading import Reading, ReadOptions

_TEST_NAMES = {"test", "t10k"}
_TYPES = {8, 9, 11, 12, 13, 14}


class IdxSource:
    """Reads a folder of one or two IDX pairs, or the pair that one file belongs to."""

    kind = "idx"
    accepts = "IDX files (a folder of them, or one of a pair; .gz or not)"

    def matches(self, location: str) -> bool:
        """True for an IDX file, by content or name, and for a folder that has one."""
        path = Path(location).expanduser()
        return any(is_idx(file) for file in files_in(path)) if path.is_dir() else path.is_file() and is_idx(path)

    def read(self, location: str, options: ReadOptions) -> Reading:
        """Opens the pairs. See `Source.read`."""
        options.refuse_table_options(self.kind)
        path = Path(location).expanduser()
        if path.is_dir():
            pairs = _pairs_of_folder(path)
            return read_pairs(pairs, kind=self.kind, title=path.name or str(path))
        pair = _pair_of_file(path)
        return read_pairs([pair], kind=self.kind, title=pair.images.path.name)


def files_in(folder: Path) -> list[Path]:
    """The files that people put into a folder, by name."""
    return sorted(path for path in folder.iterdir() if is_inside(path.name) and path.is_file())


def is_idx(path: Path) -> bool:
    """Whether a file is IDX, by its first bytes, gzipped or not, or by its name."""
    head = sniff(path, 4)
    named = "idx" in path.name.lower() and "ubyte" in path.name.lower()
    return named or (len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 8)


def _pairs_of_folder(folder: Path) -> list[Pair]:
    files = without_twins([idx_file(path) for path in files_in(folder) if is_idx(path)])
    images = [file for file in files if file.is_images]
    labels = [file for file in files if not file.is_images]
    if len(images) != len(labels) or len(images) not in {1, 2}:
        raise DataError(
            f"{folder} has {len(images)} files of images and {len(labels)} of labels:\n{_list(files)}",
            "one pair, or a training and a test pair",
            "name one file of the pair, or move the others away",
        )
    if len(images) == 1:
        return [Pair(images[0], labels[0])]
    return _ordered([Pair(file, _partner(file, labels)) for file in images], folder)


def without_twins(files: list[IdxFile]) -> list[IdxFile]:
    """Without the .gz of a file that also lies there decompressed."""
    plain = {file.path.name for file in files}
    return [file for file in files if file.path.suffix != ".gz" or file.path.stem not in plain]


def _pair_of_file(path: Path) -> Pair:
    file = idx_file(path)
    others = without_twins([idx_file(other) for other in files_in(path.parent) if other != path and is_idx(other)])
    partner = _partner(file, [other for other in others if other.is_images != file.is_images])
    return Pair(file, partner) if file.is_images else Pair(partner, file)


def _partner(file: IdxFile, others: Sequence[IdxFile]) -> IdxFile:
    """The one file that belongs to `file`: of the same name, or else of the same count, or else the only one."""
    for fits in (
        [other for other in others if other.set_name == file.set_name],
        [other for other in others if other.count == file.count],
        list(others),
    ):
        if len(fits) == 1:
            return fits[0]
    wanted = "labels" if file.is_images else "images"
    raise DataError(
        f"{file.path}: {len(others)} files of {wanted} beside it\n{_list(others)}".rstrip(),
        f"one file of {wanted} in the same folder, with the same name or the same count",
        f"put the {wanted} beside it, or rename the files",
    )


def _ordered(pairs: list[Pair], folder: Path) -> list[Pair]:
    tests = [pair for pair in pairs if any(name in pair.images.set_name for name in _TEST_NAMES)]
    if len(tests) != 1:
        raise DataError(
            f"{folder} has two pairs:\n{_list([pair.images for pair in pairs])}",
            "a test pair whose name says so (t10k or test)",
            "rename the test files, or name one file of the pair to ingest",
        )
    train = next(pair for pair in pairs if pair is not tests[0])
    return [Pair(train.images, train.labels, "train"), Pair(tests[0].images, tests[0].labels, "test")]


def _list(files: Sequence[IdxFile]) -> str:
    return listing([f"{file.path.name}: {' × '.join(f'{size:,}' for size in file.dimensions)}" for file in files])
