"""What a user wants of a search, in Azure ML v2's words: `type: automl`. Read, explained, made plain."""

from pigeonhole.automl.settings.plain import AutomlSettings
from pigeonhole.automl.settings.reading import from_command, read_automl

__all__ = ["AutomlSettings", "from_command", "read_automl"]
