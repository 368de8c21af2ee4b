"""The presets: named recipes for networks and estimators, one YAML file each."""

from pigeonhole.models.presets.catalogue import Preset, get, names, read

__all__ = ["Preset", "get", "names", "read"]
