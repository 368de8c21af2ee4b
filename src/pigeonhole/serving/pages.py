"""The routes that tell about the server: health, metrics, the description of the interface. None scores an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from urllib.parse import parse_qsl

import orjson

from pigeonhole import __version__
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.deployed import Answering, Deployed
from pigeonhole.serving.http import JSON, Reply, Request, RequestError
from pigeonhole.serving.measuring import Meter
from pigeonhole.serving.metrics import CONTENT_TYPE
from pigeonhole.serving.routing import HEADER
from pigeonhole.serving.scoring import Scorer
from pigeonhole.serving.scripted.deployment import Scripted


class Pages:
    """What a server says about itself.

    Args:
        config: keys.
        deployments: what it serves.
        scorer: who says which deployment a request is for.
        meter: the counters.
    """

    def __init__(self, config: ServingConfig, deployments: Sequence[Answering], scorer: Scorer, meter: Meter) -> None:
        self.ready = False
        self._keyed = bool(config.key_hashes)
        self._deployments = deployments
        self._scorer = scorer
        self._meter = meter

    def home(self, _request: Request) -> Reply:
        """The word that Azure's server says here."""
        return Reply(200, b"Healthy", b"text/html; charset=utf-8")

    def options(self, _request: Request) -> Reply:
        """What may be done at /score."""
        return Reply(200, b"", JSON, ((b"allow", b"GET, POST, OPTIONS"),))

    def ping(self, request: Request) -> Reply:
        """MLflow's question whether requests are answered."""
        self.is_ready(request)
        return Reply(200, b"\n", b"text/plain; charset=utf-8")

    def version(self, _request: Request) -> Reply:
        """The version of what answers."""
        return Reply(200, __version__.encode(), b"text/plain; charset=utf-8")

    def live(self, _request: Request) -> Reply:
        """The process runs."""
        return Reply(200, b'{"live":true}')

    def is_ready(self, _request: Request) -> Reply:
        """Requests are answered; no longer so once the server was told to stop."""
        # One that cannot answer must not take the others with it: its supervisor leaves it out.
        if self.ready and not any(one.is_well for one in self._deployments):
            raise RequestError(
                503,
                "script_failed",
                "a request to a server whose script cannot be started any more",
                "a script whose init() returns",
                "read the log, mend the script, and deploy it again",
            )
        if not self.ready:
            raise RequestError(
                503, "not_ready", "a request to a server that is stopping", "a server that runs", "try again"
            )
        return Reply(
            200, orjson.dumps({"ready": True, "deployments": {one.name: one.model for one in self._deployments}})
        )

    def swagger(self, request: Request) -> Reply:
        """The OpenAPI document; `?version=3` or `3.1` for the newer kinds."""
        # Read on first use: a server starts without it.
        from pigeonhole.serving.openapi.document import VERSIONS, document
        from pigeonhole.serving.openapi.of_script import script_document

        version = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)).get("version", "2")
        if version not in VERSIONS:
            raise RequestError(
                404, "no_such_version", f"OpenAPI version {version!r}", ", ".join(VERSIONS), "ask for one of these"
            )
        # Whoever describes the interface to a client asks for one deployment, or means the one with most traffic.
        most = max(self._deployments, key=lambda deployment: deployment.traffic)
        told = self._scorer.router.choose(request.headers) if HEADER in request.headers else most
        if not isinstance(told, Deployed):
            return Reply(200, orjson.dumps(script_document(version, cast("Scripted", told), keyed=self._keyed)))
        models: dict[str, list[str]] = {}
        for one in (each for each in self._deployments if isinstance(each, Deployed)):
            models.setdefault(one.model_name, []).append(one.model_version)
        names = [one.name for one in self._deployments]
        return Reply(200, orjson.dumps(document(version, told.facts, names, models, keyed=self._keyed)))

    def metrics(self, _request: Request) -> Reply:
        """Counters for Prometheus."""
        return Reply(200, self._meter.text(), CONTENT_TYPE)
