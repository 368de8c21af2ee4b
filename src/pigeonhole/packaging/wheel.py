"""This very pigeonhole as a wheel, packed from the installed files: no source tree, no build tool, no network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

import pigeonhole
from pigeonhole.core.errors import MissingDependencyError, UsageError

NAME = "pigeonhole"
# Zip files begin in 1980; a fixed time, so that the same files make the same wheel.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_METADATA = ("METADATA", "entry_points.txt", "top_level.txt")
_WHEEL = "Wheel-Version: 1.0\nGenerator: pigeonhole\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def installed() -> Distribution:
    """The installation whose code runs now.

    Raises:
        MissingDependencyError: the code runs from sources that were never installed.
        UsageError: the installation describes another version than the code is.
    """
    found = [each for each in Distribution.discover(name=NAME) if each.read_text("METADATA")]
    if not found:
        raise MissingDependencyError(
            "pigeonhole runs from sources that are not installed",
            "an installation with pip",
            "pip install --editable .",
        )
    if found[0].version != pigeonhole.__version__:
        raise UsageError(
            f"the code is pigeonhole {pigeonhole.__version__}, its installation says {found[0].version}",
            "an installation of the code that runs",
            "install pigeonhole again",
        )
    return found[0]


def write_wheel(folder: Path) -> Path:
    """Packs the wheel into `folder` and returns where. The same installation gives the same bytes.

    Raises:
        MissingDependencyError: the code runs from sources that were never installed.
        UsageError: the installation describes another version than the code is.
    """
    distribution = installed()
    stem = f"{NAME}-{distribution.version}"
    path = folder / f"{stem}-py3-none-any.whl"
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _content(distribution, f"{stem}.dist-info"):
            _add(archive, name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}")
        record = f"{stem}.dist-info/RECORD"
        _add(archive, record, "\n".join([*lines, f"{record},,", ""]).encode())
    return path


def _content(distribution: Distribution, info: str) -> Iterator[tuple[str, bytes]]:
    """The wheel's files, in the order of their names: an installation may list only a link to the code."""
    root = Path(pigeonhole.__file__).parent
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and "__pycache__" not in inside.parts and not path.name.startswith("."):
            yield f"{NAME}/{inside.as_posix()}", path.read_bytes()
    licenses = [f"licenses/{name}" for name in distribution.metadata.get_all("License-File") or ()]
    for name in (*_METADATA, *licenses):
        if text := distribution.read_text(name):
            yield f"{info}/{name}", text.encode()
    yield f"{info}/WHEEL", _WHEEL.encode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = _MODE
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
