"""The limits of a deployment as people give them: by section, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pigeonhole.core.closest import suggestion
from pigeonhole.core.errors import UsageError, listing
from pigeonhole.serving.limits import IMAGE_LOG, REQUEST_SETTINGS

_SECTIONS = (REQUEST_SETTINGS, IMAGE_LOG)


def sections(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The arguments `request_settings` and `image_log` of `deploy`.

    Raises:
        UsageError: another section, or something that is no section.
    """
    problems = [
        f"{key}: unknown{suggestion(key, _SECTIONS)}" if key not in _SECTIONS else f"{key}: {value!r}, not {key}.KEY"
        for key, value in settings.items()
        if key not in _SECTIONS or not isinstance(value, dict)
    ]
    if problems:
        raise UsageError(
            f"--set:\n{listing(problems)}",
            "request_settings.KEY=VALUE and image_log.KEY=VALUE",
            "for example --set request_settings.request_timeout_ms=5000",
        )
    return dict(settings)
