"""What a deployment's folder holds, told by its hash: a bundle, or a user's script. Opens neither."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import scripts
from pigeonhole.bundle import read_manifest


def sha256_of(folder: Path) -> str:
    """The content hash in the folder's manifest.

    Raises:
        NotFoundError: there is no manifest.
        DataError: it cannot be read.
    """
    return scripts.sha256_of(folder) if scripts.is_registered(folder) else str(read_manifest(folder)["sha256"])
