"""Keys: who may ask. Only hashes are kept, so no file or table gives a key away."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence


def hash_key(key: str) -> str:
    """What is kept of a key: its SHA-256. Keys are long and random, so that a slow hash would add nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """The keys of a server.

    Args:
        hashes: of each; none means that nobody needs a key.
    """

    def __init__(self, hashes: Sequence[str]) -> None:
        self._hashes = tuple(hashes)
        # The last header that carried one, in memory alone: the same client asks again, and need not be hashed again.
        self._right = b""

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def allow(self, authorization: bytes) -> bool:
        """Whether the header `Authorization: Bearer KEY` carries one of the keys.

        Takes the same time for any wrong key of a length.
        """
        if self._right and hmac.compare_digest(authorization, self._right):
            return True
        scheme, _, key = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return False
        received = hashlib.sha256(key.strip()).hexdigest()
        if not any([hmac.compare_digest(received, kept) for kept in self._hashes]):  # noqa: C419 - no early end
            return False
        self._right = authorization
        return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
