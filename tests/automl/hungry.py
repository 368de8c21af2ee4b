"""A fit that takes what it is told to: memory until it is ended, or all signals and all time; else it goes well."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from pigeonhole.compute.job import Conversation

FUNCTION = f"{__name__}:fit"
LIMIT_BYTES, FAR_MORE_BYTES = 600_000_000, 1_000_000_000


def fit(arguments: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:
    """A score; unless the candidate is one of the bad ones."""
    preset = arguments["preset"]
    if preset == arguments.get("hungry"):
        held = np.ones(FAR_MORE_BYTES, np.uint8)
        threading.Event().wait()
        return {"held": len(held)}
    if preset == arguments.get("deaf"):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        while True:
            np.ones(1_000).sum()
    figures = {"score": 0.9, "low": 0.8, "high": 1.0, "fit_s": 0.01, "metrics": {}}
    answer = conversation.ask({"figures": figures})
    return {"run_id": f"{preset}-run", "latency_ms": 1.0, "size_bytes": 1} if answer["export"] else {}
