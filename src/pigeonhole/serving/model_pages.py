"""What the Open Inference Protocol tells about the server and its models. Scores nothing."""

from __future__ import annotations

import orjson

from pigeonhole import __version__
from pigeonhole.serving.http import Reply, Request
from pigeonhole.serving.protocols.open_inference import metadata
from pigeonhole.serving.routing import HEADER, Router


class ModelPages:
    """The pages below /v2.

    Args:
        router: who has which model.
    """

    def __init__(self, router: Router) -> None:
        self._router = router

    def server(self, _request: Request) -> Reply:
        """The server's name, version and extensions."""
        told = {"name": "pigeonhole", "version": __version__, "extensions": ["binary_tensor_data"]}
        return Reply(200, orjson.dumps(told))

    def model(self, name: str, version: str | None, request: Request) -> Reply:
        """A model's versions, inputs and outputs: those of the deployment with most traffic, or that is named."""
        fit = self._router.with_model(name, version)
        named = self._router.of_model(name, version, request.headers) if HEADER in request.headers else None
        told = named or max(fit, key=lambda deployment: deployment.traffic)
        versions = sorted({deployment.model_version for deployment in fit}, key=lambda text: (len(text), text))
        return Reply(200, orjson.dumps(metadata(told.facts, versions)))

    def ready(self, name: str, version: str | None, _request: Request) -> Reply:
        """A model that is there is ready: no server answers before all its models have proved themselves."""
        fit = self._router.with_model(name, version)
        return Reply(200, orjson.dumps({"name": fit[0].model_name, "ready": True}))
