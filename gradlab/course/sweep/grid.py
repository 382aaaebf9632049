"""Completing a grid: the runs that a file does not hold yet, each recorded as it ends."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from gradlab.arguments import whole
from gradlab.course.sweep.experiment import Experiment
from gradlab.course.sweep.journal import opened, read
from gradlab.course.sweep.plain import key
from gradlab.course.sweep.provenance import Provenance
from gradlab.course.sweep.records import Records
from gradlab.course.sweep.workers import in_processes, over


def complete(
    experiment: Experiment,
    path: str | os.PathLike[str],
    *,
    budget: str,
    executor: Executor | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = True,
    command: str | None = None,
) -> Records:
    """Make the runs of an experiment that a file does not hold yet, and return what it then holds.

    Each run is written to the file when it ends, so that a sweep which is killed loses only the
    runs in flight. A run that fails is recorded too, and not made again; to repeat it, delete its
    line and resume.

    Args:
        experiment: what to run.
        path: the file. When all is done its runs stand in the order of the grid.
        budget: which grid: ``"ci"``, ``"cpu"`` or ``"gpu"``.
        executor: where to run; left open. None: in processes of this machine.
        workers: how many processes, if there is no executor; torch gets an equal share of the
            cores in each.
        resume: go on with a file that is there.
        progress: show it, with the time left, where there is a terminal.
        command: what makes the runs again, for their provenance; None: this call.

    Raises:
        FileExistsError: the file is there, and ``resume`` is False.
        BlockingIOError: another sweep writes the file (not noticed on Windows).
        ChildProcessError: a process cannot begin.
        ValueError: the file holds something else, or the grid is not one.

    Note:
        ``spawn`` starts the processes, so that a script which calls this needs the usual
        ``if __name__ == "__main__":``.
    """
    whole("workers", workers)
    grid = experiment.grid(budget)
    command = command or _call(experiment, budget, workers)
    with opened(Path(path), resume=resume) as journal:
        for other in journal.records.provenance:
            if other.experiment != experiment.name:
                raise ValueError(
                    f"{path} must hold runs of {experiment.name!r}, got {other.experiment!r}"
                )
        finished = {key(row.cell) for row in journal.records}
        missing = [cell for text, cell in grid.items() if text not in finished]
        outcomes = (
            in_processes(experiment.measure, missing, workers)
            if executor is None
            else over(executor, experiment.measure, missing)
        )
        with (
            closing(outcomes),
            tqdm(
                total=len(grid),
                initial=len(grid) - len(missing),
                desc=experiment.name,
                unit="run",
                disable=None if progress else True,
            ) as bar,
        ):
            for row, machine in outcomes:
                provenance = Provenance(
                    experiment=experiment.name, budget=budget, machine=machine, command=command
                )
                journal.append(row, provenance)
                bar.update()
        journal.sort(grid)
    return read(path)


def _call(experiment: Experiment, budget: str, workers: int) -> str:
    """The call that makes the runs again, without the path of anybody's script."""
    measure = experiment.measure
    module = measure.__module__
    script = getattr(sys.modules["__main__"], "__file__", None)
    if module == "__main__" and script:
        module = Path(script).stem
    function = f"{module}.{getattr(measure, '__qualname__', type(measure).__qualname__)}"
    shared = f", workers={workers}" if workers > 1 else ""  # the cores, which tells on times
    return (
        f"sweep.complete(Experiment({experiment.name!r}, ..., {function}), ..., "
        f"budget={budget!r}{shared})"
    )
