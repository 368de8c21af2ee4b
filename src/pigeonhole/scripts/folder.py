"""A script's folder on disk: the user's files, whole and as they are, beside a manifest with their hashes.

A folder of somebody's own, without a manifest, can be opened too; it is nothing more than what stands there now.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pigeonhole.core.clock import utc_now
from pigeonhole.core.errors import DataError, NotFoundError, UsageError, listing
from pigeonhole.core.files import read_json, sha256_file, write_json
from pigeonhole.scripts.checking import check

FORMAT = "pigeonhole-script"
FORMAT_VERSION = 1
ENTRY = "score.py"
MANIFEST = "manifest.json"
# The user's own files stand below, so that none of them can be taken for ours.
INSIDE = "script"
_READ_ONLY = 0o444
_REMEDY = "register the folder again"
Files = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Script:
    """A folder with a score.py.

    Attributes:
        root: where score.py is: the script's working folder, its AML_APP_ROOT and AZUREML_MODEL_DIR.
        sha256: the hash of all its files and their names.
        size_bytes: the size of its files.
        lineage: where it comes from.
        class_names: none; what a script answers is its own affair.
    """

    root: Path
    sha256: str
    size_bytes: int
    lineage: dict[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()

    @property
    def entry(self) -> Path:
        """The script itself."""
        return self.root / ENTRY


def is_script(folder: Path) -> bool:
    """Whether a folder is that of a script, registered or somebody's own. What is damaged is found out by `load`."""
    manifest = _manifest(folder)
    if manifest.get("format") == "pigeonhole-bundle":
        return False
    return manifest.get("format") == FORMAT or (folder / ENTRY).is_file()


def is_registered(folder: Path) -> bool:
    """Whether it is the folder of a script with its manifest."""
    return _manifest(folder).get("format") == FORMAT


def sha256_of(folder: Path) -> str:
    """The content hash that a registered script's manifest states, without a look at the files."""
    return str(_manifest(folder)["sha256"])


def load(folder: Path, *, verify: bool = True) -> Script:
    """The script in a folder.

    Args:
        folder: of a registered script, or somebody's own.
        verify: whether every file is compared with its hash, where there is a manifest.

    Raises:
        NotFoundError: there is no score.py.
        DataError: the script is no Python or lacks a function, or the files are not what the manifest says.
    """
    folder = Path(folder)
    if not is_registered(folder):
        return _own(folder)
    manifest = _manifest(folder)
    if manifest.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{folder / MANIFEST} has format version {manifest.get('format_version')}",
            f"format version {FORMAT_VERSION}",
            "use the pigeonhole release that wrote it, or a later one",
        )
    files: Files = manifest["files"]
    if verify:
        _verify(folder, manifest)
    return Script(folder.resolve() / INSIDE, str(manifest["sha256"]), _size(files), dict(manifest["lineage"]))


def write(source: Path, staged: Path) -> Script:
    """Copies somebody's folder, whole, into one that was staged for it, and writes its manifest.

    Left out is only what Python compiled (`__pycache__`). The copies cannot be written to: a script that keeps notes
    beside itself would change what was registered.

    Args:
        source: the folder with score.py.
        staged: an empty folder.

    Raises:
        NotFoundError: there is no score.py, or no such folder.
        DataError: the script is no Python or lacks a function, or the folder holds what cannot be copied.
        UsageError: the folder holds the place that it would be copied to.
    """
    found = _own(source)
    if staged.resolve().is_relative_to(found.root):
        raise UsageError(
            f"{source}, which holds the workspace itself",
            "a folder that holds the script and what it needs, and no more",
            "put score.py and its files into a folder of their own",
        )
    files = _walk(found.root)
    for name in files:
        target = staged / INSIDE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found.root / name, target)
        target.chmod(_READ_ONLY | ((found.root / name).stat().st_mode & 0o111))
    entries = _entries(staged / INSIDE, files)
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, "entry": ENTRY, "files": entries}
    lineage = {"folder": found.root.name}
    facts = {**content, "sha256": _content_hash(entries), "lineage": lineage, "created_at": utc_now()}
    write_json(staged / MANIFEST, facts)
    return Script(staged / INSIDE, str(facts["sha256"]), _size(entries), lineage)


def _own(folder: Path) -> Script:
    if not folder.is_dir():
        raise NotFoundError(f"no folder {folder}", f"a folder with {ENTRY}", "check the path")
    if not (folder / ENTRY).is_file():
        nested = sorted(str(path.relative_to(folder)) for path in folder.glob(f"[!.]*/**/{ENTRY}"))[:3]
        only = f", only {', '.join(nested)}" if nested else ""
        received = f"{folder} holds no {ENTRY}{only}"
        remedy = f"name the folder with {ENTRY} in it, or move the file up" if nested else "check the path"
        raise NotFoundError(received, f"a folder with {ENTRY} at its top", remedy)
    check(folder / ENTRY)
    root = folder.resolve()
    entries = _entries(root, _walk(root))
    return Script(root, _content_hash(entries), _size(entries))


def _walk(root: Path) -> list[str]:
    """The names of all files, without what Python compiled.

    Raises:
        DataError: something is neither a file nor a folder, or cannot be read.
    """
    names: list[str] = []
    problems: list[str] = []

    def unreadable(error: OSError) -> None:
        problems.append(str(error))

    for path, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = sorted(folder for folder in folders if folder != "__pycache__")
        here = Path(path)
        problems += [f"{here / folder}: a link to a folder" for folder in folders if (here / folder).is_symlink()]
        for file in sorted(files):
            if (here / file).is_file():
                names.append((here / file).relative_to(root).as_posix())
            else:
                problems.append(f"{here / file}: neither a file nor a link to one")
    if problems:
        raise DataError(
            f"{root} cannot be copied:\n{listing(problems)}", "files and folders", "take these out of the folder"
        )
    return sorted(names)


def _entries(root: Path, names: list[str]) -> Files:
    try:
        return {
            name: {"sha256": sha256_file(root / name), "size_bytes": (root / name).stat().st_size} for name in names
        }
    except OSError as error:
        raise DataError(f"{root} cannot be read: {error}", "files that can be read", "correct its rights") from error


def _size(files: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(int(entry["size_bytes"]) for entry in files.values())


def _content_hash(files: Files) -> str:
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, "entry": ENTRY, "files": files}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = read_json(folder / MANIFEST)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    files, root = manifest["files"], folder / INSIDE
    here = set(_walk(root)) if root.is_dir() else set()
    problems = [f"{name}: missing" for name in sorted(set(files) - here)]
    problems += [f"{name}: was not there" for name in sorted(here - set(files))]
    for name in sorted(here & set(files)):
        if sha256_file(root / name) != files[name]["sha256"]:
            problems.append(f"{name}: other content than its sha256 says")
    if _content_hash(files) != manifest["sha256"]:
        problems.append(f"{MANIFEST}: its sha256 is not that of its content")
    if problems:
        raise DataError(
            f"the script {folder} was changed or damaged:\n{listing(problems)}",
            f"the files whose hashes are in {MANIFEST}",
            _REMEDY,
        )
