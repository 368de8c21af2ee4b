"""`run`: the whole job: what is done is left, what is left is done, and then the file is written.

Mini-batches are worked on by some threads at once (ONNX Runtime and Pillow leave the interpreter's lock), and recorded
in the order of rows. Memory holds the few that are under way, whatever the number of images.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from pigeonhole import bundle
from pigeonhole.batch.job import begin, partial_folder
from pigeonhole.batch.journal import Journal
from pigeonhole.batch.options import BatchOptions
from pigeonhole.batch.outcome import Outcome
from pigeonhole.batch.publishing import publish
from pigeonhole.batch.reading import portions_from
from pigeonhole.batch.result import BatchResult, Tally, finished
from pigeonhole.batch.scoring import Scorer
from pigeonhole.batch.work import Work, refuse_taken
from pigeonhole.core.errors import DataError, UsageError
from pigeonhole.core.optional import require
from pigeonhole.core.progress import Progress, Silent
from pigeonhole.data.unlabelled import ImageOptions, Portion, open_images


def run(
    folder: Path,
    source: str,
    out: Path,
    options: BatchOptions | None = None,
    *,
    model: str | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Predictions for all images of a source, in one file; a job that was interrupted goes on.

    Args:
        folder: the bundle.
        source: the images: a named set, or a path.
        out: the file to write. Beside it lie `OUT.partial` while the job is under way, `OUT.json` once it is done,
            and `OUT.failed.csv` if images failed.
        options: how.
        model: what to call the model; `None` takes the folder.
        progress: where to say how far it is, one unit an image that this run has to do.

    Raises:
        ConflictError: `out` is another file, or another process works on it.
        DataError: the images cannot be read, none could be predicted, or more failed than may; what was done is kept.
        GateError: this machine does not reproduce the bundle's probe.
    """
    options = options or BatchOptions()
    progress = progress or Silent()
    out = _checked(out)
    if options.format_of(out) == "parquet":
        require("pyarrow", extra="data")  # now, and not after a million images
    concurrency = options.max_concurrency or _cores()
    loaded = bundle.load(folder, threads=max(1, _cores() // concurrency))
    images = open_images(source, ImageOptions(label=options.label, shape=options.shape, images=options.images))
    work = Work(loaded, model or str(folder), source, images, options, out, progress)
    return _done_before(work) or _run(work, concurrency)


def _checked(out: Path) -> Path:
    out = out.expanduser().absolute()
    if out.is_dir() or not out.name or not os.access(_existing(out.parent), os.W_OK):
        raise UsageError(
            f"{out} as the file to write", "a file in a folder that can be written to", "choose another --out"
        )
    return out


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _done_before(work: Work) -> BatchResult | None:
    """The result, if the very same job has been done and its file is as it was written."""
    if partial_folder(work.out).exists():
        return None
    done = finished(work.out, work.identity())
    if done is None:
        refuse_taken(work)
    return done


def _run(work: Work, concurrency: int) -> BatchResult:
    begun = time.perf_counter()
    with begin(work.out, work.predictions()) as job:
        if job.complete:
            job.move()
        done = finished(work.out, work.identity())
        if done is not None:
            job.remove()
            return done
        refuse_taken(work)
        work.model.check_probe()
        journal = Journal(job.journal, len(work.model.class_names))
        with closing(journal):
            resumed_at = _tell_begin(work, journal)
            tally = _predict(work, journal, concurrency)
            return publish(work, job, journal, tally, resumed_at, begun)


def _tell_begin(work: Work, journal: Journal) -> int:
    if work.images.count is not None:
        work.progress.expect(work.images.count - journal.rows)
    for note in work.images.notes:
        work.progress.note(note)
    if journal.rows:
        work.progress.note(f"going on after the {journal.rows:,} images that an earlier run has done")
    return journal.rows


def _predict(work: Work, journal: Journal, concurrency: int) -> Tally:
    """Brings the journal to the end of the images, and returns the counts of all of it."""
    tally = Tally()
    for outcome in journal.records():
        tally.add(outcome)
    _judge(work, tally)
    scorer = Scorer(work.model, invert=work.options.invert, max_retries=work.options.max_retries)
    portions = portions_from(work.images, journal.rows, work.options)
    with closing(_in_order(portions, scorer, concurrency)) as outcomes:
        for outcome in outcomes:
            journal.append(outcome)
            tally.add(outcome)
            work.progress.advance(len(outcome))
            _judge(work, tally)
    if tally.failed == tally.images:
        raise DataError(*_nothing(work, tally))
    return tally


def _nothing(work: Work, tally: Tally) -> tuple[str, str, str]:
    if not tally.images:
        return f"{work.source}: no images", "at least one image", "give the place of the images"
    return (
        f"none of the {tally.images:,} images of {work.source} could be predicted\n{tally.named_failures()}",
        "at least one image that can",
        f"correct the images or the options, remove {partial_folder(work.out)}, then run the same command again",
    )


def _judge(work: Work, tally: Tally) -> None:
    """Gives the job up once more images failed than may."""
    allowed = work.options.allowed_failures
    if allowed is not None and tally.failed > allowed:
        why = "a submission wants a label for every image" if work.format == "kaggle" else f"error_threshold {allowed}"
        raise DataError(
            f"{tally.failed:,} of the first {tally.images:,} images failed\n{tally.named_failures()}",
            why,
            "run the same command with a higher --error-threshold (or, for a submission, another format) to go on;"
            f" or correct the images, remove {partial_folder(work.out)}, and run it again",
        )


def _in_order(portions: Iterator[Portion], scorer: Scorer, concurrency: int) -> Generator[Outcome]:
    """The outcomes in the order of rows, some mini-batches being worked on ahead."""
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(concurrency, "batch") as pool:
        try:
            for portion in portions:
                waiting.append(pool.submit(scorer, portion))
                if len(waiting) > 2 * concurrency:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
