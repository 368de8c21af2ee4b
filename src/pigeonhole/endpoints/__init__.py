"""Deployments: started, supervised, replaced and stopped, with a state that always says why and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.endpoints.deploying import deploy
    from pigeonhole.endpoints.logfile import logs
    from pigeonhole.endpoints.status import (
        DeploymentStatus,
        EndpointStatus,
        events,
        last_deployment,
        list_endpoints,
        show,
    )
    from pigeonhole.endpoints.stopping import Stopped, stop

__all__ = [
    "DeploymentStatus",
    "EndpointStatus",
    "Stopped",
    "deploy",
    "events",
    "last_deployment",
    "list_endpoints",
    "logs",
    "show",
    "stop",
]
# Loaded when first used: the supervisor lives in this room too, and keeps small and quick to start.
_HOME = {
    "DeploymentStatus": "status",
    "EndpointStatus": "status",
    "Stopped": "stopping",
    "deploy": "deploying",
    "events": "status",
    "last_deployment": "status",
    "list_endpoints": "status",
    "logs": "logfile",
    "show": "status",
    "stop": "stopping",
}

__getattr__ = lazy(__name__, _HOME)
