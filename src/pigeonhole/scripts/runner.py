"""A script kept running and asked one request at a time, in a thread of its own. Knows neither HTTP nor event loops.

A process that ends, or has to be ended, is replaced; only the request that it was busy with goes unanswered.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from pigeonhole.core.errors import DataError
from pigeonhole.scripts.asking import Answer, Outcome, Question, Unanswered
from pigeonhole.scripts.folder import Script
from pigeonhole.scripts.process import LateError, LostError, Process, UnreadError, WokenError

logger = logging.getLogger("pigeonhole.scripts")
BACKOFF_S, BACKOFF_LIMIT_S = 0.1, 10.0
# A script that fails to start as often as this in a row is said to be broken.
START_LIMIT = 5
_END_S = 5.0


class Runner:
    """Answers questions with a script.

    Args:
        script: it.
        name: what to call it in the log.
        environment: further environment variables of its process.
        timeout_s: how long run() may take.
        memory_bytes: more memory than that ends its process; `None` sets no limit.

    Attributes:
        schema: what the decorators of run() say of its input and output; empty where there are none.
        restarts: how often its process was started again …
        why: … and the reason of the last end of one; empty before the first.
        asked: how many questions it was asked …
        run_s: … and how long it took over them, in seconds.
    """

    def __init__(
        self,
        script: Script,
        name: str,
        environment: Mapping[str, str],
        timeout_s: float,
        memory_bytes: int | None = None,
    ) -> None:
        self.schema: dict[str, Any] = {}
        self.restarts = self.asked = 0
        self.run_s = 0.0
        self._name = name
        self._timeout_s = timeout_s
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._make: Callable[[], Process] = lambda: Process(script, environment, memory_bytes, self._woken)
        self._waiting: deque[Question] = deque()
        self._aside: deque[Question] = deque()
        self._failed_starts = self._ends = 0
        self.why = self._busy_with = ""
        self._pid: int | None = None
        self._is_closing = self._is_given_up = False
        self._tried = threading.Event()
        # The processes are this thread's children, and end with it.
        self._thread = threading.Thread(target=self._run, name=f"script-{name}", daemon=True)

    def start(self) -> None:
        """Starts the script and waits for its init().

        Raises:
            DataError: it cannot be used; the traceback is in the log.
        """
        self._thread.start()
        self._tried.wait()
        if self._is_given_up:
            self.close()
            raise DataError(
                f"the script of {self._name}: {self.why}",
                "a score.py whose init() returns",
                "read its traceback in the log, mend score.py or install what it imports, and register it again",
            )

    @property
    def is_well(self) -> bool:
        """False where its process cannot be started again."""
        return self._failed_starts < START_LIMIT

    @property
    def pid(self) -> int | None:
        """The process that answers now; `None` while there is none."""
        return self._pid

    def ask(self, question: Question, *, aside: bool = False) -> None:
        """Takes a question.

        Args:
            question: it; its `deliver` is called once, unless it is dropped before.
            aside: it waits until nobody else does.
        """
        if not self.is_well:
            self._deliver(question, Unanswered(f"its script cannot be started: {self.why}"))
            return
        (self._aside if aside else self._waiting).append(question)
        self._wake()

    def drop(self, question: Question) -> None:
        """Nobody waits for the answer any more: it is not asked, or its process is ended if it is busy with it."""
        question.is_dropped = True
        question.content = b""  # it may stand here for as long as a process takes to start
        self._wake()

    def close(self) -> None:
        """Ends the process and the thread."""
        self._is_closing = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join(_END_S)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is full, and wakes anyway
            os.write(self._waker, b"x")

    def _run(self) -> None:
        while not self._is_closing:
            process = None
            try:
                process = self._make()
                self._begin(process)
                self._tend(process)
            except LostError as error:
                self._note(process, str(error))
            except Exception as error:  # the edge of a thread: it must go on
                logger.exception("the script of %s could not be asked", self._name)
                self._note(process, repr(error))
            finally:
                self._pid = None
                if process is not None:
                    (process.end if self._is_closing else process.kill)()
            self._pause()
        self._refuse("the server has stopped")

    def _begin(self, process: Process) -> None:
        while not self._is_closing:
            try:
                self.schema = process.started()
            except WokenError:
                self._hear()
            else:
                self._pid, self._failed_starts = process.pid, 0
                logger.info("the script process %d of %s is ready", process.pid, self._name)
                self._tried.set()
                return

    def _tend(self, process: Process) -> None:
        """Asks whatever comes, until the process is at its end."""
        while not self._is_closing:
            question = self._next()
            content = question.content if question else b""  # before it is looked at whether it was dropped
            if question is None:
                if not process.is_quiet():
                    raise LostError(process.ending())
                self._hear()
            elif question.until_s is not None and time.monotonic() > question.until_s:
                self._deliver(question, Unanswered("its turn did not come in time", has_waited=True))
            elif not question.is_dropped:
                self._put(process, question, content)

    def _next(self) -> Question | None:
        for queue in (self._waiting, self._aside):
            if queue:
                return queue.popleft()
        return None

    def _put(self, process: Process, question: Question, content: bytes) -> None:
        started = time.monotonic()
        try:
            process.send(question.head(), content)
            self._deliver(question, self._answer(process, question, started + self._timeout_s))
            self._ends = 0
        except UnreadError:
            self._waiting.appendleft(question)  # it has not begun with it: the next one may
            raise
        except LostError as error:
            self._deliver(question, Unanswered(str(error)))
            self._busy_with = f", while it answered the request {question.request_id}"
            raise
        finally:
            self.asked += 1
            self.run_s += time.monotonic() - started

    def _answer(self, process: Process, question: Question, end: float) -> Outcome:
        while True:
            try:
                return Answer.read(*process.answer(end - time.monotonic()))
            except WokenError:
                self._hear()
                if question.is_dropped or self._is_closing:
                    raise LostError("it was ended, since nobody waits for its answer any more") from None
            except LateError:
                why = f"it did not answer within {self._timeout_s:g} s"
                self._deliver(question, Unanswered(why, is_late=True))
                raise LostError(f"{why} and was ended") from None
            except (KeyError, TypeError, ValueError) as error:
                raise LostError(f"it sent what is no answer ({error!r})") from error

    def _deliver(self, question: Question, outcome: Outcome) -> None:
        if not question.is_dropped:
            question.is_dropped = True
            question.deliver(outcome)

    def _note(self, process: Process | None, why: str) -> None:
        """Remembers an end, and tells of it."""
        self.why = why
        busy_with, self._busy_with = self._busy_with, ""
        self._failed_starts += self._pid is None
        self._ends += 1
        if not self._tried.is_set():
            self._is_given_up = self._is_closing = True  # one that never was ready is not tried again
            self._tried.set()
        elif not self._is_closing:
            self.restarts += 1
            logger.warning(
                "the script process %s of %s is gone: %s%s; starting it again in %.1f s",
                process.pid if process else "",
                self._name,
                why,
                busy_with,
                self._backoff_s,
            )
        if not self.is_well:
            self._refuse(f"its script cannot be started: {why}")

    def _refuse(self, why: str) -> None:
        """Tells all that wait that there will be no answer."""
        while question := self._next():
            self._deliver(question, Unanswered(why))

    @property
    def _backoff_s(self) -> float:
        """The longer, the more often it has ended without an answer in between."""
        return float(min(BACKOFF_LIMIT_S, BACKOFF_S * 2 ** min(16, max(0, self._ends - 1))))

    def _pause(self) -> None:
        end = time.monotonic() + self._backoff_s
        while not self._is_closing and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, BACKOFF_S))

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._woken, 4096):
                pass
