"""A version of a registered model, as the rest of pigeonhole sees it, and how one is named. Knows no MLflow client."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import UsageError

CHAMPION = "champion"
CHALLENGER = "challenger"
LATEST = "latest"
BUNDLE, SCRIPT = "bundle", "script"
_REF = re.compile(r"([a-zA-Z][\w-]*)(?::(\d+)|@([a-zA-Z][\w-]*))?")


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model.

    Attributes:
        name: the model's name.
        version: from 1.
        aliases: the names that point at it now, such as `champion`.
        folder: the bundle.
        bundle_sha256: the hash of the bundle's content.
        size_bytes: the size of the bundle's files.
        class_names: the classes in the model's order.
        run_id: the run that it comes from; `None` for a model made elsewhere.
        dataset: the dataset version that it was trained on; `None` if that is not known.
        metrics: figures at the time it was registered.
        lineage: where it comes from.
        created_at: when it was registered, UTC.
        kind: `bundle`, or `script` for a folder with a score.py of the user's own.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    folder: Path
    bundle_sha256: str
    size_bytes: int
    class_names: tuple[str, ...]
    run_id: str | None
    dataset: str | None
    metrics: dict[str, Any]
    lineage: dict[str, Any]
    created_at: str
    kind: str = BUNDLE

    @property
    def ref(self) -> str:
        """`digits:3`."""
        return f"{self.name}:{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"ref": self.ref, **asdict(self), "folder": str(self.folder), "aliases": list(self.aliases)}


@dataclass(frozen=True)
class Reference:
    """What a user calls a version: `digits:3`, `digits@champion`, or `digits` for its champion."""

    name: str
    version: int | None
    alias: str | None


def parse(ref: str) -> Reference:
    """The parts of a reference.

    Raises:
        UsageError: it is none.
    """
    match = _REF.fullmatch(ref)
    if match is None:
        raise UsageError(f"the model {ref!r}", "NAME, NAME:VERSION or NAME@ALIAS", "pigeonhole models list")
    name, version, alias = match.groups()
    return Reference(name, int(version) if version else None, alias or (None if version else CHAMPION))
