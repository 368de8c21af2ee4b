"""What a package is to be called and to ask for: names, image, resources, replicas. Checked at once, writes nothing."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass

from pigeonhole.core.errors import UsageError, listing

PORT = 8080
BUNDLE = "bundle"
# A Service is named by a DNS label of at most 63 characters, and KServe and Kubernetes append to it.
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_IMAGE = re.compile(
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_REPLICAS = re.compile(r"([1-9][0-9]*):([1-9][0-9]*)")
_MIB_A_GIB = 1024


@dataclass(frozen=True)
class Plan:
    """What one package is to be called and to ask for.

    Attributes:
        model: what answers call the model (`digits:3`).
        name: the name of everything on a cluster; a DNS label.
        version: the version label on a cluster.
        image: the image that the manifests name.
        cpu: processor cores asked for.
        memory_gib: memory asked for and allowed, in GiB.
        min_replicas: the fewest processes on a cluster.
        max_replicas: the most.
        python: the Python that the pinned requirements are for, such as `3.11.7`.
    """

    model: str
    name: str
    version: str
    image: str
    cpu: float
    memory_gib: float
    min_replicas: int
    max_replicas: int
    python: str

    @property
    def cpu_quantity(self) -> str:
        """The cores as Kubernetes writes them, in thousandths."""
        return f"{round(self.cpu * 1000)}m"

    @property
    def memory_quantity(self) -> str:
        """The memory as Kubernetes writes it, in MiB."""
        return f"{round(self.memory_gib * _MIB_A_GIB)}Mi"

    @property
    def secret(self) -> str:
        """The name of the secret that holds the hashes of the keys."""
        return f"{self.name}-keys"

    def serve_command(self, *, host: str | None = None) -> list[str]:
        """The command that serves the bundle from inside the folder; on loopback unless `host` says otherwise."""
        listen = ["--host", host] if host else []
        return ["pigeonhole", "serve", BUNDLE, "--name", self.model, *listen, "--port", str(PORT)]


def make_plan(
    model: str,
    *,
    version: str,
    name: str | None = None,
    image: str | None = None,
    cpu: float = 1.0,
    memory_gib: float = 1.0,
    replicas: str = "1:4",
) -> Plan:
    """A checked plan.

    Args:
        model: the model's full name, or the name of a bundle's folder.
        version: the model's version, or the beginning of the bundle's hash.
        name: the name on a cluster; `None` makes one of the model's name.
        image: the image that the manifests name; `None` means `NAME:VERSION`.
        cpu: processor cores asked for.
        memory_gib: memory asked for and allowed, in GiB.
        replicas: the fewest and the most processes, as `MIN:MAX`.

    Raises:
        UsageError: a value cannot be used; all of them are named.
    """
    name = _as_label(model) if name is None else name
    image = f"{name}:{version}" if image is None else image
    bounds = _REPLICAS.fullmatch(replicas)
    low, high = (int(bounds[1]), int(bounds[2])) if bounds else (0, 0)
    problems = [
        *([] if _NAME.fullmatch(name) else [f"the name {name!r}"]),
        *([] if _IMAGE.fullmatch(image) else [f"the image {image!r}"]),
        *([] if 0.001 <= cpu < 1000 else [f"{cpu} processor cores"]),
        *([] if 0.0625 <= memory_gib < 10_000 else [f"{memory_gib} GiB of memory"]),
        *([] if 1 <= low <= high else [f"the replicas {replicas!r}"]),
    ]
    if problems:
        raise UsageError(
            f"a package with\n{listing(problems)}",
            "a name of 1 to 40 small letters, digits and '-', beginning with a letter; an image as docker writes it"
            " (registry.example.com/team/digits:3); cores from 0.001; GiB from 0.0625; replicas as MIN:MAX, from 1:1",
            "give --name, --image, --cpu, --memory or --replicas",
        )
    python = platform.python_version().rstrip("+")
    return Plan(model, name, version, image, cpu, memory_gib, low, high, python)


def _as_label(model: str) -> str:
    """A DNS label that is as near to the model's name as there is one: `My_digits:3` → `my-digits`."""
    text = re.sub(r"[^a-z0-9]+", "-", model.partition(":")[0].lower())
    return text.strip("-")[:40].strip("-")
