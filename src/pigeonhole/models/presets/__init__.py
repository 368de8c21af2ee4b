"""The presets: named recipes for networks and estimators, one YAML file each."""

from pigeonhole.models.presets.catalogue import Preset, get, names, read
from pigeonhole.models.presets.timm import TIMM, timm_preset

__all__ = ["TIMM", "Preset", "get", "names", "read", "timm_preset"]
