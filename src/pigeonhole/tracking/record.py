"""What a run's record says when the run begins, and the fingerprint by which an unfinished run is found again."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pigeonhole.core.clock import utc_now
from pigeonhole.core.spec import parse_settings
from pigeonhole.tracking.environment import environment

FORMAT_VERSION = 1
Record = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What is to be trained, resolved to the last setting.

    Args:
        model: the preset's key or the spec file, as the user gave it.
        spec: every setting, resolved, as JSON.
        dataset: the dataset version, `mnist:1`.
        dataset_sha256: the hash of its content.
        seed: the one number from which all randomness follows.
        settings: what the user set, nested or dotted; only for the command line that makes the run again.
        parent: the run, and epoch, that it starts from: `RUN` or `RUN:EPOCH`.
        trial: the trial of a sweep that it is, `SWEEP/NUMBER`; two trials with the same values are two runs.
    """

    model: str
    spec: Mapping[str, Any]
    dataset: str
    dataset_sha256: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    trial: str | None = None

    @property
    def fingerprint(self) -> str:
        """Equal for two requests that one run may answer; 64 hex digits."""
        decisive: dict[str, Any] = {
            "spec": self.spec,
            "dataset": self.dataset,
            "dataset_sha256": self.dataset_sha256,
            "seed": self.seed,
            "parent": self.parent,
        }
        if self.trial is not None:
            decisive["trial"] = self.trial
        text = json.dumps(decisive, sort_keys=True, ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def command(self) -> str:
        """The line that makes the run again."""
        words = ["pigeonhole", "train", self.dataset, "--model", self.model, "--seed", str(self.seed)]
        if self.parent:
            words += ["--resume-from", self.parent]
        for key, value in _dotted(self.settings):
            words += ["--set", f"{key}={_as_setting(value)}"]
        return shlex.join(words)

    def to_record(self, run_id: str) -> Record:
        """The record of a run that begins now."""
        return {
            "format": "pigeonhole-run",
            "format_version": FORMAT_VERSION,
            "id": run_id,
            "status": "Running",
            "model": self.model,
            "spec": dict(self.spec),
            "settings": dict(self.settings),
            "dataset": self.dataset,
            "dataset_sha256": self.dataset_sha256,
            "seed": self.seed,
            "parent": self.parent,
            "trial": self.trial,
            "fingerprint": self.fingerprint,
            "command": self.command,
            "created_at": utc_now(),
            "continued_at": [],
            "ended_at": None,
            "settled_at": None,
            "error": None,
            "metrics": {},
            "environment": environment(),
        }


def _dotted(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _as_setting(value: Any) -> str:
    """The text that `--set` reads back as `value`."""
    if isinstance(value, str) and parse_settings([f"x={value}"]) == {"x": value}:
        return value
    return json.dumps(value, ensure_ascii=False)
