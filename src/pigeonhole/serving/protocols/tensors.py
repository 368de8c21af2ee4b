"""The tensors of the Open Inference Protocol: an input `images` in JSON or as bytes → pixels. Knows nothing of answers.

Axes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pigeonhole.core.errors import DataError, listing
from pigeonhole.images import Shape
from pigeonhole.serving.protocols.decoded import Facts
from pigeonhole.serving.protocols.exact import Rows
from pigeonhole.serving.protocols.parsing import short

INPUT = "images"
KEYS = ("name", "shape", "datatype", "parameters", "data")
_SIZE = "binary_data_size"
_SCALE_REMEDY = 'send whole numbers: (images * 255).round().astype("uint8") for values from 0 to 1'


class Tensor(NamedTuple):
    """The input `images` as the JSON tells it.

    Attributes:
        n: the number of images.
        size: the bytes that it announces after the JSON; `None` if it announces none.
        has_data: whether there are values in the JSON.
        data: those values.
    """

    n: int
    size: Any
    has_data: bool
    data: Any


def read(tensors: Any, facts: Facts) -> Tensor:
    """The only input.

    Args:
        tensors: the value of `inputs`.
        facts: the shape and limits.

    Raises:
        DataError: it is not one tensor `images` of type UINT8 and shape [N, H, W, C].
    """
    tensor = _the_only(tensors)
    n, size = _count(tensor, facts), tensor.get("parameters", {}).get(_SIZE)
    return Tensor(n, size, "data" in tensor, tensor.get("data"))


def pixels(tensor: Tensor, binary: bytes | None, facts: Facts) -> bytes:
    """The values of a tensor's N·H·W·C pixels.

    Args:
        tensor: from `read`.
        binary: what follows the JSON in the body; `None` where all of it is JSON.
        facts: the shape.

    Raises:
        DataError: there are too few or too many, or some are no whole numbers from 0 to 255.
    """
    if tensor.size is not None:
        return _cut(tensor, binary, tensor.n * facts.size)
    if binary:
        raise _refused(f"{len(binary):,} bytes after the JSON", f"{_SIZE} in the parameters of the input")
    return _listed(tensor.data, tensor.n, facts)


def _the_only(tensors: Any) -> dict[str, Any]:
    if not isinstance(tensors, list) or len(tensors) != 1 or not isinstance(tensors[0], dict):
        count = f"{len(tensors)} inputs" if isinstance(tensors, list) else f"inputs: {short(tensors)}"
        raise _refused(count, f"a list of one input, {INPUT}")
    tensor = tensors[0]
    problems = [f"{short(key)}: unknown key" for key in tensor if key not in KEYS]
    if tensor.get("name") != INPUT:
        problems.append(f"name: {short(tensor.get('name'))}, not {INPUT}")
    if not isinstance(tensor.get("parameters", {}), dict):
        problems.append(f"parameters: {short(tensor['parameters'])}, not an object")
    elif other := [key for key in tensor.get("parameters", {}) if key != _SIZE]:
        problems.append(f"parameters: {', '.join(map(short, other[:10]))}, not {_SIZE}")
    if tensor.get("datatype") != "UINT8":
        problems.append(f"datatype: {short(tensor.get('datatype'))}, not UINT8")
    if problems:
        raise _refused(f"the input:\n{listing(problems)}", f"one input {INPUT} of type UINT8")
    return tensor


def _count(tensor: dict[str, Any], facts: Facts) -> int:
    shape = tensor.get("shape")
    wanted = list(facts.shape)
    fits = isinstance(shape, list) and shape[1:] == wanted and type(shape[0]) is int and not _has_bool(shape)
    if not fits or shape is None or not 0 < shape[0] <= facts.max_images:
        raise _refused(
            f"the input's shape {short(shape)}",
            f"[N, {', '.join(map(str, wanted))}] with N from 1 to {facts.max_images:,}",
            f"give {INPUT} that shape",
        )
    return int(shape[0])


def _has_bool(shape: list[Any]) -> bool:
    return any(type(size) is bool for size in shape)


def _cut(tensor: Tensor, binary: bytes | None, wanted: int) -> bytes:
    size = tensor.size
    if tensor.has_data:
        raise _refused(f"both data and {_SIZE}", "one of them")
    have = 0 if binary is None else len(binary)
    if type(size) is not int or binary is None or not size == have == wanted:
        raise _refused(
            f"{_SIZE} {short(size)} and {have:,} bytes after the JSON",
            f"{wanted:,} of both, one a pixel and channel",
            "send the array's bytes after the JSON, and the JSON's length in Inference-Header-Content-Length",
        )
    return binary


def _listed(data: Any, n: int, facts: Facts) -> bytes:
    """The values of a JSON list, flat or nested."""
    total = n * facts.size
    if isinstance(data, list) and len(data) == total and not isinstance(data[0], list):
        if set(map(type, data)) == {int}:
            try:
                return bytes(data)
            except ValueError:  # out of range
                pass
        _refuse_flat(data)
    if not isinstance(data, list) or len(data) != n:
        received = f"{len(data):,} values" if isinstance(data, list) else short(data)
        raise _refused(f"data: {received}", f"a list of {total:,} values, or of {n:,} images, for this shape")
    return _nested(data, facts.shape)


def _nested(data: list[Any], shape: Shape) -> bytes:
    return Rows(data, "data", shape).pixels("0-255")[0]


def _refuse_flat(data: list[Any]) -> None:
    bad = [index for index, value in enumerate(data) if type(value) is not int or not 0 <= value <= 255]
    shown = [f"data[{index}]: {short(data[index])}, not a whole number from 0 to 255" for index in bad[:10]]
    raise _refused(f"the input:\n{listing(shown, len(bad))}", "UINT8 values", _SCALE_REMEDY)


def _refused(received: str, accepted: str, remedy: str = "") -> DataError:
    return DataError(received, accepted, remedy or f"GET /v2/models/NAME tells the inputs; {_SCALE_REMEDY}")
