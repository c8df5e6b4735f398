"""Executors run jobs: in this process or in several processes on this machine (`cluster.py`: on several machines).

An executor has one method: `run(work, jobs)` yields each job with its result or exception, in order of completion.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, Protocol

from lkas.runtime.child import die_with_parent
from lkas.runtime.threads import use_one_thread
from simulation.evaluation.jobs import Job
from simulation.evaluation.run_record import Record

Work = Callable[[Job, Callable[[], bool]], Record]  # job, function that returns whether to stop


class Executor(Protocol):
    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Job, Record | Exception]]:
        """Yield each job with its record or the exception that ended it. An interrupt stops the running jobs."""
        ...


class InProcess:
    """Runs one job after the other in this process."""

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Job, Record | Exception]]:
        limit_opencv_threads()
        for job in jobs:
            try:
                result = work(job, lambda: False)
            except Exception as error:  # one map that cannot be driven must not end the sweep
                yield job, error
            else:
                yield job, result


class Processes:
    """Runs jobs in up to `count` new processes with one thread each."""

    def __init__(self, count: int) -> None:
        self._count = count

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Job, Record | Exception]]:
        context = multiprocessing.get_context("spawn")
        stop = context.Event()
        use_one_thread()
        pool = ProcessPoolExecutor(
            min(self._count, len(jobs)), mp_context=context, initializer=_initialize_worker, initargs=(stop,)
        )
        try:
            # Workers inherit the mask: a Ctrl-C cannot reach them before they have set their handler.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                futures = {pool.submit(_run_in_worker, work, job): job for job in jobs}
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


_stop: Any = None  # the stop event of this worker process


def _initialize_worker(stop: Any) -> None:
    global _stop
    _stop = stop
    parent = multiprocessing.parent_process()
    die_with_parent(None if parent is None else parent.pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent handles it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    limit_opencv_threads()


def _run_in_worker(work: Work, job: Job) -> Record:
    return work(job, _stop.is_set)


def limit_opencv_threads() -> None:
    """Let OpenCV use one thread."""
    import cv2

    cv2.setNumThreads(1)
