"""A notebook run from top to bottom, its panels captured."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

_INSTALL = "from gradlab.course.site import capture; capture.install({folder!r}); del capture"
_CHECKS = "jp-MarkdownHeadingCollapsed"  # of the heading above what stands there for tests alone
_SECONDS = 900  # that a cell may take, with the pictures of its panels


class ExportError(Exception):
    """A notebook cannot become a page; says which and why."""


class ThisInterpreter(AsyncKernelManager):
    """Starts ``python3`` as this interpreter, whatever kernels are installed."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook in a file.

    Raises:
        ExportError: there is none, or it has no code.
    """
    try:
        notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} is no notebook: {error}") from error
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        raise ExportError(f"{path} has no code cells")
    return notebook


class Processes:
    """Runs notebooks, each in a process of its own, which does not outlive this one.

    It starts the kernel, and takes all that belongs to it along. Kernels side by side share the
    processors: more threads than these would wait for each other.

    Args:
        jobs: notebooks at a time.
    """

    def __init__(self, jobs: int) -> None:
        self._running: list[subprocess.Popen[str]] = []
        threads = max(1, (os.cpu_count() or 1) // jobs)
        self._around = {"OMP_NUM_THREADS": str(threads)} | os.environ

    def run(self, path: Path, panels: Path) -> nbformat.NotebookNode:
        """The notebook in a file, run in its folder; its panels are written into another folder.

        Without its closed last section, which stands there for the tests alone.

        Raises:
            ExportError: a cell raised, or a panel did, or something was written to stderr.
        """
        panels = panels.resolve()  # the kernel stands in the notebook's folder
        ran = panels / "run.ipynb"
        command = [sys.executable, "-m", __name__, str(path.resolve()), str(panels), str(ran)]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._around,
            text=True,
            errors="replace",
        ) as process:
            self._running.append(process)
            said = process.stderr.read() if process.stderr else ""
        if process.returncode:
            raise ExportError(f"{path.name}: {said.strip()}")
        return read(ran)

    def stop(self) -> None:
        """End those that run."""
        for process in self._running:
            process.terminate()


def main(notebook: str, panels: str, ran: str) -> None:
    """In that process: run the notebook, and write it with its outputs."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    path = Path(notebook)
    content = read(path)
    end = next((k for k, cell in enumerate(content.cells) if cell.metadata.get(_CHECKS)), None)
    content.cells = content.cells[:end]
    client = NotebookClient(
        content,
        kernel_manager_class=ThisInterpreter,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        timeout=_SECONDS,
        coalesce_streams=True,
        extra_arguments=[
            "--IPKernelApp.log_level=40",
            f"--IPKernelApp.exec_lines={_INSTALL.format(folder=panels)}",
        ],
    )
    raised = ""
    try:
        client.execute()
    except CellExecutionError as error:
        raised = f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        sys.exit(f"a cell took more than {_SECONDS} s, with the pictures of its panels")
    outputs = [each for cell in content.cells for each in cell.get("outputs", [])]
    said = "".join(each.text for each in outputs if each.get("name") == "stderr").strip()
    if said or raised:  # a panel that raised has said so; IPython does not pass its error on
        sys.exit(said or raised)
    nbformat.write(content, ran)


def _end_with_parent() -> None:
    """The pipe from the process that started this one closes when it is gone."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
