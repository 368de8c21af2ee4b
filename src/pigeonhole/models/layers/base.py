"""What every layer's settings know: the shape that comes out and the numbers inside. No arithmetic on images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pigeonhole.core.spec import Spec

Shape = tuple[int, ...]  # (H, W, C), or (units,) once it is flat
CLASSES: Literal["$classes"] = "$classes"  # stands for the number of classes until the dataset is known
Activation = Literal[
    "linear", "relu", "leaky_relu", "elu", "gelu", "silu", "swish", "sigmoid", "tanh", "softmax", "threshold"
]
Initializer = Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "zeros", "ones"]
Padding = Literal["valid", "same"]


class ShapeProblem(Exception):  # noqa: N818 - caught and told as a SpecError that names the layer
    """A layer cannot take the shape it got; the text says what it needs.

    Args:
        needed: what would fit.
        got: the shape that came; `None` until `shapes_through` adds it.
        place: the names of the layer and of those that it lies in, outermost first.
    """

    def __init__(self, needed: str, got: Shape | None = None, place: tuple[str, ...] = ()) -> None:
        super().__init__(needed)
        self.got = got
        self.place = place


class Layer(Spec):
    """The settings of one layer. Every field has Keras' name and Keras' default.

    Attributes:
        key: the layer's name in a spec.
        main: the field that a plain value stands for (`activation: relu`), or `None`.
    """

    key: ClassVar[str]
    main: ClassVar[str | None] = None

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one image's output.

        Raises:
            ShapeProblem: `shape` does not fit.
        """
        return shape

    def n_parameters(self, shape: Shape) -> int:  # noqa: ARG002 - most layers have none, whatever their input
        """How many numbers training changes in it, for an input of `shape`."""
        return 0

    def n_non_trainable(self, shape: Shape) -> int:  # noqa: ARG002
        """How many numbers it keeps besides those, such as running statistics."""
        return 0


def layer_to_item(layer: Layer) -> Any:
    """The layer as it would stand in a spec, with every setting written out."""
    settings = layer.model_dump(mode="json")
    return {layer.key: settings} if settings else layer.key


def shapes_through(layers: Sequence[Layer], shape: Shape) -> list[Shape]:
    """The shape before each of the layers, and the one after the last.

    Raises:
        ShapeProblem: a shape does not fit; the layer and what it got are in it.
    """
    shapes = [shape]
    for number, layer in enumerate(layers, start=1):
        try:
            shapes.append(layer.output_shape(shapes[-1]))
        except ShapeProblem as problem:
            place = (f"layer {number} ({layer.key})", *problem.place)
            raise ShapeProblem(str(problem), problem.got or shapes[-1], place) from problem
    return shapes


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """`3` → `(3, 3)`, as Keras reads it."""
    return (value, value) if isinstance(value, int) else value


def need_image(shape: Shape) -> tuple[int, int, int]:
    """The shape as (H, W, C).

    Raises:
        ShapeProblem: it is flat.
    """
    if len(shape) != 3:
        raise ShapeProblem("an image-shaped input (height×width×channels); put it before `flatten`")
    return shape[0], shape[1], shape[2]


def window_output(
    shape: Shape, size: tuple[int, int], strides: tuple[int, int], padding: Padding, channels: int | None = None
) -> Shape:
    """The shape after a window of `size` slid over the image.

    Raises:
        ShapeProblem: the image is flat, or smaller than the window.
    """
    height, width, depth = need_image(shape)
    if padding == "same":
        return -(-height // strides[0]), -(-width // strides[1]), channels or depth
    if height < size[0] or width < size[1]:
        raise ShapeProblem(f"at least {size[0]}×{size[1]} pixels, or `padding: same`")
    return (height - size[0]) // strides[0] + 1, (width - size[1]) // strides[1] + 1, channels or depth


def shape_text(shape: Shape) -> str:
    """`28×28×1`, or `128` for a flat shape."""
    return "×".join(map(str, shape))
