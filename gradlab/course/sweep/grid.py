"""Running a grid: what is missing of an experiment, recorded as it ends."""

from __future__ import annotations

import os
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


def run(
    experiment: Experiment,
    path: str | os.PathLike[str],
    *,
    budget: str,
    executor: Executor | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = True,
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

    Raises:
        FileExistsError: the file is there, and ``resume`` is False.
        BlockingIOError: another sweep writes the file (not noticed on Windows).
        ValueError: the file holds something else, or the grid is not one.

    Note:
        ``spawn`` starts the processes, so that a script which calls this needs the usual
        ``if __name__ == "__main__":``.
    """
    whole("workers", workers)
    grid = experiment.grid(budget)
    command = f"gradlab sweep {experiment.name} --budget {budget}"
    if executor is None and workers > 1:
        command += f" --workers {workers}"
    with opened(Path(path), resume=resume) as journal:
        for other in journal.records.provenance:
            if other.experiment != experiment.name:
                raise ValueError(
                    f"{path} must hold runs of {experiment.name!r}, got {other.experiment!r}"
                )
        finished = {key(row.cell) for row in journal.records}
        missing = [cell for text, cell in grid.items() if text not in finished]
        outcomes = (
            in_processes(experiment.run, missing, workers)
            if executor is None
            else over(executor, experiment.run, missing)
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
