"""Bytes to uint8 HWC images and their statistics: the one way in for ingest, predict, serve and drift."""

from __future__ import annotations

from pigeonhole.images.brightness import figures, looks_inverted, statistics
from pigeonhole.images.decoding import Limits, decode, header
from pigeonhole.images.drawing import png, terminal
from pigeonhole.images.files import prepare_files, read_folder
from pigeonhole.images.preparing import Normal, Prepared, prepare, prepare_pixels
from pigeonhole.images.sizing import Shape, fit

__all__ = [
    "Limits",
    "Normal",
    "Prepared",
    "Shape",
    "decode",
    "figures",
    "fit",
    "header",
    "looks_inverted",
    "png",
    "prepare",
    "prepare_files",
    "prepare_pixels",
    "read_folder",
    "statistics",
    "terminal",
]
