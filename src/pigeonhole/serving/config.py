"""What a server process is told: one JSON file, or one object. Checked before anything is opened."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import SpecError, UsageError, listing
from pigeonhole.serving.auth import is_loopback


@dataclass(frozen=True)
class ServingConfig:
    """One server.

    Attributes:
        bundle_folder: the bundle to serve.
        model: what to call it in answers; empty means the folder's name.
        deployment: likewise.
        endpoint: whose prediction log to write; `None` keeps none.
        database_url: the records to write it to; `None` keeps none.
        host: the address to listen on.
        port: 0 means any free one.
        key_hashes: SHA-256 of the accepted keys; none means that nobody needs a key.
        threads: threads that one batch may use.
        max_body_bytes: a larger body is refused with 413.
        max_images: more images in one request are refused with 422.
        max_pixels: an image file with more pixels is refused with 422, before it is decoded: decoding takes some 16
            bytes a pixel, and several requests may decode at once.
        max_waiting_images: more images than this waiting for the model, and requests are refused with 429.
        drain_s: how long answers under way may take after SIGTERM.
        socket_fd: a listening socket that was inherited; then host and port only describe it.
        status_fd: where to write one JSON line when ready, or when starting failed; closed when nothing more is
            accepted.
    """

    bundle_folder: Path
    model: str = ""
    deployment: str = "blue"
    endpoint: str | None = None
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    key_hashes: tuple[str, ...] = ()
    threads: int = 1
    max_body_bytes: int = 32 << 20
    max_images: int = 4096
    max_pixels: int = 16_000_000
    max_waiting_images: int = 16384
    drain_s: float = 10.0
    socket_fd: int | None = None
    status_fd: int | None = None

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.key_hashes:
            raise UsageError(
                f"a server on {self.host} without a key",
                "a key, wherever other machines can reach the server",
                "give a key, or listen on 127.0.0.1",
            )

    @property
    def model_name(self) -> str:
        """What answers call the model."""
        return self.model or self.bundle_folder.resolve().name

    def to_json(self) -> str:
        """The content of a config file."""
        return json.dumps({**dataclasses.asdict(self), "bundle_folder": str(self.bundle_folder)}, indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> ServingConfig:
        """The config in a JSON file.

        Raises:
            SpecError: it cannot be read, or has unknown or unfit values; all of them are named.
            UsageError: it binds beyond loopback without a key.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SpecError(f"{path} cannot be read: {error}", "a JSON file", "check the path") from error
        problems = _problems(value)
        if problems:
            raise SpecError(
                f"{path}:\n{listing(problems)}",
                f"the keys {', '.join(field.name for field in dataclasses.fields(cls))}",
                "correct the keys named above",
            )
        value = {**value, "bundle_folder": Path(value["bundle_folder"])}
        return cls(**{**value, "key_hashes": tuple(value.get("key_hashes", ()))})


_KINDS: dict[str, tuple[type, ...]] = {
    "bundle_folder": (str,),
    "model": (str,),
    "deployment": (str,),
    "endpoint": (str, type(None)),
    "database_url": (str, type(None)),
    "host": (str,),
    "port": (int,),
    "key_hashes": (list,),
    "threads": (int,),
    "max_body_bytes": (int,),
    "max_images": (int,),
    "max_pixels": (int,),
    "max_waiting_images": (int,),
    "drain_s": (int, float),
    "socket_fd": (int, type(None)),
    "status_fd": (int, type(None)),
}


def _problems(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"a {type(value).__name__} where an object is needed"]
    problems = [] if "bundle_folder" in value else ["bundle_folder is missing"]
    for key, item in value.items():
        if key not in _KINDS:
            problems.append(f"{key}: unknown key")
        elif not isinstance(item, _KINDS[key]) or isinstance(item, bool):
            problems.append(f"{key}: {item!r}")
    return problems
