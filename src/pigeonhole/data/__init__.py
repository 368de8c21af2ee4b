"""Sources in, dataset versions out: ingest, splits, versions, comparison, export."""

from __future__ import annotations

from pigeonhole.data.catalogue import DatasetSummary, list_datasets, open_dataset, remove
from pigeonhole.data.dataset import Dataset, Part
from pigeonhole.data.differing import DatasetDiff, diff
from pigeonhole.data.exporting import export
from pigeonhole.data.ingesting import IngestResult, ingest
from pigeonhole.data.reading import Chunk, Reading, ReadOptions, Source
from pigeonhole.data.request import request_body

__all__ = [
    "Chunk",
    "Dataset",
    "DatasetDiff",
    "DatasetSummary",
    "IngestResult",
    "Part",
    "ReadOptions",
    "Reading",
    "Source",
    "diff",
    "export",
    "ingest",
    "list_datasets",
    "open_dataset",
    "remove",
    "request_body",
]
