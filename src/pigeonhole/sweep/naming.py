"""The name of a sweep, of its study and of its folder. Hashes nothing."""

from __future__ import annotations

import re
from pathlib import Path

_MARK = 8


def sweep_name(folder: Path, wanted: str, identity: str) -> str:
    """What the user calls it and the beginning of its identity; where it had a name before, that one.

    Args:
        folder: where the folders of all sweeps are.
        wanted: what the user calls it now.
        identity: `SweepSpec.identity`.
    """
    mark = identity[:_MARK]
    known = sorted(path.name for path in folder.glob(f"*-{mark}"))
    stem = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-") or "sweep"
    return known[0] if known else f"{stem[:60]}-{mark}"
