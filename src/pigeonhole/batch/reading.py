"""The portions that are left to do, read on after an error that passed. Decodes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pigeonhole.batch.options import BatchOptions
from pigeonhole.batch.scoring import PAUSE_S
from pigeonhole.core.errors import DataError
from pigeonhole.data.unlabelled import ImageSet, Portion


def portions_from(images: ImageSet, first: int, options: BatchOptions) -> Iterator[Portion]:
    """The portions from row `first` on; images whose reading breaks off are opened again where it was.

    Raises:
        DataError: it broke off at the same place more often than `max_retries` says.
    """
    tries = options.max_retries
    while True:
        try:
            for portion in images.read(first, options.mini_batch_size):
                yield portion
                first, tries = portion.start + len(portion), options.max_retries
        except OSError as error:
            if not tries:
                raise DataError(
                    f"{images.title} cannot be read on from row {first:,}: {error}",
                    "images that can be read to the end",
                    "run the same command again to go on from there",
                ) from error
            time.sleep(PAUSE_S * 2 ** (options.max_retries - tries))
            tries -= 1
        else:
            return
