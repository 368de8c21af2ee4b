"""Resumed, verified downloads from several mirrors. Keeps what was loaded; knows nothing of images."""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from pigeonhole.core.clock import utc_now
from pigeonhole.core.files import disk_full_is_data_error, write_json
from pigeonhole.core.locks import exclusive
from pigeonhole.core.progress import Progress

TIMEOUT_S = 20.0
ATTEMPTS = 3
_BLOCK_BYTES = 1 << 16
_CONTENT_RANGE = re.compile(r"bytes (\d+)-")
_FAILURES = (OSError, http.client.HTTPException)
# No fault of the mirror's, and no better with the next.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO}
Verify = Callable[[Path], str | None]


class DownloadFailed(Exception):  # noqa: N818 - always turned into a DataError that names the ways out
    """No mirror gave the file.

    Args:
        reasons: what each mirror did, in order.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def download(urls: Sequence[str], target: Path, *, verify: Verify, progress: Progress) -> None:
    """Puts the first mirror's right content at `target`, whole, with `target.origin.json` saying whence.

    A broken connection is taken up again where it broke, now or in a later call. A second caller waits for the first.

    Args:
        urls: mirrors, in order.
        target: the file to make; nothing is done if it is there.
        verify: says what is wrong with a complete file, or `None`.
        progress: a note a mirror.

    Raises:
        DownloadFailed: no mirror gave it.
        DataError: the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(target.with_name(f".{target.name}.lock"), f"the download of {target.name}", wait=True):
        if target.exists():
            return
        reasons = []
        for url in urls:
            reason = _from_mirror(url, target, verify, progress)
            if reason is None:
                return
            reasons.append(f"{url}: {reason}")
        raise DownloadFailed(reasons)


def _from_mirror(url: str, target: Path, verify: Verify, progress: Progress) -> str | None:
    # Mirrors compress differently, so each has a partial file of its own.
    part = target.with_name(f".{target.name}.{hashlib.sha256(url.encode()).hexdigest()[:12]}.part")
    progress.note(f"loading {url}" + (f", from byte {_size(part):,} on" if _size(part) else ""))
    reason = _verified(url, part, verify, resumed=part.exists())
    if reason is not None:
        return reason
    write_json(target.with_name(f"{target.name}.origin.json"), {"url": url, "downloaded_at": utc_now()})
    part.replace(target)
    return None


def _verified(url: str, part: Path, verify: Verify, *, resumed: bool) -> str | None:
    with disk_full_is_data_error(part):
        reason = _complete(url, part)
    if reason is not None:
        return reason
    wrong = verify(part)
    if wrong is None:
        return None
    part.unlink(missing_ok=True)
    # What lay there may have been of another file: once more, from the beginning.
    return _verified(url, part, verify, resumed=False) if resumed else wrong


def _complete(url: str, part: Path) -> str | None:
    """Loads what is missing of `part`; says why it could not, or `None`."""
    reason = "no answer"
    for _ in range(ATTEMPTS):
        before = _size(part)
        try:
            if _load(url, part):
                return None
            reason = f"the connection broke after {_size(part):,} bytes"
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                # The part is as long as the file: whole, or of another file. Verification tells.
                return None
            return f"HTTP {error.code} {error.reason}"
        except _FAILURES as error:
            if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                raise
            reason = str(error) or type(error).__name__
            if _size(part) == before:
                return reason
    return reason


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _load(url: str, part: Path) -> bool:
    """Loads until the connection ends; returns whether the file is complete."""
    have = _size(part)
    headers = {"User-Agent": "pigeonhole", "Accept-Encoding": "identity"} | (
        {"Range": f"bytes={have}-"} if have else {}
    )
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - mirrors are https, or the caller's own
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT and _starts_at(response, have)
        left = response.headers.get("Content-Length")
        with part.open("ab" if resumed else "wb") as file:
            loaded = 0
            while block := response.read(_BLOCK_BYTES):
                file.write(block)
                loaded += len(block)
    return left is None or loaded == int(left)


def _starts_at(response: http.client.HTTPResponse, place: int) -> bool:
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range") or "")
    return match is not None and int(match[1]) == place
