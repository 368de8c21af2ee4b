"""The routes that tell about the server: health, metrics, the description of the interface. None scores an image."""

from __future__ import annotations

from urllib.parse import parse_qsl

import orjson

from pigeonhole.bundle import Bundle
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.http import JSON, Reply, Request, RequestError
from pigeonhole.serving.metrics import CONTENT_TYPE
from pigeonhole.serving.scoring import Scorer
from pigeonhole.serving.swagger import VERSIONS, description


class Pages:
    """What a server says about itself.

    Args:
        config: names and keys.
        bundle: what it serves.
        scorer: whose counters it shows.
    """

    def __init__(self, config: ServingConfig, bundle: Bundle, scorer: Scorer) -> None:
        self.ready = False
        self._config = config
        self._bundle = bundle
        self._scorer = scorer
        self._names = {"model": config.model_name, "deployment": config.deployment}

    async def home(self, _request: Request) -> Reply:
        """The word that Azure's server says here."""
        return Reply(200, b"Healthy", b"text/html; charset=utf-8")

    async def options(self, _request: Request) -> Reply:
        """What may be done at /score."""
        return Reply(200, b"", JSON, {"allow": "POST, OPTIONS"})

    async def live(self, _request: Request) -> Reply:
        """The process runs."""
        return Reply(200, b'{"live":true}')

    async def is_ready(self, _request: Request) -> Reply:
        """Requests are answered; no longer so once the server was told to stop."""
        if not self.ready:
            raise RequestError(
                503, "not_ready", "a request to a server that is stopping", "a server that runs", "try again"
            )
        return Reply(200, orjson.dumps({"ready": True, **self._names}))

    async def swagger(self, request: Request) -> Reply:
        """The OpenAPI document; `?version=3` for the newer kind."""
        version = dict(parse_qsl(request.scope["query_string"].decode("latin-1"))).get("version", "2")
        if version not in VERSIONS:
            raise RequestError(
                404, "no_such_version", f"OpenAPI version {version!r}", ", ".join(VERSIONS), "ask for one of these"
            )
        shape, class_names = self._bundle.shape_HWC, self._bundle.class_names
        document = description(
            version, self._config.model_name, shape, class_names, keyed=bool(self._config.key_hashes)
        )
        return Reply(200, orjson.dumps(document))

    async def metrics(self, _request: Request) -> Reply:
        """Counters for Prometheus."""
        log, batcher, counted = self._scorer.log, self._scorer.batcher, self._scorer.metrics
        others = {
            "ready": ("gauge", "Whether requests are answered", float(self.ready)),
            "start_time_seconds": ("gauge", "When the process started, in seconds since 1970", counted.started_s),
            "waiting_images": ("gauge", "Images waiting for the model", float(batcher.waiting)),
            "batches_total": ("counter", "Runs of the model", float(batcher.batches)),
            "decode_seconds_total": ("counter", "Time spent reading requests", counted.decode_s),
            "run_seconds_total": ("counter", "Time spent in the model", batcher.run_s),
            "encode_seconds_total": ("counter", "Time spent writing answers", counted.encode_s),
            "log_written_total": ("counter", "Requests in the prediction log", float(log.written if log else 0)),
            "log_dropped_total": ("counter", "Requests lost to the prediction log", float(log.dropped if log else 0)),
        }
        return Reply(200, counted.text(self._names, others), CONTENT_TYPE)
