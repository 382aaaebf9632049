"""Where runs are made: in this machine's processes, or wherever an executor takes them.

The processes are the module's own, because a run that dies must cost itself and nothing else. Of 7
sweeps half of whose runs were killed as they began, Pebble's pool (5.2.3) never ended 3. Dask's
``LocalCluster`` (2026.8) recorded a run beside a killed one as killed too, does not tell how a
process died, and did not end within 30 s of a Ctrl-C while 5,000 runs waited.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, as_completed
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from gradlab.course.sweep.experiment import Cell, Measure
from gradlab.course.sweep.plain import plain
from gradlab.course.sweep.provenance import Machine, here
from gradlab.course.sweep.records import Row, Status

Outcome = tuple[Row, Machine]

_FRESH = multiprocessing.get_context("spawn")  # a forked CUDA context, or OpenMP pool, is broken
_ALONE = threading.Lock()  # two threads of one process would draw from one stream of torch's


def attempt(measure: Measure, cell: Cell) -> Outcome:
    """Make one run; whatever comes of it is a row."""
    with _ALONE:
        start = time.perf_counter()
        result, error = None, None
        try:
            result = plain(measure(deepcopy(cell)))  # the record tells the cell as it was
            status: Status = "done"
        except Exception as failure:
            status, error = _status(failure), _told(failure)
        return Row(cell, status, result, error, round(time.perf_counter() - start, 3)), here()


def _status(failure: Exception) -> Status:
    import torch

    if isinstance(failure, FloatingPointError):  # clip.NonFiniteGradient is one
        return "diverged"
    return "out of memory" if isinstance(failure, MemoryError | torch.OutOfMemoryError) else "error"


def _told(failure: Exception) -> str:
    """Type, message and place, without the path of anybody's machine."""
    place = traceback.extract_tb(failure.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno} in {place.name}"
    return f"{type(failure).__name__}: {failure} ({where})"


def over(
    executor: Executor, measure: Measure, cells: Sequence[Cell]
) -> Generator[Outcome, None, None]:
    """Make the runs wherever the executor takes them, and yield each as it ends."""
    futures = {executor.submit(attempt, measure, cell): cell for cell in cells}
    try:
        for future in as_completed(futures):
            try:
                failure = future.exception()
            except CancelledError as error:
                raise ConnectionError("the executor gave up: is its scheduler gone?") from error
            if type(failure).__name__ == "KilledWorker":  # Dask's, after some tries of its own
                yield Row(futures[future], "error", error=f"KilledWorker: {failure}"), here()
            else:
                yield future.result()
    finally:
        for future in futures:
            future.cancel()


def in_processes(
    measure: Measure, cells: Sequence[Cell], workers: int
) -> Generator[Outcome, None, None]:
    """Make the runs in processes of this machine, and yield each as it ends.

    Each process has a pipe of its own, so that its death is known by the end of the pipe, and costs
    the run that it was at. Another process takes its place.

    Raises:
        ChildProcessError: a process died before its first run.
    """
    from gradlab.course.device import describe

    threads = max(1, int(describe().cores) // workers)
    function = pickle.dumps(measure)
    waiting = deque(cells)
    crew: dict[Connection, BaseProcess] = {}
    at: dict[Connection, tuple[Cell, float]] = {}  # which run each is at, and since when
    try:
        while left := len(waiting) + len(at):
            while len(crew) < min(workers, left):
                new, process = _started(function, threads)
                crew[new] = process
            for pipe in crew.keys() & wait(list(crew)):
                begun = at.pop(pipe, None)
                try:
                    outcome: Outcome | None = pipe.recv()
                except (EOFError, OSError):
                    outcome = _died(crew.pop(pipe), begun, threads)
                else:
                    if waiting:
                        at[pipe] = waiting.popleft(), time.perf_counter()
                        with suppress(OSError):  # it died just now: the next round finds the end
                            pipe.send(at[pipe][0])
                    else:
                        del crew[pipe]
                        pipe.close()  # upon which the process ends
                if outcome is not None:
                    yield outcome
    finally:
        for process in crew.values():  # nobody waits for their runs
            process.kill()
            process.join()


def _started(function: bytes, threads: int) -> tuple[Connection, BaseProcess]:
    ours, theirs = _FRESH.Pipe()
    process = _FRESH.Process(target=_serve, args=(theirs, function, threads))
    process.start()
    theirs.close()
    return ours, process


def _serve(pipe: Connection, function: bytes, threads: int) -> None:
    """What a process does: say that it is ready, and make one run after another."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    threading.Thread(target=_follow, daemon=True).start()
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    import torch  # after the line above; unless the program's main module has done it

    torch.set_num_threads(threads)
    measure: Measure = pickle.loads(function)
    outcome = None
    with suppress(EOFError):
        while True:
            pipe.send(outcome)
            outcome = attempt(measure, pipe.recv())


def _follow() -> None:
    """End with the parent, also in the middle of a run."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _died(process: BaseProcess, begun: tuple[Cell, float] | None, threads: int) -> Outcome:
    """What is to be recorded of a run whose process died."""
    process.join()
    if begun is None:
        raise ChildProcessError(
            f"a process for the runs must begin, and it died (exit code {process.exitcode}); what "
            "it said stands above"
        )
    cell, start = begun
    killed = process.exitcode == -9  # Linux kills so when memory is short; Windows knows no signals
    status: Status = "out of memory" if killed else "error"
    how = "was killed, as a system short of memory does" if killed else "died"
    error = f"the process {how} (exit code {process.exitcode})"
    row = Row(cell, status, error=error, seconds=round(time.perf_counter() - start, 3))
    return row, replace(here(), threads=threads)


@contextmanager
def cluster(address: str, *, patience: float = 30) -> Iterator[Executor]:
    """Yield an executor over a Dask cluster.

    Args:
        address: of its scheduler, as in ``tcp://host:8786``.
        patience: seconds to wait for the scheduler, and then for a first worker.

    Raises:
        ModuleNotFoundError: the package ``distributed`` is not installed.
        OSError: no scheduler answers, or it has no workers.

    Note:
        A worker process makes one run at a time, however many threads it has, since the runs of a
        process share torch's random numbers: ``dask worker --nthreads 1 --nworkers N``. How many
        threads a run may use is the worker's ``OMP_NUM_THREADS``. ``gradlab`` must be installed
        there.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'a sweep over a cluster needs Dask ({error}): pip install "gradlab-course[scale]"'
        ) from error
    with Client(  # type: ignore[no-untyped-call]
        address, timeout=patience, set_as_default=False
    ) as client:
        try:
            client.wait_for_workers(1, timeout=patience)
        except TimeoutError as error:
            raise OSError(f"the scheduler at {address} has no workers") from error
        yield client.get_executor()
