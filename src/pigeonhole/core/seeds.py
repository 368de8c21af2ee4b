"""Seeds: one number from the user, an independent stream for every purpose."""

from __future__ import annotations

import hashlib


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, the same on every machine.

    Streams for different purposes are independent, so a step added to one purpose never shifts another.

    Args:
        seed: the user's seed.
        purpose: what it is for, from general to particular (`"epoch", 3, "shuffle"`).
    """
    text = "/".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
