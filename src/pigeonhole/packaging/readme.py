"""The README of a package: how it runs in four places, and what of that was tried. Plain Markdown, nothing executed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import pigeonhole
from pigeonhole.packaging.container import REQUIREMENTS
from pigeonhole.packaging.kubernetes import KEY
from pigeonhole.packaging.plan import BUNDLE, PORT, Plan

REQUEST = "request.json"
KUBERNETES_TRIED, KSERVE_TRIED = "1.30 to 1.37", "0.21"
_CLASSES_SHOWN = 10


@dataclass(frozen=True)
class Facts:
    """What a reader wants to know of the bundle.

    Attributes:
        shape_HWC: height, width and channels of the images.
        class_names: class k's name.
        sha256: the hash of the bundle's content.
        request_label: what the model says about the image in request.json.
    """

    shape_HWC: tuple[int, int, int]
    class_names: tuple[str, ...]
    sha256: str
    request_label: str


def commands(plan: Plan) -> tuple[str, str]:
    """The two commands that run the folder from inside it, without Docker."""
    install = ["python", "-m", "pip", "install", "--requirement", REQUIREMENTS]
    return shlex.join(install), shlex.join(plan.serve_command())


def readme(plan: Plan, facts: Facts) -> str:
    """The content of README.md."""
    return _TEMPLATE.format(
        model=plan.model,
        release=pigeonhole.__version__,
        python=plan.python,
        minor=".".join(plan.python.split(".")[:2]),
        shape=" × ".join(map(str, facts.shape_HWC)),
        classes=_classes(facts.class_names),
        sha256=facts.sha256,
        label=facts.request_label,
        commands="\n".join(commands(plan)),
        bundle=BUNDLE,
        request=REQUEST,
        port=PORT,
        image=plan.image,
        name=plan.name,
        secret=plan.secret,
        key=KEY,
        cpu=f"{plan.cpu:g}",
        memory=f"{plan.memory_gib:g}",
        low=plan.min_replicas,
        high=plan.max_replicas,
        kubernetes=KUBERNETES_TRIED,
        kserve=KSERVE_TRIED,
    )


def _classes(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_CLASSES_SHOWN])
    return shown if len(names) <= _CLASSES_SHOWN else f"{shown} and {len(names) - _CLASSES_SHOWN} more"


_TEMPLATE = """\
# {model}

An image-classification model as a folder that serves it over HTTP. Images are {shape} (height, width, channels), bytes
0 to 255; classes: {classes}. The SHA-256 of the bundle's content is
`{sha256}`.
Written by pigeonhole {release}; `manifest.json` has the hash of every file.

## Run it here

In this folder, with Python {minor}, best in an environment of its own:

```sh
{commands}
```

It listens on this machine only. In another terminal, in this folder:

```sh
curl --data @{request} --header 'Content-Type: application/json' http://127.0.0.1:{port}/score
```

`{request}` is one image of the bundle's probe; the answer's label is `{label}`. `GET /swagger.json` describes the rest.

## Keys

Where other machines reach the server it wants a key. It is given the SHA-256 of a key, never the key:

```sh
KEY=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')
export PIGEONHOLE_KEY_HASHES=$(printf %s "$KEY" | sha256sum | cut -d ' ' -f 1)
```

Clients send `Authorization: Bearer KEY`. Several hashes, separated by commas, are accepted side by side: to change a
key, add the new one's hash, restart, move the clients over, and take the old hash away.

## As an image

```sh
docker build --tag {image} .
docker run --rm --read-only --publish {port}:{port} --env PIGEONHOLE_KEY_HASHES {image}
```

The image is a slim Python {python} with pigeonhole's base package and the bundle; no training framework. The server
runs as a user without rights, answers Docker's health check, and ends at SIGTERM once answers under way are given.

## On Kubernetes

Push the image to where the cluster finds it, make the secret, and apply:

```sh
kubectl create secret generic {secret} --from-literal={key}="$PIGEONHOLE_KEY_HASHES"
kubectl apply --filename kubernetes/
```

Within the namespace the model answers at `http://{name}/score`. Each process asks for {cpu} cores and {memory} GiB of
memory, and there are {low} to {high} of them. A process scores on one core: for more, raise the replicas.

With KServe, apply `kserve/` in place of `kubernetes/`; the secret is the same.

## What was tried, and what was not

- The bundle reproduced its probe's outputs on Python {python} with the versions in `requirements.txt` when this was
  written.
- **No image was built, and nothing was applied to a cluster.** Writing this folder needs neither Docker nor a cluster.
- The forms of the manifests are held by pigeonhole's tests against the schemas of Kubernetes {kubernetes}. For KServe
  no package ships the schema: its manifest is held against Kubernetes' schema of a pod and the fields that KServe
  {kserve} documents. A schema knows no quota, admission policy or network of your cluster.
- `requirements.txt` pins versions, not hashes; the base image is pinned by a tag, which its owner can move.
- The server keeps no prediction log, so `/feedback` is refused, and pigeonhole's monitoring has nothing to read here.
"""
