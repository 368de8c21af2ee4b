"""What makes two sweeps the same: all of a spec that changes a result, and the contents that it speaks of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pigeonhole import models
from pigeonhole.sweep.spec.expressions import modern

if TYPE_CHECKING:
    from pigeonhole.sweep.spec.sweep import SweepSpec

_VERSION = 1


def identity_of(spec: SweepSpec, contents: Mapping[str, str]) -> str:
    """The hash of all that changes a result; 64 hexadecimal digits.

    Names, descriptions, `limits.timeout`, what is of use on Azure ML only, and how many trials run at a time where the
    sampler does not wait for any, change none. A default that is written out is the default.

    Args:
        spec: the sweep.
        contents: by name (`dataset`, `code`), the hash of what the spec only names.
    """
    limits = spec.limits
    parts = {
        "version": _VERSION,
        "trial": _preset(spec) if spec.preset else _command(spec),
        # A list, since the order of declaration counts.
        "search_space": [[name, _plain(distribution)] for name, distribution in spec.search_space.items()],
        "sampling_algorithm": _plain(spec.sampling_algorithm),
        "objectives": list(zip(spec.metrics, spec.goals, strict=True)),
        "early_termination": spec.early_termination and _plain(spec.early_termination),
        "limits": [limits.max_total_trials, limits.trial_timeout],
        "at_a_time": spec.concurrent if spec.sampling_algorithm.waits else None,
        "contents": dict(contents),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _preset(spec: SweepSpec) -> dict[str, Any]:
    """The preset as it is now, so that another one of the same name or file is another sweep."""
    assert spec.preset is not None and spec.model is not None  # noqa: S101, PT018 - the caller knows
    resolved = models.resolve(spec.model, spec.preset.settings).to_dict()
    return {**resolved, "model": spec.preset.model, "seed": spec.training_seed, "dataset": spec.dataset}


def _command(spec: SweepSpec) -> dict[str, Any]:
    assert spec.command is not None  # noqa: S101 - the caller knows
    return {
        "command": modern(spec.command.command),
        "environment_variables": spec.command.environment_variables,
        "inputs": {name: _plain(given) for name, given in spec.inputs.items()},
        "outputs": sorted(spec.outputs),
    }


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value
