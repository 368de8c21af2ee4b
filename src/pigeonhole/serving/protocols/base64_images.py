"""Image files as text in JSON: `{"image": "iVBORw0…"}`, or `{"images": ["…", "…"]}`. Also takes `data:` addresses."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pigeonhole.core.errors import DataError, listing
from pigeonhole.serving.protocols.decoded import Facts, Work
from pigeonhole.serving.protocols.files import decode_files
from pigeonhole.serving.protocols.parsing import short, unfit_count, unfit_options, unknown

KEYS = ("image", "images", "invert")
_EXAMPLE = '{"image": "…"} with the file in base64, or {"images": ["…", "…"]}'


def is_images(request: Any) -> bool:
    """Whether a JSON body is of this kind."""
    return isinstance(request, dict) and ("image" in request or "images" in request)


def decode(request: dict[str, Any], facts: Facts) -> Work:
    """The images of a JSON body.

    Raises:
        DataError: a key is unknown or unfit, or a text is no base64; all of them are named.
    """
    problems = [unknown(key, KEYS) for key in request if key not in KEYS]
    single = "image" in request
    if single and "images" in request:
        problems.append("image: beside images, of which only one may be there")
    found = [request["image"]] if single else request["images"]
    problems += [] if single else unfit_count("images", found, True, facts.max_images)
    problems += unfit_options(request, ())
    if problems:
        raise DataError(f"the request:\n{listing(problems)}", _EXAMPLE, "correct the keys named above")
    files = read_texts(found, ["image"] if single else [f"images[{index}]" for index in range(len(found))])
    return lambda: decode_files(files, facts, invert=request.get("invert", False))


def read_texts(texts: list[Any], places: list[str]) -> list[tuple[str, bytes]]:
    """Each file's place and bytes.

    Raises:
        DataError: some are no base64; all of them are named.
    """
    files, problems = [], []
    for place, text in zip(places, texts, strict=True):
        try:
            files.append((place, _bytes(text)))
        except (ValueError, binascii.Error) as error:
            problems.append(f"{place}: {short(text)}, {error}")
    if problems:
        raise DataError(f"the images:\n{listing(problems)}", _EXAMPLE, "encode the file's bytes: base64 -w0 digit.png")
    return files


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str) or not text:
        raise ValueError("no text in base64")
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise ValueError("a data address that is not in base64")
    # Line ends are what `base64` writes into a long text.
    return base64.b64decode("".join(text.split()), validate=True)
