"""One deployment that answers with a script: its process, its queue, its counters, its prediction log."""

from __future__ import annotations

import os
from typing import ClassVar

from pigeonhole.core.errors import UsageError
from pigeonhole.predictions import PredictionLog
from pigeonhole.scripts import Question, Script
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from pigeonhole.serving.counting import SIZES, WAIT_S, Histogram
from pigeonhole.serving.deployed import Answering
from pigeonhole.serving.failures import too_many

LIMIT = "SCORING_TIMEOUT_MS"
LIMIT_MS = 3_600_000
MARGIN_S = 5.0
MAX_WAITING_BYTES = 256 << 20
# What the prediction log is told of the size of images, of which a script's requests have none that it knows.
NO_IMAGE = (1, 1, 1)


class ScriptQueue:
    """The requests that wait for one script, or are answered by it.

    Args:
        max_requests: more than that, and further ones are refused.
    """

    waiting = 0

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests
        self.requests = 0
        self.sizes, self.durations = Histogram(SIZES), Histogram(WAIT_S)
        self._bytes = 0

    def enter(self, size_bytes: int) -> None:
        """Takes a request in.

        Raises:
            RequestError: too many wait, or they are too large together (429).
        """
        is_full = self.requests >= self._max_requests or self._bytes + size_bytes > MAX_WAITING_BYTES
        if self.requests and is_full:
            raise too_many(self.requests, "requests")
        self.requests += 1
        self._bytes += size_bytes

    def leave(self, size_bytes: int) -> None:
        """It was answered, or nobody waits for it any more."""
        self.requests -= 1
        self._bytes -= size_bytes


class Scripted(Answering):
    """A deployment that answers with a script.

    Args:
        told: its name and shares.
        script: verified.
        log: where its answers are written; `None` keeps none.
        config: limits, and whether there are keys.
    """

    is_script: ClassVar[bool] = True
    batcher: ScriptQueue

    def __init__(
        self, told: ServedDeployment, script: Script, log: PredictionLog | None, config: ServingConfig
    ) -> None:
        # Here, so that a server of bundles starts without it.
        from pigeonhole.scripts import Runner

        super().__init__(told, log, config)
        limit_ms = _limit_ms()
        timeout_s = limit_ms / 1e3
        if config.endpoint is not None:
            # The time of a request is over before; this is for copies, which nobody waits for.
            timeout_s = min(timeout_s, self.timeout_s + MARGIN_S)
        self.scoring_ms = timeout_s * 1e3
        self.max_wait_ms = told.limits.max_queue_wait_ms
        self.hides_key = bool(config.key_hashes)
        memory_bytes = int(told.memory_gib * (1 << 30)) if told.memory_gib else None
        environment = _environment(script, told.threads, limit_ms)
        self.runner = Runner(script, f"{told.name} ({told.model_name})", environment, timeout_s, memory_bytes)
        self.batcher = ScriptQueue(told.limits.max_waiting_requests or config.max_waiting_requests)

    @property
    def is_well(self) -> bool:
        """Whether its process can be started."""
        return self.runner.is_well

    @property
    def restarts(self) -> int:
        """How often its process was started again."""
        return self.runner.restarts

    def ask(self, question: Question, *, aside: bool = False) -> None:
        """Has a question asked; with `aside` only while nobody else waits."""
        self.runner.ask(question, aside=aside)

    def close(self) -> None:
        """Ends the script's process."""
        self.runner.close()
        super().close()


def _limit_ms() -> int:
    text = os.environ.get(LIMIT, str(LIMIT_MS))
    if not text.isdigit() or not int(text):
        raise UsageError(
            f"{LIMIT}={text!r} in the environment", "a number of milliseconds", f"correct or unset {LIMIT}"
        )
    return int(text)


def _environment(script: Script, threads: int, limit_ms: int) -> dict[str, str]:
    """What Azure ML tells a script by its environment, and the cores that its libraries may use."""
    return {
        "AZUREML_MODEL_DIR": str(script.root),
        "AML_APP_ROOT": str(script.root),
        "AZUREML_ENTRY_SCRIPT": script.entry.name,
        "WORKER_COUNT": "1",
        LIMIT: str(limit_ms),
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        # What was registered stays as it is.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
