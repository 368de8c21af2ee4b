"""The bundle on disk: six files, each with its hash in manifest.json. Written staged and proven, then published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pigeonhole.bundle.bundle import Bundle
from pigeonhole.core.clock import utc_now
from pigeonhole.core.errors import ConflictError, DataError, NotFoundError, listing
from pigeonhole.core.files import publish, read_json, sha256_file, staged_folder, write_json

FORMAT = "pigeonhole-bundle"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
FILES = ("model.onnx", "labels.json", "calibration.json", "reference.npz", "probe.npz")
_REMEDY = "fetch or export the bundle again"


def write(
    folder: Path,
    *,
    onnx_model: bytes,
    class_names: Sequence[str],
    shape_HWC: tuple[int, int, int],
    embedding_size: int,
    calibration: Mapping[str, Any],
    reference: Mapping[str, npt.NDArray[Any]],
    probe_images_NHWC: npt.NDArray[np.uint8],
    probe_probs_NK: npt.NDArray[np.float32],
    lineage: Mapping[str, Any],
) -> Bundle:
    """A bundle in `folder`, which appears whole or not at all.

    Before it appears it is opened as a server would, and must reproduce its own probe.

    Args:
        folder: where it is to stand. One with the same content there already is returned as it is.
        onnx_model: input `images` uint8 [N, H, W, C]; outputs float32 `probabilities` [N, K], `embedding` [N, D].
        class_names: class k's name; K of them, all different.
        shape_HWC: height, width, channels.
        embedding_size: D.
        calibration: JSON, such as `{"temperature": 1.3}`.
        reference: what `describe_normal` gave.
        probe_images_NHWC: some images, uint8, that every host tries before it answers requests …
        probe_probs_NK: … and the probabilities they must give, from the trained model itself.
        lineage: JSON: run, dataset version, spec, versions.

    Raises:
        DataError: the parts do not fit each other, or the disk is full.
        GateError: the model does not reproduce the probe.
        ConflictError: `folder` holds something else.
    """
    _check_parts(class_names, shape_HWC, probe_images_NHWC, probe_probs_NK)
    with staged_folder(folder.parent) as staged:
        (staged / "model.onnx").write_bytes(onnx_model)
        write_json(staged / "labels.json", list(class_names))
        write_json(staged / "calibration.json", dict(calibration))
        np.savez(staged / "reference.npz", allow_pickle=False, **dict(reference))
        np.savez(staged / "probe.npz", images_NHWC=probe_images_NHWC, probs_NK=probe_probs_NK.astype(np.float32))
        write_json(staged / MANIFEST, _manifest(staged, shape_HWC, embedding_size, lineage))
        proven = load(staged)
        proven.check_probe()
        if not publish(staged, folder):
            return _same_or_conflict(folder, proven.sha256)
    return load(folder, verify=False)


def load(folder: Path, *, threads: int | None = None, verify: bool = True) -> Bundle:
    """The bundle in `folder`. The model itself is opened when it is first needed.

    Args:
        folder: where manifest.json is.
        threads: threads a batch may use; `None` means one for each core.
        verify: whether to compare every file with its hash; False trusts a folder that was just verified.

    Raises:
        NotFoundError: there is no bundle.
        DataError: a file is missing or changed (all of them are named), or the format is a later release's.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if verify:
        _verify(folder, manifest)
    try:
        probe = _arrays(folder / "probe.npz")
        return Bundle(
            folder,
            manifest,
            tuple(read_json(folder / "labels.json")),
            read_json(folder / "calibration.json"),
            _arrays(folder / "reference.npz"),
            probe["images_NHWC"],
            probe["probs_NK"],
            threads,
        )
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"the bundle {folder} cannot be read: {error!r}", "a whole bundle", _REMEDY) from error


