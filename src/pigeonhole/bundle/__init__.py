"""The bundle: all that is needed to predict, in one folder that executes no code on loading."""

from pigeonhole.bundle.bundle import Bundle, Prediction
from pigeonhole.bundle.format import FORMAT, FORMAT_VERSION, load, read_manifest, write
from pigeonhole.bundle.normal import describe_normal

__all__ = ["FORMAT", "FORMAT_VERSION", "Bundle", "Prediction", "describe_normal", "load", "read_manifest", "write"]
