"""`deploy`: a model version in, a live Endpoint out. Never without a verified bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pigeonhole import bundle, endpoints, scripts
from pigeonhole.core.errors import GateError, UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.serving.limits import Limits
from pigeonhole.workflows.bundles import served_folder

HEALTHY = "Healthy"


def deploy(
    model: str | Path,
    *,
    endpoint: str,
    host: str | None = None,
    port: int | None = None,
    cpu: float = 1.0,
    memory_gib: float = 1.0,
    deployment: str = "blue",
    traffic: Mapping[str, int] | str | None = None,
    key: str | None = None,
    log_images: bool = True,
    request_settings: Mapping[str, Any] | None = None,
    image_log: Mapping[str, Any] | None = None,
    workers: int | str | None = None,
    tls_certificate: str | Path | None = None,
    tls_key: str | Path | None = None,
    workspace: Workspace | str | Path | None = None,
) -> endpoints.EndpointStatus:
    """A model behind an endpoint, in the background; its state says whether it answers, why not, and what to do.

    Args:
        model: a registered model (`digits@champion`, `digits:3`; a script too), or the folder of a bundle.
        endpoint: the endpoint's name; an endpoint that exists changes over once the new deployment is ready.
        host: the address to listen on; off loopback a key is wanted. `None` leaves it; a new endpoint is on loopback.
        port: the port to listen on; 0 for any free one. `None` leaves it; a new endpoint is on 8080.
        cpu: processor cores asked for.
        memory_gib: memory asked for, in GiB.
        deployment: the deployment's name; one that has it is replaced, and its share goes to the new one.
        traffic: percent of the requests by deployment, or `blue=90,green=10`; `None` gives a new deployment nothing
            beside others, and everything alone.
        key: what requests must carry as `Authorization: Bearer KEY`; `None` asks for none on loopback.
        log_images: whether the prediction log keeps the images, or only statistics of them.
        request_settings: Azure's, for this deployment: `request_timeout_ms`, `max_concurrent_requests_per_instance`
            (twice as many may wait in each worker; else a thousand), `max_queue_wait_ms`.
        image_log: how many images the prediction log keeps: `max_mib` and `days`; `None` means 1,024 MiB of any age.
        workers: the number of server processes: `2`, or `1:4` for one, and up to four where requests wait. `None`
            leaves it.
        tls_certificate: a PEM file; with it, the endpoint answers by HTTPS alone. Empty ends that; `None` leaves it.
        tls_key: the certificate's key, a PEM file without a password.
        workspace: where the model is registered and the endpoint recorded.

    Raises:
        NotFoundError: there is no such model.
        UsageError: a name, a number, a share or a limit is unfit, or the files of TLS do not serve.
        DataError: the bundle's files are not what its manifest says.
    """
    limits = Limits.of(request_settings, image_log)
    space = Workspace.find(workspace)
    folder, name = served_folder(model, space)
    _verify(folder)
    return endpoints.deploy(
        space,
        endpoint=endpoint,
        bundle_folder=folder,
        model=name,
        deployment=deployment,
        host=host,
        port=port,
        cpu=cpu,
        memory_gib=memory_gib,
        traffic=traffic,
        keys=(key,) if key else None,
        log_images=log_images,
        limits=limits,
        workers=workers,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )


def _verify(folder: Path) -> None:
    """Nothing, if what is to be served is as it was registered or exported."""
    if not scripts.is_script(folder):
        bundle.load(folder)
    elif scripts.is_registered(folder):
        scripts.load(folder)
    else:
        raise UsageError(
            f"{folder}, a script's folder that may change at any time",
            "a registered model, whose files stay as they are",
            f"pigeonhole register {folder} --as NAME, then deploy NAME@champion",
        )


def require_deployed(status: endpoints.EndpointStatus) -> None:
    """Nothing, if what was asked for answers now.

    Raises:
        GateError: it does not; the message carries the reason and the remedy.
    """
    if not status.deployed:
        raise GateError(f"endpoint {status.name} is {status.state}: {status.reason}", HEALTHY, status.remedy)
