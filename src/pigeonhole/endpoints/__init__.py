"""Endpoints: deployments started, supervised, shared out, replaced and stopped; each state says why and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pigeonhole.core.lazy import lazy

if TYPE_CHECKING:
    from pigeonhole.endpoints.deploying import deploy
    from pigeonhole.endpoints.keys import EndpointKeys, regenerate, show_keys
    from pigeonhole.endpoints.logfile import logs
    from pigeonhole.endpoints.plans import Change
    from pigeonhole.endpoints.restoring import history, rollback
    from pigeonhole.endpoints.showing import events, last_deployment, list_endpoints, show
    from pigeonhole.endpoints.status import DeploymentStatus, EndpointStatus
    from pigeonhole.endpoints.stopping import Stopped, stop
    from pigeonhole.endpoints.updating import remove_deployment, update

__all__ = [
    "Change",
    "DeploymentStatus",
    "EndpointKeys",
    "EndpointStatus",
    "Stopped",
    "deploy",
    "events",
    "history",
    "last_deployment",
    "list_endpoints",
    "logs",
    "regenerate",
    "remove_deployment",
    "rollback",
    "show",
    "show_keys",
    "stop",
    "update",
]
# Loaded when first used: the supervisor lives in this room too, and keeps small and quick to start.
_HOME = {
    "Change": "plans",
    "DeploymentStatus": "status",
    "EndpointKeys": "keys",
    "EndpointStatus": "status",
    "Stopped": "stopping",
    "deploy": "deploying",
    "events": "showing",
    "history": "restoring",
    "last_deployment": "showing",
    "list_endpoints": "showing",
    "logs": "logfile",
    "regenerate": "keys",
    "remove_deployment": "updating",
    "rollback": "restoring",
    "show": "showing",
    "show_keys": "keys",
    "stop": "stopping",
    "update": "updating",
}

__getattr__ = lazy(__name__, _HOME)
