"""Image files inside a request → pixels, by the same function as in ingestion. Knows no protocol."""

from __future__ import annotations

from collections.abc import Sequence

from pigeonhole.core.errors import DataError, listing
from pigeonhole.images import Limits, Prepared, prepare
from pigeonhole.serving.protocols.decoded import SCALE_255, Decoded, Facts

MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def decode_files(files: Sequence[tuple[str, bytes]], facts: Facts, *, invert: bool) -> Decoded:
    """The images of some PNG or JPEG files, brought to the training shape.

    Args:
        files: what to call each in a message, and its bytes.
        facts: the shape and limits.
        invert: swap dark and light.

    Raises:
        DataError: there are too many, or some cannot be decoded or are over the limits; all of these are named.
    """
    if len(files) > facts.max_images:
        raise DataError(
            f"{len(files):,} images", f"at most {facts.max_images:,} a request", "send fewer images at a time"
        )
    prepared: list[Prepared] = []
    errors: list[DataError] = []
    for source, content in files:
        try:
            prepared.append(_prepared(source, content, facts, invert))
        except DataError as error:
            errors.append(error)
    if errors:
        _refuse(errors)
    named = len(files) > 1
    warnings = [
        f"{source}: {warning}" if named else warning
        for (source, _), one in zip(files, prepared, strict=True)
        for warning in one.warnings
    ]
    return Decoded(b"".join([one.image_HWC.tobytes() for one in prepared]), len(files), SCALE_255, warnings)


def _prepared(source: str, content: bytes, facts: Facts, invert: bool) -> Prepared:
    limits = Limits(max_pixels=facts.max_pixels)
    return prepare(content, facts.shape, invert=invert, reference=facts.normal, limits=limits, source=source)


def _refuse(errors: list[DataError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    told = listing([error.received for error in errors])
    raise DataError(f"the images:\n{told}", errors[0].accepted, errors[0].remedy)
