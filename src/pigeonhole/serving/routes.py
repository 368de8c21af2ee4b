"""Which handler answers a path and a method. Reads nothing of a request but these."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from pigeonhole.serving.feedback import FeedbackTaker
from pigeonhole.serving.http import Reply, Request, RequestError, Respond
from pigeonhole.serving.model_pages import ModelPages
from pigeonhole.serving.pages import Pages
from pigeonhole.serving.protocols.azure import SCORE, SCORE_BY_QUERY
from pigeonhole.serving.protocols.mlflow import INVOCATIONS
from pigeonhole.serving.protocols.open_inference import INFER
from pigeonhole.serving.scoring import Scorer

Handler = Callable[[Request, Respond], None]
Page = Callable[[Request], Reply]
# What load balancers and probes ask, which have no key and learn nothing from the answers.
OPEN = frozenset({"/", "/ping", "/v2/health/live", "/v2/health/ready"})
_MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(/infer|/ready)?")


class Routes:
    """The paths of a server.

    Args:
        scorer: for those that score.
        pages: for those that tell about the server.
        feedback: takes what people say.
    """

    def __init__(self, scorer: Scorer, pages: Pages, feedback: FeedbackTaker) -> None:
        self._scorer = scorer
        self._models = ModelPages(scorer.router)
        score, by_query = partial(scorer.score, SCORE), partial(scorer.score, SCORE_BY_QUERY)
        self._fixed: dict[str, Mapping[str, Handler]] = {
            "/": {"GET": partial(_tell, pages.home)},
            "/score": {"GET": by_query, "POST": score, "OPTIONS": partial(_tell, pages.options)},
            "/invocations": {"POST": partial(scorer.score, INVOCATIONS)},
            "/feedback": {"POST": feedback.take},
            "/ping": {"GET": partial(_tell, pages.ping)},
            "/version": {"GET": partial(_tell, pages.version)},
            "/metrics": {"GET": partial(_tell, pages.metrics)},
            "/swagger.json": {"GET": partial(_tell, pages.swagger)},
            "/v2": {"GET": partial(_tell, self._models.server)},
            "/v2/health/live": {"GET": partial(_tell, pages.live)},
            "/v2/health/ready": {"GET": partial(_tell, pages.is_ready)},
        }
        self._told = ", ".join([*self._fixed, "/v2/models/NAME"])
        # What is there is looked up; only what is not goes through the pattern, to be told what is.
        for path in scorer.router.model_paths():
            self._fixed.update({path + what: self._of_model(path + what) for what in ("", "/ready", "/infer")})

    def name(self, path: str) -> str:
        """What metrics call a path: its route, or `other`, so that clients cannot make up new ones."""
        found = _MODEL.fullmatch(path)
        if found is None:
            return path if path in self._fixed else "other"
        return f"/v2/models/{{model}}{found[3] or ''}"

    def find(self, path: str, method: str) -> Handler:
        """The handler.

        Raises:
            RequestError: there is no such path (404), or it takes other methods (405).
        """
        methods = self._fixed.get(path) or self._of_model(path)
        if not methods:
            raise RequestError(404, "no_such_path", f"the path {path}", self._told, "correct the path")
        handler = methods.get("GET" if method == "HEAD" else method)
        if handler is None:
            allowed = ", ".join(methods)
            raise RequestError(
                405, "method_not_allowed", f"{method} {path}", allowed, "use that method", {"allow": allowed}
            )
        return handler

    def _of_model(self, path: str) -> Mapping[str, Handler]:
        found = _MODEL.fullmatch(path)
        if found is None:
            return {}
        name, version, what = found.groups()
        if what == "/infer":
            return {"POST": partial(self._scorer.infer, INFER, name, version)}
        page = self._models.ready if what == "/ready" else self._models.model
        return {"GET": partial(_tell, partial(page, name, version))}


def _tell(page: Page, request: Request, respond: Respond) -> None:
    respond(page(request))
