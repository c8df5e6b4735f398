"""An executor that runs jobs on a Dask cluster, with the same results as on one machine.

Start a scheduler and workers with this version of lkas installed, then pass the address of the scheduler:

    dask scheduler
    dask worker tcp://HOST:8786 --nthreads 1 --nworkers 4
    simulation eval --scheduler tcp://HOST:8786
"""

import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from lkas.plugins.guard import PluginError
from simulation.evaluation.executors import Work, limit_opencv_threads
from simulation.evaluation.jobs import Job, code_digest
from simulation.evaluation.run_record import Record

if TYPE_CHECKING:
    from distributed import Event

CONNECT_TIMEOUT_S = 5.0
STOP_CHECK_PERIOD_S = 1.0  # period in which a run checks over the network whether to stop


class ClusterError(Exception):
    """The cluster cannot be used; the text says why and what to do."""


class Cluster:
    """The workers of the scheduler at `address` ("tcp://host:8786"). Raises ClusterError when there are none."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ClusterError("needs the package distributed: pip install 'lkas[sweep]'") from error
        try:
            self._client: Client = Client(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise ClusterError(f"no Dask scheduler answers at {address}; start one with `dask scheduler`") from error
        if not self._client.scheduler_info()["workers"]:
            self._client.close()
            raise ClusterError(f"the scheduler at {address} has no workers; start some with `dask worker {address}`")

    def run(self, work: Work, jobs: Sequence[Job]) -> Iterator[tuple[Job, Record | Exception]]:
        from distributed import Event, as_completed

        client, event = self._client, Event(f"stop-{time.time_ns()}", client=self._client)
        roads = {file: client.scatter(Path(file).read_bytes(), hash=True) for file in {job.map_file for job in jobs}}
        futures = {
            client.submit(_run_on_worker, work, job, roads[job.map_file], event, code_digest(), pure=False): job
            for job in jobs
        }
        try:
            for future in as_completed(futures, loop=client.loop):
                job = futures[future]
                if future.status == "cancelled":
                    yield job, ClusterError("the worker of this run is gone")
                    continue
                error = future.exception()
                yield job, future.result() if error is None else _as_exception(error)
        finally:
            event.set()
            client.cancel(list(futures))
            client.close()


def _as_exception(error: Any) -> Exception:
    return error if isinstance(error, Exception) else ClusterError(str(error))


def _run_on_worker(work: Work, job: Job, road: bytes, event: "Event", digest: bytes) -> Record:
    """Run a job on the worker, with a local copy of its map."""
    if code_digest() != digest:
        raise ClusterError(
            "the source code of lkas on the worker differs from this command's; install the same version there"
        )
    limit_opencv_threads()
    with tempfile.TemporaryDirectory(prefix="lkas-road-") as folder:
        path = Path(folder) / Path(job.map_file).name
        path.write_bytes(road)
        try:
            return work(structs.replace(job, map_file=str(path)), _periodic_stop_check(event))
        except PluginError as error:
            raise ClusterError(
                f"{error} (on the worker {socket.gethostname()}, where the plugin must have the same path)"
            ) from None


def _periodic_stop_check(event: "Event") -> Callable[[], bool]:
    next_s = time.monotonic() + STOP_CHECK_PERIOD_S

    def is_stopped() -> bool:
        nonlocal next_s
        now_s = time.monotonic()
        if now_s < next_s:
            return False
        next_s = now_s + STOP_CHECK_PERIOD_S
        return bool(event.is_set())  # in a worker's thread the call blocks until the answer

    return is_stopped
