"""What a server process is told: one JSON file, or one object. Checked before anything is opened."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pigeonhole.core.errors import SpecError, UsageError, listing
from pigeonhole.serving.auth import is_loopback
from pigeonhole.serving.limits import NO_LIMITS, Limits


@dataclass(frozen=True)
class ServedDeployment:
    """One of the deployments behind an endpoint. Every server process holds all of them.

    Attributes:
        name: what the header `azureml-model-deployment`, the answers and the prediction log call it.
        model: what to call its model in answers; empty means the folder's name.
        bundle_folder: the bundle to serve.
        traffic: the percentage, 0–100, of the requests without that header that it answers.
        mirror: the percentage, 0–100, of the requests answered by others that it gets a copy of; what it says to
            those is logged and never returned.
        threads: threads that one batch may use.
        log_images: whether its prediction log keeps the images, or only statistics of them.
        memory_gib: more memory than that, GiB, ends a script's process; `None` sets no limit.
        limits: of its requests, and of its image log.
    """

    name: str
    model: str
    bundle_folder: Path
    traffic: int
    mirror: int = 0
    threads: int = 1
    log_images: bool = True
    memory_gib: float | None = None
    limits: Limits = NO_LIMITS

    @property
    def model_name(self) -> str:
        """What answers call the model."""
        return self.model or self.bundle_folder.resolve().name


@dataclass(frozen=True)
class ServingConfig:
    """One server.

    Attributes:
        deployments: at least one; their traffic sums to 0 (only the header reaches one) or 100.
        endpoint: whose prediction log to write; `None` keeps none.
        database_url: the records to write it to; `None` keeps none.
        host: the address to listen on.
        port: 0 means any free one.
        key_hashes: SHA-256 of the accepted keys; none means that nobody needs a key.
        tls_certificate: a PEM file; with it, and the key, the socket speaks TLS alone. A `probe_fd`, which only this
            machine reaches, does not.
        tls_key: the certificate's private key, a PEM file.
        max_body_bytes: a larger body is refused with 413.
        max_images: more images in one request are refused with 422.
        max_pixels: an image file with more pixels is refused with 422, before it is decoded: decoding takes some 16
            bytes a pixel, and several requests may decode at once.
        max_waiting_images: more images than this waiting for a model, and requests are refused with 429.
        max_waiting_requests: more requests than this waiting for a model, and further ones are refused with 429.
        request_timeout_s: a request that has not come whole and been answered by then is refused with 408.
        drain_s: how long answers under way may take after SIGTERM.
        linger: whether it stays awake for a moment after an answer, where the next request keeps coming at once; who
            reads its load from the processor time that it uses wants it not to.
        socket_fd: a listening socket that was inherited; then host and port only describe it.
        probe_fd: a second listening socket that was inherited, by which a supervisor reaches this very process where
            several share the first.
        shared_folder: where the processes of one endpoint leave their counters for each other; `None` for a server
            by itself.
        access_log: a file that gets a JSON line for each answer, or `-` for stdout; `None` writes none.
        status_fd: where to write a JSON line when ready, or when starting failed, and one before each of several
            deployments is loaded; closed when nothing more is accepted.

    Raises:
        UsageError: it would listen beyond this machine without a key, or the deployments do not fit together.
    """

    deployments: tuple[ServedDeployment, ...]
    endpoint: str | None = None
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    key_hashes: tuple[str, ...] = ()
    tls_certificate: str | None = None
    tls_key: str | None = None
    max_body_bytes: int = 32 << 20
    max_images: int = 4096
    max_pixels: int = 16_000_000
    max_waiting_images: int = 16384
    max_waiting_requests: int = 1000
    request_timeout_s: float = 60.0
    drain_s: float = 10.0
    linger: bool = True
    socket_fd: int | None = None
    probe_fd: int | None = None
    shared_folder: str | None = None
    access_log: str | None = None
    status_fd: int | None = None

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.key_hashes:
            raise UsageError(
                f"a server on {self.host} without a key",
                "a key, wherever other machines can reach the server",
                "give a key, or listen on 127.0.0.1",
            )
        _check_deployments(self.deployments)

    @classmethod
    def of_bundle(
        cls, bundle_folder: Path, *, model: str = "", deployment: str = "blue", threads: int = 1, **settings: Any
    ) -> ServingConfig:
        """A server of one bundle, which answers everything.

        Args:
            bundle_folder: the bundle to serve.
            model: what to call it; empty means the folder's name.
            deployment: what to call the deployment.
            threads: threads that one batch may use.
            **settings: the other attributes.
        """
        return cls((ServedDeployment(deployment, model, bundle_folder, 100, threads=threads),), **settings)

    def to_json(self) -> str:
        """The content of a config file."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n"

    @classmethod
    def read(cls, path: Path) -> ServingConfig:
        """The config in a JSON file.

        Raises:
            SpecError: it cannot be read, or has unknown or unfit values; all of them are named.
            UsageError: it binds beyond loopback without a key, or its deployments do not fit together.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SpecError(f"{path} cannot be read: {error}", "a JSON file", "check the path") from error
        problems = _problems(value)
        if problems:
            raise SpecError(
                f"{path}:\n{listing(problems)}",
                f"the keys {', '.join(_KINDS)}; in a deployment {', '.join(_DEPLOYMENT_KINDS)}",
                "correct the keys named above",
            )
        deployments = tuple(_deployment(item) for item in value["deployments"])
        return cls(**{**value, "deployments": deployments, "key_hashes": tuple(value.get("key_hashes", ()))})


def _deployment(item: dict[str, Any]) -> ServedDeployment:
    limits = Limits(**item.get("limits", {}))
    return ServedDeployment(**{**item, "bundle_folder": Path(item["bundle_folder"]), "limits": limits})


Kinds = Mapping[str, tuple[type, ...]]
_DEPLOYMENT_KINDS: Kinds = {
    "name": (str,),
    "model": (str,),
    "bundle_folder": (str,),
    "traffic": (int,),
    "mirror": (int,),
    "threads": (int,),
    "log_images": (bool,),
    "memory_gib": (int, float, type(None)),
    "limits": (dict,),
}
_LIMIT_KINDS: Kinds = {field.name: (int, float, type(None)) for field in dataclasses.fields(Limits)}
_KINDS: Kinds = {
    "deployments": (list,),
    "endpoint": (str, type(None)),
    "database_url": (str, type(None)),
    "host": (str,),
    "port": (int,),
    "key_hashes": (list,),
    "tls_certificate": (str, type(None)),
    "tls_key": (str, type(None)),
    "max_body_bytes": (int,),
    "max_images": (int,),
    "max_pixels": (int,),
    "max_waiting_images": (int,),
    "max_waiting_requests": (int,),
    "request_timeout_s": (int, float),
    "drain_s": (int, float),
    "linger": (bool,),
    "socket_fd": (int, type(None)),
    "probe_fd": (int, type(None)),
    "shared_folder": (str, type(None)),
    "access_log": (str, type(None)),
    "status_fd": (int, type(None)),
}


def _problems(value: Any) -> list[str]:
    problems = _unfit(value, _KINDS, ("deployments",), "")
    deployments = value.get("deployments") if isinstance(value, dict) else None
    if isinstance(deployments, list):
        for index, item in enumerate(deployments):
            wanted = ("name", "model", "bundle_folder", "traffic")
            problems += _unfit(item, _DEPLOYMENT_KINDS, wanted, f"deployments[{index}].")
            limits = item.get("limits") if isinstance(item, dict) else None
            if isinstance(limits, dict):
                problems += _unfit(limits, _LIMIT_KINDS, (), f"deployments[{index}].limits.")
    return problems


def _unfit(value: Any, kinds: Kinds, wanted: tuple[str, ...], place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place.rstrip('.')}{': ' if place else ''}a {type(value).__name__} where an object is needed"]
    problems = [f"{place}{key} is missing" for key in wanted if key not in value]
    for key, item in value.items():
        if key not in kinds:
            problems.append(f"{place}{key}: unknown key")
        elif not isinstance(item, kinds[key]) or (isinstance(item, bool) and bool not in kinds[key]):
            problems.append(f"{place}{key}: {item!r}")
    return problems


def _check_deployments(deployments: tuple[ServedDeployment, ...]) -> None:
    problems = [] if deployments else ["there is none"]
    names = Counter(deployment.name for deployment in deployments)
    problems += [f"{name}: {count} deployments of this name" for name, count in names.items() if count > 1]
    for deployment in deployments:
        for what, percent in (("traffic", deployment.traffic), ("mirror", deployment.mirror)):
            if not 0 <= percent <= 100:
                problems.append(f"{deployment.name}: {what} {percent}, not from 0 to 100")
        if deployment.threads < 1:
            problems.append(f"{deployment.name}: {deployment.threads} threads, not 1 or more")
    total = sum(deployment.traffic for deployment in deployments)
    if total not in (0, 100):
        problems.append(f"their traffic sums to {total}, not to 0 or 100")
    if problems:
        raise UsageError(
            f"the deployments:\n{listing(problems)}",
            "one or more deployments of different names, whose traffic sums to 100, or to 0 to answer nobody",
            "correct the percentages or names",
        )