def _manifest(
    staged: Path, shape_HWC: tuple[int, int, int], embedding_size: int, lineage: Mapping[str, Any]
) -> dict[str, Any]:
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "shape_HWC": [int(size) for size in shape_HWC],
        "embedding_size": int(embedding_size),
        "files": {
            name: {"sha256": sha256_file(staged / name), "size_bytes": (staged / name).stat().st_size} for name in FILES
        },
    }
    return {**content, "sha256": _content_hash(content), "lineage": dict(lineage), "created_at": utc_now()}


def _content_hash(manifest: Mapping[str, Any]) -> str:
    """The hash over everything that decides the answers; not when it was made or from what."""
    content = {name: manifest[name] for name in ("format", "format_version", "shape_HWC", "embedding_size", "files")}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The content of a bundle's manifest.json, without a look at the other files.

    Raises:
        NotFoundError: there is none.
        DataError: it is no bundle's manifest, or a later release's.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise NotFoundError(f"{folder} holds no {MANIFEST}", "the folder of a bundle", "check the path")
    try:
        manifest = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "JSON", _REMEDY) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DataError(f"{path} is no bundle's manifest", f'"format": "{FORMAT}"', "check the path")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {manifest.get('format_version')}",
            f"format version {FORMAT_VERSION}",
            "use the pigeonhole release that wrote it, or a later one",
        )
    missing = {"shape_HWC", "embedding_size", "files", "sha256", "lineage"} - manifest.keys()
    if missing or set(manifest["files"]) != set(FILES):
        raise DataError(f"{path} is incomplete", f"an entry for each of {', '.join(FILES)}", _REMEDY)
    return manifest


def _verify(folder: Path, manifest: dict[str, Any]) -> None:
    problems = [problem for name in FILES if (problem := _difference(folder / name, manifest["files"][name]))]
    if _content_hash(manifest) != manifest["sha256"]:
        problems.append(f"{MANIFEST}: its sha256 is not that of its content")
    if problems:
        raise DataError(
            f"the bundle {folder} was changed or damaged:\n{listing(problems)}",
            f"the files whose hashes are in {MANIFEST}",
            _REMEDY,
        )


def _difference(path: Path, entry: Mapping[str, Any]) -> str | None:
    if not path.is_file():
        return f"{path.name}: missing"
    size = path.stat().st_size
    if size != entry["size_bytes"]:
        return f"{path.name}: {size:,} bytes instead of {entry['size_bytes']:,}"
    if sha256_file(path) != entry["sha256"]:
        return f"{path.name}: other content than its sha256 says"
    return None


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _check_parts(
    class_names: Sequence[str],
    shape_HWC: tuple[int, int, int],
    probe_images_NHWC: npt.NDArray[np.uint8],
    probe_probs_NK: npt.NDArray[np.float32],
) -> None:
    problems = []
    if len(set(class_names)) != len(class_names) or len(class_names) < 2:
        problems.append(f"{len(class_names)} class names, {len(set(class_names))} of them different")
    if probe_images_NHWC.dtype != np.uint8 or probe_images_NHWC.shape[1:] != tuple(shape_HWC):
        problems.append(f"probe images of type {probe_images_NHWC.dtype} and shape {probe_images_NHWC.shape}")
    if len(probe_images_NHWC) == 0 or probe_probs_NK.shape != (len(probe_images_NHWC), len(class_names)):
        problems.append(f"probe probabilities of shape {probe_probs_NK.shape} for {len(probe_images_NHWC)} images")
    if problems:
        raise DataError(
            f"the parts of a bundle do not fit:\n{listing(problems)}",
            f"two or more different class names; uint8 probe images (N, {', '.join(map(str, shape_HWC))}), N > 0;"
            " probabilities (N, K)",
            "correct the caller",
        )


def _same_or_conflict(folder: Path, sha256: str) -> Bundle:
    try:
        standing = load(folder)
    except (DataError, NotFoundError):
        standing = None
    if standing is not None and standing.sha256 == sha256:
        return standing
    raise ConflictError(
        f"{folder} already holds something else",
        "a name that is not taken, or the very same bundle",
        "remove that folder, or choose another",
    )
