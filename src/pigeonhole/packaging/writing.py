"""Writes a package: filled aside, then there in one step. The same again changes nothing; another never overwrites."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pigeonhole
from pigeonhole.bundle import FORMAT_VERSION as BUNDLE_FORMAT_VERSION
from pigeonhole.bundle import Bundle, load
from pigeonhole.core.errors import ConflictError, UsageError, listing
from pigeonhole.core.files import publish, read_json, sha256_file, staged_folder, sweep_staging, write_json
from pigeonhole.data.request import request_body
from pigeonhole.packaging import container, kubernetes, readme, wheel
from pigeonhole.packaging.plan import BUNDLE, Plan
from pigeonhole.packaging.requirements import pins

FORMAT = "pigeonhole-package"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Package:
    """A folder that serves a bundle elsewhere.

    Attributes:
        folder: where it stands.
        model: what answers call the model.
        name: the name of everything on a cluster.
        image: the image that the manifests name.
        bundle_sha256: the hash of the bundle's content.
        sha256: the hash of the package's content.
        size_bytes: the size of its files.
        files: the files, by their place in the folder.
        commands: the two commands that run it from inside the folder.
        written: False if the very same package stood there already.
    """

    folder: Path
    model: str
    name: str
    image: str
    bundle_sha256: str
    sha256: str
    size_bytes: int
    files: tuple[str, ...]
    commands: tuple[str, str]
    written: bool

    def to_dict(self) -> dict[str, Any]:
        """The package as JSON-ready values."""
        return {
            **asdict(self),
            "folder": str(self.folder),
            "files": list(self.files),
            "commands": list(self.commands),
        }


def write(bundle: Bundle, folder: Path, plan: Plan) -> Package:
    """A package in `folder`, which appears whole or not at all.

    Args:
        bundle: verified, and its probe reproduced.
        folder: where it is to stand; absent, empty, or the same package.
        plan: what it is to be called and to ask for.

    Raises:
        ConflictError: something else stands there.
        UsageError: the place cannot be written to, or is the current folder.
        MissingDependencyError: pigeonhole or what it needs is not installed.
        DataError: the disk is full; nothing is left behind.
    """
    _check_not_here(folder)
    parent = folder.absolute().parent
    try:
        with staged_folder(parent) as staged:
            sweep_staging(parent)
            manifest = _fill(staged, bundle, plan)
            written = publish(staged, folder.absolute())
    except OSError as error:
        raise UsageError(
            f"{folder}: {error.strerror}", "a place that can be written to", "choose another --to"
        ) from error
    if not written:
        _check_same(folder, manifest)
    files = manifest["files"]
    return Package(
        folder,
        plan.model,
        plan.name,
        plan.image,
        bundle.sha256,
        manifest["sha256"],
        sum(entry["size_bytes"] for entry in files.values()),
        tuple(files),
        readme.commands(plan),
        written,
    )


def _check_not_here(folder: Path) -> None:
    """An empty folder is replaced by the finished one, and whoever stood in it would stand in one that is gone.

    Raises:
        UsageError: it is the current folder, and empty.
    """
    here = Path.cwd()
    if folder.resolve() == here.resolve() and not any(here.iterdir()):
        raise UsageError(
            f"{folder}, which is the current folder", "another folder", "choose a name inside or beside it as --to"
        )


def _fill(staged: Path, bundle: Bundle, plan: Plan) -> dict[str, Any]:
    """Every file of the package, the manifest last; the manifest."""
    _copy_bundle(bundle, staged / BUNDLE)
    wheels = staged / container.WHEELS
    wheels.mkdir()
    packed = wheel.write_wheel(wheels)
    needed = wheel.installed().requires or []
    texts = {
        container.REQUIREMENTS: container.requirements_text(plan, packed.name, pins(needed)),
        "Dockerfile": container.dockerfile(plan),
        ".dockerignore": container.IGNORED,
        "README.md": readme.readme(plan, _facts(bundle)),
        readme.REQUEST: request_body(bundle.probe_images_NHWC[:1]) + "\n",
        **kubernetes.manifests(plan),
    }
    for place, text in texts.items():
        (staged / place).parent.mkdir(exist_ok=True)
        (staged / place).write_text(text, encoding="utf-8")
    manifest = _manifest(staged, bundle, plan)
    write_json(staged / MANIFEST, manifest)
    return manifest


def _copy_bundle(bundle: Bundle, target: Path) -> None:
    """The files that the bundle's manifest names, and it; not what else may lie there. The copy is verified too."""
    target.mkdir()
    for name in (*bundle.manifest["files"], "manifest.json"):
        shutil.copyfile(bundle.folder / name, target / name)
    load(target)


def _facts(bundle: Bundle) -> readme.Facts:
    label = bundle.labels(bundle.probe_probs_NK[:1])[0]
    return readme.Facts(bundle.shape_HWC, bundle.class_names, bundle.sha256, label)


def _manifest(staged: Path, bundle: Bundle, plan: Plan) -> dict[str, Any]:
    """What the folder holds. Without the time: the same package is to have the same bytes."""
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "pigeonhole": pigeonhole.__version__,
        "bundle_format_version": BUNDLE_FORMAT_VERSION,
        "bundle_sha256": bundle.sha256,
        "plan": asdict(plan),
        "files": _hashes(staged),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {**content, "sha256": hashlib.sha256(text.encode()).hexdigest(), "lineage": bundle.lineage}


def _holds(path: Path, entry: dict[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == entry["size_bytes"] and sha256_file(path) == entry["sha256"]


def _hashes(folder: Path) -> dict[str, dict[str, Any]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {
        path.relative_to(folder).as_posix(): {"sha256": sha256_file(path), "size_bytes": path.stat().st_size}
        for path in paths
    }


def _check_same(folder: Path, manifest: dict[str, Any]) -> None:
    """Nothing, if `folder` holds the package that `manifest` describes, unchanged.

    Raises:
        ConflictError: it holds something else; what differs is named.
    """
    remedy = "choose another --to, or remove that folder"
    if not _is_package(folder):
        raise ConflictError(f"{folder} is there already and is no package", "a name that is not taken", remedy)
    # What else lies there, such as an environment that the package was installed into, is the user's.
    differing = [place for place, entry in manifest["files"].items() if not _holds(folder / place, entry)]
    if differing:
        raise ConflictError(
            f"{folder} holds a package that differs from this one:\n{listing(differing)}",
            "a name that is not taken, or the very same package",
            remedy,
        )


def _is_package(folder: Path) -> bool:
    try:
        return bool(read_json(folder / MANIFEST)["format"] == FORMAT)
    except (OSError, ValueError, KeyError, TypeError):
        return False
