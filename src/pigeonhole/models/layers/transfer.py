"""A network of the package timm as one layer, without its head: images in, features out. Only its settings are here."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pigeonhole.models.layers.base import Layer, Shape, ShapeProblem, need_image

NO_WEIGHTS: Literal["none"] = "none"
_Channels = tuple[float, float, float]


class Timm(Layer):
    """`timm: {name: resnet18, weights: resnet18.safetensors, freeze: true}`; ours, not Keras'.

    Grey images become three equal channels, so that every network stays as it was published.

    Attributes:
        name: a model of timm, with or without the tag of its weights (`resnet18`, `resnet18.a1_in1k`).
        weights: a file of its weights, safetensors or torch's own format, relative to the current folder; `none` begins
            at random. Nothing is ever downloaded.
        sha256: of that file, in hexadecimal; empty in a file that a person wrote, filled in when the spec is resolved.
        freeze: whether its weights and the statistics of its normalisations stay as they are.
        image_size: side in pixels of the square that images are resized to, inside the network; 0 keeps their own.
        mean: of red, green and blue, 0 to 1, that the weights were trained with; `None` takes what timm notes for them.
        sd: standard deviations that belong to `mean`.
    """

    key: ClassVar[str] = "timm"
    main: ClassVar[str | None] = "name"
    name: str
    weights: str = NO_WEIGHTS
    sha256: str = ""
    freeze: bool = False
    image_size: Annotated[int, Field(ge=0, le=2048)] = 0
    mean: _Channels | None = None
    sd: _Channels | None = None

    @property
    def has_weights(self) -> bool:
        """Whether it begins with the weights of a file."""
        return self.weights != NO_WEIGHTS

    def output_shape(self, shape: Shape) -> Shape:
        """(features,)."""
        return (self._measured(shape)[0],)

    def n_parameters(self, shape: Shape) -> int:
        """None while it is frozen; some networks have more for larger images."""
        return 0 if self.freeze else self._measured(shape)[1]

    def n_non_trainable(self, shape: Shape) -> int:
        """Running statistics, and all weights while it is frozen."""
        _, parameters, statistics = self._measured(shape)
        return statistics + (parameters if self.freeze else 0)

    def size(self, shape: Shape) -> tuple[int, int]:
        """Height and width of what its network sees.

        Raises:
            ShapeProblem: `shape` is no image of one or three channels.
        """
        height, width, channels = need_image(shape)
        if channels not in {1, 3}:
            raise ShapeProblem("1 or 3 channels; put it first")
        return (self.image_size, self.image_size) if self.image_size else (height, width)

    def _measured(self, shape: Shape) -> tuple[int, int, int]:
        # Only the package itself knows what is inside, so it is asked; loading it takes seconds.
        from pigeonhole.models.transfer import measured

        return measured(self.name, self.size(shape))
