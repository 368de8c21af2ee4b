"""Waiting for what another process does: by looking, with an end."""

from __future__ import annotations

import time


def wait_for(condition, what, limit_s=60):
    """Looks until the condition holds; gives its value."""
    end = time.perf_counter() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.perf_counter() < end, f"waited in vain for {what}"
        time.sleep(0.01)
