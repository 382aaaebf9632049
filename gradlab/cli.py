"""The ``gradlab`` command: open the course, look at the machine, run the experiments."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gradlab import __version__

if TYPE_CHECKING:
    from gradlab.course.notebooks import Copied
    from gradlab.course.sweep.records import Records


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of the command line ``argv`` (the process's own if ``None``)."""
    words, jupyter = _split(list(sys.argv[1:] if argv is None else argv))
    arguments = _parser().parse_args(words)
    if arguments.command == "doctor":
        return _doctor()
    try:
        if arguments.command == "sweep":
            return _sweep(arguments)
        return _lab(arguments.folder, arguments.port, arguments.browser, jupyter)
    except OSError as error:
        return _fail(str(error))


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands after ``--`` is for JupyterLab."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradlab", description="See what gradient clipping and pruning do to real models."
    )
    parser.add_argument("--version", action="version", version=f"gradlab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lab = commands.add_parser(
        "lab",
        help="open the course in JupyterLab",
        usage="gradlab lab [FOLDER] [--no-browser] [--port N] [-- JUPYTERLAB OPTIONS]",
        description="Open the course in JupyterLab, on this machine only and with a token. From a "
        "checkout the notebooks open in place; otherwise they are copied into FOLDER, and files "
        "that you changed there are left as they are.",
    )
    lab.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="where the notebooks go (default: gradlab-notebooks; in a checkout: no copy)",
    )
    lab.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        help="print the address instead of opening a browser",
    )
    lab.add_argument(
        "--port", type=_port, metavar="N", help="port to ask for (default: 8888 or the next free)"
    )
    commands.add_parser(
        "doctor",
        help="say what this machine has, what is missing, and what to do about it",
        description="Look at the machine and say what the course finds there. Installs nothing. "
        "The exit status is 0 if the course can run and 1 if it cannot.",
    )
    _add_sweep(commands.add_parser)
    return parser


def _add_sweep(add: Callable[..., argparse.ArgumentParser]) -> None:
    sweep = add(
        "sweep",
        help="run an experiment of the course, and record each run as it ends",
        description="Run an experiment of the course; without NAME, say which there are. Each run "
        "is recorded as it ends, so that a sweep that was stopped goes on with --resume. A run "
        "that fails is recorded too: delete its line to have it repeated. The exit status is 0 if "
        "all runs ended, also by diverging, and 1 if a run met an error or had too little memory.",
    )
    sweep.add_argument("name", nargs="?", metavar="NAME", help="the experiment")
    sweep.add_argument(
        "--budget",
        choices=("ci", "cpu", "gpu"),
        help="how much to run (default: GRADLAB_BUDGET, else what suits the machine)",
    )
    where = sweep.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes, which share the cores (default: 1)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="run on a Dask cluster, as tcp://host:8786"
    )
    sweep.add_argument(
        "--resume", action="store_true", help="go on with a file, running only what it lacks"
    )
    sweep.add_argument(
        "--out", type=Path, metavar="FILE", help="where to record (default: NAME.jsonl)"
    )


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 65535, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, not {text!r}")
    return int(text)


def _lab(folder: Path | None, port: int | None, browser: bool, extra: list[str]) -> int:
    from gradlab.course import doctor, notebooks

    try:
        from jupyterlab.labapp import LabApp
    except ModuleNotFoundError as error:
        return _fail(f"JupyterLab cannot be loaded ({error}). Install it: {doctor.INSTALL}")

    if folder is None and notebooks.checkout():
        folder = notebooks.notebooks()
    else:
        folder = folder or Path("gradlab-notebooks")
        _tell(folder, notebooks.copy_into(folder))
    LabApp.launch_instance(_jupyter_arguments(folder.resolve(), port, browser, extra))
    return 0


def _jupyter_arguments(
    folder: Path, port: int | None, browser: bool, extra: list[str]
) -> list[str]:
    """Only this machine is listened to: JupyterLab refuses to start on a second ``--ip``."""
    from gradlab.course.notebooks import FIRST

    arguments = [
        *extra,
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
    ]
    if port is not None:
        arguments.append(f"--ServerApp.port={port}")
    if not browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return [*arguments, "--ServerApp.ip=127.0.0.1"]


def _tell(folder: Path, copied: "Copied") -> None:
    """JupyterLab's own lines follow, on another stream: hence the flush."""
    for name in copied.written:
        print(f"{folder / name}: new")
    for name in copied.updated:
        print(f"{folder / name}: updated")
    for name in copied.kept:
        print(f"{folder / name}: kept as you changed it")
    for name, newer in copied.beside:
        print(f"{folder / name}: kept as you changed it; the new version is {newer}")
    sys.stdout.flush()


def _doctor() -> int:
    from gradlab.course import doctor

    findings = doctor.examine()
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print(f"{finding.subject:{width}}  {finding.found}")
        if finding.remedy:
            print(f"{'':{width}}  -> {finding.remedy}")
    able = not any(finding.fatal for finding in findings)
    print("\nThe course can run here." if able else "\nThe course cannot run here yet.")
    return 0 if able else 1


def _sweep(arguments: argparse.Namespace) -> int:
    from gradlab.course import device, lessons, sweep

    experiments = lessons.experiments()

    if arguments.name is None:
        width = max(map(len, experiments), default=0)
        for name, experiment in experiments.items():
            print(f"{name:{width}}  {experiment.about}")
        return 0
    if arguments.name not in experiments:
        known = ", ".join(experiments)
        return _fail(f"there is no experiment {arguments.name!r}, only: {known}")
    out = arguments.out or Path(f"{arguments.name}.jsonl")
    budget = device.budget(arguments.budget).name
    command = f"gradlab sweep {arguments.name} --budget {budget}"
    if arguments.workers > 1:
        command += f" --workers {arguments.workers}"
    cluster = sweep.cluster(arguments.scheduler) if arguments.scheduler else nullcontext()
    try:
        with cluster as executor:
            records = sweep.complete(
                experiments[arguments.name],
                out,
                budget=budget,
                executor=executor,
                workers=arguments.workers,
                resume=arguments.resume,
                command=command,
            )
    except (ModuleNotFoundError, ValueError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        _fail(f"stopped; {out} keeps the runs that had ended: go on with --resume")
        return 130
    print(f"{out}: {_counts(records)}")
    failed = [row for row in records if row.status in ("error", "out of memory")]
    for reason, number in Counter(row.error for row in failed).most_common():
        print(f"{number} x {reason}", file=sys.stderr)
    return 1 if failed else 0


def _counts(records: "Records") -> str:
    """How many runs ended how."""
    ended = Counter(row.status for row in records)
    ways = ", ".join(f"{number} {status}" for status, number in ended.items())
    return f"{len(records)} runs" + (f" ({ways})" if ways else "")


def _fail(message: str) -> int:
    print(f"gradlab: {message}", file=sys.stderr)
    return 1
