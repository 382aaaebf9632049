"""Where runs are made: in this machine's processes, or wherever an executor takes them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gradlab.course.sweep.experiment import Cell
from gradlab.course.sweep.plain import plain
from gradlab.course.sweep.provenance import Machine, here
from gradlab.course.sweep.records import Row, Status

Run = Callable[[Cell], dict[str, Any]]
Outcome = tuple[Row, Machine]

_FRESH = multiprocessing.get_context("spawn")  # a forked CUDA context, or OpenMP pool, is broken
_ALONE = threading.Lock()  # two threads of one process would draw from one stream of torch's


def attempt(run: Run, cell: Cell) -> Outcome:
    """Make one run; whatever comes of it is a row."""
    with _ALONE:
        start = time.perf_counter()
        result, error = None, None
        try:
            result = plain(run(deepcopy(cell)))  # the record tells the cell as it was
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


def over(executor: Executor, run: Run, cells: Sequence[Cell]) -> Generator[Outcome, None, None]:
    """Make the runs wherever the executor takes them, and yield each as it ends."""
    futures = {executor.submit(attempt, run, cell): cell for cell in cells}
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


def in_processes(run: Run, cells: Sequence[Cell], workers: int) -> Generator[Outcome, None, None]:
    """Make the runs in processes of this machine, and yield each as it ends.

    A process that is killed takes its pool with it: whichever runs were in it then get one more
    try, each alone.
    """
    from gradlab.course.device import describe

    threads = max(1, int(describe().cores) // workers)
    waiting = deque(cells)
    while waiting:
        suspects = yield from _in_a_pool(run, waiting, workers, threads)
        for cell in suspects:
            yield _alone(run, cell, threads)


def _in_a_pool(
    run: Run, waiting: deque[Cell], workers: int, threads: int
) -> Generator[Outcome, None, list[Cell]]:
    """Make the waiting runs until none waits or a process dies; return those in flight then."""
    flying: dict[Any, Cell] = {}
    leash, hand = _FRESH.Pipe(duplex=False)
    with leash, hand, ProcessPoolExecutor(workers, _FRESH, _prepare, (leash, threads)) as pool:
        try:
            while waiting or flying:
                while waiting and len(flying) < workers:
                    future = pool.submit(attempt, run, waiting[0])
                    flying[future] = waiting.popleft()
                broken = False
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    if isinstance(future.exception(), BrokenProcessPool):
                        broken = True
                    else:
                        del flying[future]
                        yield future.result()
                if broken:
                    break
        except BrokenProcessPool:  # from submit
            pass
        except BaseException:
            hand.close()  # nobody waits for the runs in flight
            raise
    return list(flying.values())


def _prepare(leash: Connection, threads: int) -> None:
    """Make ready a process: it leaves Ctrl-C to its parent, and ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(leash,), daemon=True).start()
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    import torch  # after the line above; unless the program's main module has done it

    torch.set_num_threads(threads)


def _follow(leash: Connection) -> None:
    with suppress(OSError):
        leash.poll(None)  # nothing is ever sent: it ends when the other end is closed
    os._exit(1)


def _alone(run: Run, cell: Cell, threads: int) -> Outcome:
    """Make one run in a process of its own, which tells how it died."""
    ours, theirs = _FRESH.Pipe()
    process = _FRESH.Process(target=_send, args=(theirs, threads, run, cell))
    start = time.perf_counter()
    process.start()
    theirs.close()
    outcome: Outcome | None = None
    with ours, suppress(EOFError, OSError):  # nothing, or the beginning of something
        outcome = ours.recv()
    process.join()
    if outcome is not None:
        return outcome
    killed = process.exitcode == -9  # Linux kills so when memory is short; Windows knows no signals
    status: Status = "out of memory" if killed else "error"
    how = "was killed, as a system short of memory does" if killed else "died"
    error = f"the process {how} (exit code {process.exitcode}), twice"
    row = Row(cell, status, error=error, seconds=round(time.perf_counter() - start, 3))
    return row, replace(here(), threads=threads)


def _send(parent: Connection, threads: int, run: Run, cell: Cell) -> None:
    _prepare(parent, threads)
    parent.send(attempt(run, cell))


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
