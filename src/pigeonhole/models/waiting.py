"""Loads torch so that its threads do not fight over a busy machine. Computes nothing; results do not depend on it.

After every operation torch's OpenMP threads wait for each other, and by default they burn some milliseconds doing so.
With anything else running, the thread that is waited for gets no core meanwhile. Measured on two cores with the
preset `cnn`: on a busy machine 3,800 to 4,500 images/s with short waits and 400 to 1,000 with the default ones; on
a quiet one 8,500 and 9,300.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from pigeonhole.core.optional import require

_SPINS = "GOMP_SPINCOUNT"
_CHOSEN_BY_USER = (_SPINS, "OMP_WAIT_POLICY")
_SHORT = "1000"


def require_torch() -> None:
    """Imports torch, with short waits unless the user chose otherwise in the environment.

    Raises:
        MissingDependencyError: torch is not installed.
    """
    if "torch" in sys.modules:
        return
    with short_waits():
        require("torch", extra="train")


@contextlib.contextmanager
def short_waits() -> Iterator[None]:
    """Sets the environment for the moment in which the OpenMP library reads it, and no longer."""
    if any(name in os.environ for name in _CHOSEN_BY_USER):
        yield
        return
    os.environ[_SPINS] = _SHORT
    try:
        yield
    finally:
        os.environ.pop(_SPINS, None)
