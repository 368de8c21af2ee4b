"""Keys: who may ask. Only hashes are kept, so no file or table gives a key away."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence


def hash_key(key: str) -> str:
    """What is kept of a key: its SHA-256. Keys are long and random, so that a slow hash would add nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_allowed(authorization: bytes, key_hashes: Sequence[str]) -> bool:
    """Whether the header `Authorization: Bearer KEY` carries one of the keys. Takes the same time for any wrong key."""
    scheme, _, key = authorization.partition(b" ")
    if scheme.lower() != b"bearer":
        return False
    received = hashlib.sha256(key.strip()).hexdigest()
    return any([hmac.compare_digest(received, kept) for kept in key_hashes])  # noqa: C419 - no early end


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
