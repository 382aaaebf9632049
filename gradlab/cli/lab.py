"""``gradlab lab``: open the course in JupyterLab."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gradlab.cli.words import fail, port

if TYPE_CHECKING:
    from gradlab.course.notebooks import Copied


def add(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    lab = add_parser(
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
        "--port", type=port, metavar="N", help="port to ask for (default: 8888 or the next free)"
    )


def run(arguments: argparse.Namespace, extra: list[str]) -> int:
    """Open the course."""
    from gradlab.course import doctor, notebooks

    try:
        from jupyterlab.labapp import LabApp
    except ModuleNotFoundError as error:
        return fail(f"JupyterLab cannot be loaded ({error}). Install it: {doctor.INSTALL}")

    folder = arguments.folder
    if folder is None and notebooks.checkout():
        folder = notebooks.notebooks()
    else:
        folder = folder or Path("gradlab-notebooks")
        _tell(folder, notebooks.copy_into(folder))
    LabApp.launch_instance(
        _jupyter_arguments(folder.resolve(), arguments.port, arguments.browser, extra)
    )
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
