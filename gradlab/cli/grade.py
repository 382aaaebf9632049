"""``gradlab grade``: the exercises' checks over a folder of students' notebooks."""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

from gradlab.cli.words import count, fail


def add(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    grade = add_parser(
        "grade",
        help="check the exercises in a folder of students' notebooks",
        description="Run every notebook below a folder, each in a process of its own, with a time "
        "limit and no network, and print a row for each exercise that it checks. A notebook that "
        "crashes, does not end or is no notebook has a row that says so.",
    )
    grade.add_argument("folder", type=Path, metavar="FOLDER")
    grade.add_argument(
        "--seconds", type=count, default=300, metavar="N", help="for one notebook (default: 300)"
    )
    grade.add_argument(
        "--jobs", type=count, default=1, metavar="N", help="notebooks at a time (default: 1)"
    )
    grade.add_argument("--csv", type=Path, metavar="FILE", help="write the rows there as well")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from gradlab.course.grading import grade

    if not arguments.folder.is_dir():
        return fail(f"{arguments.folder} is no folder")
    rows = grade(arguments.folder, seconds=arguments.seconds, jobs=arguments.jobs)
    if not rows:
        return fail(f"there are no notebooks in {arguments.folder}")
    if arguments.csv:
        with open(arguments.csv, "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(("notebook", "exercise", "result"))
            table.writerows(rows)
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    for notebook, exercise, result in rows:
        print(f"{notebook:{widths[0]}}  {exercise:{widths[1]}}  {result}")
    return 0
