"""What a user can say about a batch job, in Azure ML's words where it has one. Checked at once; reads nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from pigeonhole.core.errors import UsageError
from pigeonhole.core.spec import Spec

Format = Literal["parquet", "csv", "append_row", "kaggle"]
FORMATS: tuple[Format, ...] = get_args(Format)
SEPARATORS = (",", " ", "\t")
_BY_ENDING: dict[str, Format] = {".parquet": "parquet", ".csv": "csv"}
_SHAPE = re.compile(r"(\d+)[x×](\d+)(?:[x×](\d+))?")


class BatchOptions(Spec):
    """How to predict over a whole place of images.

    Attributes:
        mini_batch_size: how many images are read, predicted and recorded together, at most; a kill costs a few of
            these. Azure counts files in the same place, 10 of them.
        max_concurrency: how many mini-batches are worked on at once; `None` means one a core. Azure's word is
            `max_concurrency_per_instance`, 1.
        max_retries: how often reading or predicting is tried again after an error that may pass, such as one of the
            file system. A damaged image is not tried again.
        error_threshold: how many images may fail before the job is given up; -1 means any number. They are counted
            and named all the same.
        format: what to write: `parquet`; `csv` with a header; `append_row`, the lines `row,prediction,file` without a
            header; `kaggle`, the columns ImageId (from 1) and Label. `None` goes by the ending of the file's name.
        separator: what stands between the columns of `append_row`: a comma, a space or a tab.
        replace: whether to take the place of a file that another batch job made and nobody changed since; what
            anybody else made is never written over.
        invert: swap dark and light first.
        label: a column of a CSV file that is no pixel and is left alone.
        shape: height, width and channels of images that come as a row of numbers, or a text such as 28x28.
        images: the array of an npz file, or the column of a Parquet file.
    """

    mini_batch_size: int = Field(256, ge=1, le=1_000_000)
    max_concurrency: int | None = Field(None, ge=1, le=1024)
    max_retries: int = Field(3, ge=0, le=100)
    error_threshold: int = Field(-1, ge=-1)
    format: Format | None = None
    separator: Literal[",", " ", "\t"] = ","
    replace: bool = False
    invert: bool = False
    label: str | None = None
    shape: tuple[int, int, int] | None = None
    images: str | None = None

    @field_validator("shape", mode="before")
    @classmethod
    def _shape_of_a_text(cls, value: Any) -> Any:
        if value is None or isinstance(value, list | tuple):
            return value
        match = _SHAPE.fullmatch(str(value).strip().lower())
        if not match:
            raise ValueError("accepted: HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS, such as 28x28")
        return int(match[1]), int(match[2]), int(match[3] or 1)

    @model_validator(mode="after")
    def _options_that_mean_something(self) -> BatchOptions:
        if self.separator != "," and self.format != "append_row":
            raise ValueError("a separator goes with the format append_row; the other formats have their own")
        if self.format == "kaggle" and self.error_threshold > 0:
            raise ValueError("kaggle wants a label for every image, so no image may fail; leave error_threshold out")
        return self

    def format_of(self, out: Path) -> Format:
        """The format that was named, else the one that the file's name ends in.

        Raises:
            UsageError: neither says it.
        """
        found = self.format or _BY_ENDING.get(out.suffix.lower())
        if found is None:
            raise UsageError(
                f"the file {out} and no format",
                f"a name that ends in {' or '.join(_BY_ENDING)}, or one of {', '.join(FORMATS)}",
                "add --format",
            )
        return found

    @property
    def allowed_failures(self) -> int | None:
        """How many images may fail; `None` for any number."""
        if self.format == "kaggle":
            return 0
        return None if self.error_threshold < 0 else self.error_threshold
