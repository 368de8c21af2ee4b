"""The end of a job: the journal becomes the file that was asked for, which takes its place in one step."""

from __future__ import annotations

import time
from contextlib import closing

from pigeonhole.batch.job import Job
from pigeonhole.batch.journal import Journal
from pigeonhole.batch.result import BatchResult, Tally, failures_file
from pigeonhole.batch.work import Work, refuse_taken
from pigeonhole.batch.writing import FailureWriter, writer_of
from pigeonhole.core.files import disk_full_is_data_error, sha256_file


def publish(work: Work, job: Job, journal: Journal, tally: Tally, resumed_at: int, begun: float) -> BatchResult:
    """Writes the file of predictions from the journal and ends the job.

    Args:
        work: what the run works with.
        job: its folder.
        journal: the outcomes of all images.
        tally: their counts.
        resumed_at: how many of them an earlier run had done.
        begun: when this run began, by `time.perf_counter`.

    Raises:
        ConflictError: somebody else's file has come in the way; what was done is kept.
        DataError: the disk is full; what was done is kept.
    """
    job.discard()
    with disk_full_is_data_error(work.out):
        _write(work, job, journal, tally)
    seconds = time.perf_counter() - begun
    result = _result(work, job, tally, resumed_at, seconds)
    refuse_taken(work)
    job.publish(work.identity(), result.to_dict())
    return result


def _write(work: Work, job: Job, journal: Journal, tally: Tally) -> None:
    facts = {"model": work.name, "bundle_sha256": work.model.sha256, "source": work.source}
    names = work.model.class_names
    output = writer_of(work.format, job.output, names, separator=work.options.separator, facts=facts)
    with closing(output):
        for outcome in journal.records():
            output.write(outcome)
    if tally.failed:
        with closing(FailureWriter(job.failures)) as failures:
            for outcome in journal.records():
                failures.write(outcome)


def _result(work: Work, job: Job, tally: Tally, resumed_at: int, seconds: float) -> BatchResult:
    return BatchResult(
        out=str(work.out),
        format=work.format,
        model=work.name,
        bundle_sha256=work.model.sha256,
        source=work.source,
        title=work.images.title,
        images=tally.images,
        predicted=tally.images - tally.failed,
        failed=tally.failed,
        failures=tuple(tally.failures),
        failures_file=str(failures_file(work.out)) if tally.failed else None,
        warned=tally.warned,
        warnings=tuple(tally.warnings),
        labels=tally.label_counts(work.model.class_names),
        notes=work.images.notes,
        resumed_at=resumed_at,
        seconds=seconds,
        images_per_s=(tally.images - resumed_at) / seconds,
        size_bytes=job.output.stat().st_size,
        sha256=sha256_file(job.output),
    )
