"""`deploy`: a model version in, a live Endpoint out. Never without a verified bundle."""

from __future__ import annotations

from pathlib import Path

from pigeonhole import bundle, endpoints
from pigeonhole.core.errors import GateError
from pigeonhole.core.workspace import Workspace
from pigeonhole.workflows.bundles import bundle_folder

HEALTHY = "Healthy"


def deploy(
    model: str | Path,
    *,
    endpoint: str,
    host: str = "127.0.0.1",
    port: int = 8080,
    cpu: float = 1.0,
    memory_gib: float = 1.0,
    deployment: str = "blue",
    key: str | None = None,
    workspace: Workspace | str | Path | None = None,
) -> endpoints.EndpointStatus:
    """A model behind an endpoint, in the background; its state says whether it answers, why not, and what to do.

    Args:
        model: a registered model (`digits@champion`, `digits:3`), or the folder of a bundle.
        endpoint: the endpoint's name; an endpoint that exists changes over once the new deployment is ready.
        host: the address to listen on; off loopback a key is wanted.
        port: the port to listen on; 0 for any free one.
        cpu: processor cores asked for.
        memory_gib: memory asked for, in GiB.
        deployment: the deployment's name.
        key: what requests must carry as `Authorization: Bearer KEY`; `None` asks for none on loopback.
        workspace: where the model is registered and the endpoint recorded.

    Raises:
        NotFoundError: there is no such model.
        DataError: the bundle's files are not what its manifest says.
    """
    space = Workspace.find(workspace)
    folder, name = bundle_folder(model, space)
    bundle.load(folder)
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
        keys=(key,) if key else None,
    )


def require_deployed(status: endpoints.EndpointStatus) -> None:
    """Nothing, if what was asked for answers now.

    Raises:
        GateError: it does not; the message carries the reason and the remedy.
    """
    if not status.deployed:
        raise GateError(f"endpoint {status.name} is {status.state}: {status.reason}", HEALTHY, status.remedy)
