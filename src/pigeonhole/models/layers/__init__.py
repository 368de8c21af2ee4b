"""The layers of a network spec, spelled as in Keras: their settings, defaults and shapes. No torch here."""

from pigeonhole.models.layers.base import CLASSES, Layer, Shape, ShapeProblem, shape_text, shapes_through
from pigeonhole.models.layers.registry import LAYERS, parse_layers

__all__ = ["CLASSES", "LAYERS", "Layer", "Shape", "ShapeProblem", "parse_layers", "shape_text", "shapes_through"]
