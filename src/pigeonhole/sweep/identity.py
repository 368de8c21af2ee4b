"""Which sweeps are the same sweep: those that must give the same trials and values. Hashes what decides about them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole.sweep.spec import SweepSpec

# Words for people, and for Azure ML; nothing here depends on them.
_IDLE = (
    "$schema", "name", "display_name", "experiment_name", "description", "tags", "properties",
    "compute", "identity", "resources", "queue_settings",
)  # fmt: skip
_MARK = 8


def identity(spec: SweepSpec, given: Mapping[str, Any]) -> str:
    """64 hex digits, equal for two sweeps that go on with each other.

    Args:
        spec: as it was read.
        given: the hash of each thing outside of the spec that decides as well: the dataset, a script's folder.
    """
    written = {key: value for key, value in spec.to_dict().items() if key not in _IDLE}
    limits = {key: value for key, value in written["limits"].items() if key != "timeout"}
    if not spec.sampling_algorithm.waits:
        limits.pop("max_concurrent_trials", None)
    text = json.dumps({**written, "limits": limits, "given": dict(given)}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sweep_name(folder: Path, wanted: str, identity: str) -> str:
    """The name of a sweep, of its study and of its folder; the one that it had before, whatever it is called now.

    Args:
        folder: where the folders of all sweeps are.
        wanted: what the user calls it.
        identity: from `identity`.
    """
    mark = identity[:_MARK]
    known = sorted(path.name for path in folder.glob(f"*-{mark}"))
    stem = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-") or "sweep"
    return known[0] if known else f"{stem[:60]}-{mark}"
