"""``gradlab judge``: how often clipping fired in a run, from a recording or another tool's log."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradlab.cli.words import fail

if TYPE_CHECKING:
    from gradlab.recording import Recording
    from gradlab.recording.logs import Log
    from gradlab.recording.suggestion import Judgement, Suggestions


def add(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    judge = add_parser(
        "judge",
        help="say how often clipping fired in a run, and which thresholds its norms suggest",
        description="Read what gradlab recorded, or what another tool logged: a Trainer's "
        "trainer_state.json, TensorBoard's event files, a CSV file with a column of steps. Say how "
        "often the threshold fired, what it was to the optimizer, and which thresholds the norms "
        "suggest.",
    )
    judge.add_argument("path", type=Path, metavar="PATH", help="a recording's folder, or a log")
    judge.add_argument("--json", action="store_true", help="print JSON, for programs")
    judge.add_argument(
        "--max-norm", type=float, metavar="X", help="the run's threshold, which a log does not say"
    )
    judge.add_argument(
        "--optimizer", metavar="NAME", help="the run's, as AdamW, which a log does not say"
    )
    judge.add_argument("--column", metavar="NAME", help="of the norms in the log")


def run(arguments: argparse.Namespace) -> int:
    """Print the judgement and the suggestions."""
    try:
        found, judged, suggested = _asked(arguments)
    except (ValueError, ImportError) as error:
        return fail(str(error))
    if arguments.json:
        print(json.dumps(_plain(found, judged, suggested), indent=2))
    else:
        print(f"{found}\n")
        print(f"{judged or 'The log does not say the threshold: give --max-norm X.'}\n")
        print(suggested)
    return 0


def _asked(
    arguments: argparse.Namespace,
) -> "tuple[Recording | Log, Judgement | None, Suggestions]":
    from gradlab import load, read_log

    if (arguments.path / "recording.json").is_file():
        told = {name: getattr(arguments, name) for name in ("max_norm", "optimizer", "column")}
        if given := [name for name, value in told.items() if value is not None]:
            option = given[0].replace("_", "-")
            raise ValueError(f"--{option} is for logs, and {arguments.path} is a recording")
        recording = load(arguments.path)
        return recording, recording.judge(), recording.suggest()
    log = read_log(arguments.path, column=arguments.column)
    optimizer = arguments.optimizer
    judged = None if arguments.max_norm is None else log.judge(arguments.max_norm, optimizer)
    return log, judged, log.suggest(optimizer)


def _plain(
    found: "Recording | Log", judged: "Judgement | None", suggested: "Suggestions"
) -> dict[str, Any]:
    return {
        "read": str(found),
        "norms": len(found),
        "finite": suggested.steps,
        "every": getattr(found, "every", 1),
        "median": suggested.median,
        "judgement": judged and asdict(judged),
        "suggestions": [asdict(one) for one in suggested.each],
        "under": suggested.under,
    }
