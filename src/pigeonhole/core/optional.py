"""Optional packages, imported where they are needed, with the line that installs a missing one."""

from __future__ import annotations

import importlib
from typing import Any

from pigeonhole.core.errors import MissingDependencyError


def require(module: str, *, extra: str) -> Any:
    """The imported module.

    Args:
        module: its import name, dotted or not.
        extra: the extra of this package that brings it.

    Raises:
        MissingDependencyError: it is not installed; the message carries the install line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingDependencyError(
            f"the package {module.split('.')[0]!r} is not installed",
            f"an installation with the extra {extra!r}",
            f"pip install 'pigeonhole[{extra}]'",
        ) from error
