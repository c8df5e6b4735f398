"""Where runs are made: in this process, or in several on this machine (on several machines: `cluster`).

An executor is one method: `run(work, jobs)` yields (job, what work gave or raised) in the order they are done.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, Protocol

from lkas.runtime.child import die_with_parent
from lkas.runtime.threads import use_one_thread
from simulation.evaluation.jobs import Job
from simulation.evaluation.results import Record

Work = Callable[[Job, Callable[[], bool]], Record]  # job, whether to stop


class Executor(Protocol):
    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Job, Record | Exception]]:
        """Each job with its record, or with the exception that ended it. An interrupt stops the jobs going on."""
        ...


class InProcess:
    """One run after the other, here."""

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Job, Record | Exception]]:
        one_thread()
        for job in jobs:
            try:
                result = work(job, lambda: False)
            except Exception as error:  # one map that can not be driven must not end the sweep
                yield job, error
            else:
                yield job, result


class Processes:
    """Up to `count` processes, started afresh, with one thread each."""

    def __init__(self, count: int) -> None:
        self._count = count

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Job, Record | Exception]]:
        context = multiprocessing.get_context("spawn")
        stop = context.Event()
        use_one_thread()
        pool = ProcessPoolExecutor(
            min(self._count, len(jobs)), mp_context=context, initializer=_begin_worker, initargs=(stop,)
        )
        try:
            # Inherited: no worker hears a Ctrl-C before it has said what becomes of it.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                futures = {pool.submit(_worked, work, job): job for job in jobs}
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for future in as_completed(futures):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield futures[future], future.result() if error is None else error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


_stop: Any = None  # of this worker: the event that asks it to stop


def _begin_worker(stop: Any) -> None:
    global _stop
    _stop = stop
    parent = multiprocessing.parent_process()
    die_with_parent(None if parent is None else parent.pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says what to do
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    one_thread()


def _worked(work: Work, job: Job) -> Record:
    return work(job, _stop.is_set)


def one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)
