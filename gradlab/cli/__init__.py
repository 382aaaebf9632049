"""The ``gradlab`` command: open the course, look at the machine, run experiments, judge."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from gradlab import __version__
from gradlab.cli import claims, export, grade, judge, lab, sweep
from gradlab.cli.words import fail

_COMMANDS: dict[str, Any] = {
    "sweep": sweep,
    "claims": claims,
    "judge": judge,
    "export": export,
    "grade": grade,
}


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of the command line ``argv`` (the process's own if ``None``)."""
    words, jupyter = _split(list(sys.argv[1:] if argv is None else argv))
    arguments = _parser().parse_args(words)
    if arguments.command == "doctor":
        return _doctor()
    try:
        if arguments.command in _COMMANDS:
            return int(_COMMANDS[arguments.command].run(arguments))
        return lab.run(arguments, jupyter)
    except OSError as error:
        return fail(str(error))


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
    lab.add(commands.add_parser)
    commands.add_parser(
        "doctor",
        help="say what this machine has, what is missing, and what to do about it",
        description="Look at the machine and say what the course finds there. Installs nothing. "
        "The exit status is 0 if the course can run and 1 if it cannot.",
    )
    for command in _COMMANDS.values():
        command.add(commands.add_parser)
    return parser


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
