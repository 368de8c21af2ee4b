"""How a script's process fares, for whoever keeps its server running. Tells nobody by itself."""

from __future__ import annotations

from pigeonhole.serving.scripted.deployment import Scripted

# A message of a pipe is written whole or not at all up to 4 KiB.
TEXT_LIMIT = 500


class ScriptNews:
    """What there is to tell of one script.

    Args:
        deployment: whose.

    Attributes:
        told: what was last told; at first that all is well, which a server that is ready says of all.
    """

    def __init__(self, deployment: Scripted) -> None:
        self._deployment = deployment
        self.told = _news(deployment.name, 0, "", is_up=True, is_lost=False)

    def now(self) -> dict[str, object]:
        """How often the process was started again and why, whether one is there, and whether none can be started."""
        runner = self._deployment.runner
        is_up, is_lost = runner.pid is not None, not runner.is_well
        return _news(self._deployment.name, runner.restarts, runner.why[:TEXT_LIMIT], is_up=is_up, is_lost=is_lost)


def _news(name: str, restarts: int, why: str, *, is_up: bool, is_lost: bool) -> dict[str, object]:
    return {"script": name, "restarts": restarts, "why": why, "is_up": is_up, "is_lost": is_lost}
