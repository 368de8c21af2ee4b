"""Load on one server by wrk: a thousand different images in turn, every answer checked, nothing else on wrk's core."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SCRIPT = Path(__file__).with_name("serve_load.lua")
LABEL = '"label":%s*"(.-)"'
Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Form:
    """How images are written into a request.

    Attributes:
        name: for the table.
        body: images (N, P) → the body, and the length of its JSON head where it has a binary tail, else 0.
        path: what is asked for.
        content_type: of the body.
        images: how many each request brings.
        label: a Lua pattern that captures each label in an answer; empty, where the answer is not looked at.
        headers: further ones.
    """

    name: str
    body: Callable[[Images], tuple[bytes, int]]
    path: str = "/score"
    content_type: str = "application/json"
    images: int = 1
    label: str = LABEL
    headers: Mapping[str, str] = field(default_factory=dict)


def integers(images_NP: Images) -> tuple[bytes, int]:
    """`{"data": [[0, 255, …]]}`."""
    return json.dumps({"data": images_NP.tolist()}).encode(), 0


def decimals(images_NP: Images) -> tuple[bytes, int]:
    """The same as fractions of 255, as Python writes them."""
    return json.dumps({"data": (images_NP / 255).tolist()}).encode(), 0


def inputs(images_NP: Images) -> tuple[bytes, int]:
    """MLflow's word for it."""
    return json.dumps({"inputs": images_NP.tolist()}).encode(), 0


def tensor(shape: Sequence[int]) -> Callable[[Images], tuple[bytes, int]]:
    """The binary tensors of the Open Inference Protocol; the labels come back as JSON, so that they can be checked."""

    def body(images_NP: Images) -> tuple[bytes, int]:
        raw = images_NP.tobytes()
        tensor = {"name": "images", "datatype": "UINT8", "shape": [len(images_NP), *shape]}
        tensor["parameters"] = {"binary_data_size": len(raw)}
        head = json.dumps({"inputs": [tensor], "outputs": [{"name": "labels"}]}).encode()
        return head + raw, len(head)

    return body


def write_requests(path: Path, form: Form, images_NP: Images, labels: Sequence[str]) -> None:
    """The file that the script reads."""
    with path.open("wb") as file:
        for start in range(0, len(images_NP) - form.images + 1, form.images):
            stop = start + form.images
            body, head = form.body(images_NP[start:stop])
            file.write(f"{','.join(labels[start:stop])} {len(body)} {head or ''}".rstrip().encode() + b"\n" + body)


def write_confidences(path: Path, probs_NK: npt.NDArray[np.float32]) -> None:
    """The probability of each record's label, a line for each."""
    path.write_text("".join(f"{probability:.7f}\n" for probability in probs_NK.max(axis=1)))


def load(
    url: str,
    form: Form,
    requests: Path,
    *,
    connections: int,
    seconds: float,
    core: int,
    headers: Mapping[str, str],
    confidences: Path | None = None,
) -> dict[str, Any]:
    """What wrk measured; each connection has a thread of its own, so that an answer is matched with its request.

    With `confidences` all have one thread, and an answer is matched with one of the requests that have none yet.

    Raises:
        ValueError: an answer was wrong, or none came.
    """
    environment = {
        "REQUESTS": str(requests),
        "URL_PATH": form.path,
        "CONTENT_TYPE": form.content_type,
        "LABEL": form.label,
        "HEADERS": "\n".join(f"{name}: {value}" for name, value in {**form.headers, **headers}.items()),
    }
    threads = 1 if confidences else connections
    environment |= {"CONFIDENCES": str(confidences)} if confidences else {}
    command = ["taskset", "-c", str(core), "wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds:g}s"]
    done = subprocess.run(
        [*command, "--timeout", "30s", "-s", str(SCRIPT), url],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if figures["wrong"] or figures["errors"] or not figures["answered"]:
        raise ValueError(f"{url}{form.path}, {form.name}: {figures}")
    return {**figures, "requests_per_s": figures["requests"] / figures["seconds"]}
