"""``gradlab sweep``: run an experiment of the course, and record each run as it ends."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gradlab.cli.words import count, fail

if TYPE_CHECKING:
    from gradlab.course.sweep import Experiment
    from gradlab.course.sweep.records import Records


def add(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    sweep = add_parser(
        "sweep",
        help="run an experiment of the course, and record each run as it ends",
        description="Run an experiment of the course; without NAME, say which there are. Each run "
        "is recorded as it ends, so that a sweep that was stopped goes on with --resume. A run "
        "that fails is recorded too: delete its line to have it repeated. The exit status is 0 if "
        "all runs ended, also by diverging, and 1 if a run met an error or had too little memory.",
    )
    sweep.add_argument("name", nargs="?", metavar="NAME", help="the experiment")
    add_options(sweep, "GRADLAB_BUDGET, else what suits the machine")


def add_options(parser: argparse.ArgumentParser, usual_budget: str) -> None:
    """Add what says how much to run, where, and where to record it."""
    parser.add_argument(
        "--budget",
        choices=("ci", "cpu", "gpu"),
        help=f"how much to run (default: {usual_budget})",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=count, metavar="N", help="processes, which share the cores (default: 1)"
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="run on a Dask cluster, as tcp://host:8786"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a file, running only what it lacks"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to record (default: NAME.jsonl)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run an experiment, or say which there are."""
    from gradlab.course import device, lessons

    experiments = lessons.experiments()
    if arguments.name is None:
        width = max(map(len, experiments), default=0)
        for name, experiment in experiments.items():
            print(f"{name:{width}}  {experiment.about}")
        return 0
    if arguments.name not in experiments:
        known = ", ".join(experiments)
        return fail(f"there is no experiment {arguments.name!r}, only: {known}")
    budget = device.budget(arguments.budget).name
    done = complete(experiments[arguments.name], arguments, budget, f"sweep {arguments.name}")
    return done if isinstance(done, int) else ended(done)


def complete(
    experiment: "Experiment", arguments: argparse.Namespace, budget: str, command: str
) -> "Records | int":
    """Make the runs, say how they ended, and return them; the exit status if that cannot be."""
    from gradlab.course import sweep

    out = arguments.out or Path(f"{arguments.name}.jsonl")
    command = f"gradlab {command} --budget {budget}"
    workers = arguments.workers or 1
    if workers > 1:
        command += f" --workers {workers}"
    cluster = sweep.cluster(arguments.scheduler) if arguments.scheduler else nullcontext()
    try:
        with cluster as executor:
            records = sweep.complete(
                experiment,
                out,
                budget=budget,
                executor=executor,
                workers=workers,
                resume=arguments.resume,
                command=command,
            )
    except (ModuleNotFoundError, ValueError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        fail(f"stopped; {out} keeps the runs that had ended: go on with --resume")
        return 130
    print(f"{out}: {_counts(records)}")
    return records


def ended(records: "Records") -> int:
    """Say what went wrong in runs; returns the exit status."""
    failed = [row for row in records if row.status in ("error", "out of memory")]
    for reason, number in Counter(row.error for row in failed).most_common():
        print(f"{number} x {reason}", file=sys.stderr)
    return 1 if failed else 0


def _counts(records: "Records") -> str:
    """How many runs ended how."""
    ways = Counter(row.status for row in records)
    told = ", ".join(f"{number} {status}" for status, number in ways.items())
    return f"{len(records)} runs" + (f" ({told})" if ways else "")
