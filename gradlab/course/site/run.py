"""A notebook run from top to bottom, its panels captured."""

from __future__ import annotations

from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

_INSTALL = "from gradlab.course.site import capture; capture.install({folder!r}); del capture"
_SECONDS = 900  # that a cell may take, with the pictures of its panels


class ExportError(Exception):
    """A notebook cannot become a page; says which and why."""


class _ThisInterpreter(AsyncKernelManager):
    """Starts ``python3`` as this interpreter, whatever kernels are installed."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook in a file.

    Raises:
        ExportError: there is none, or it has no code.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} is no notebook: {error}") from error
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        raise ExportError(f"{path} has no code cells")
    return notebook


def run(notebook: nbformat.NotebookNode, path: Path, panels: Path) -> None:
    """Run every cell in place, in the folder of its file; panels are written into a folder.

    Raises:
        ExportError: a cell raised, or a panel did, at a setting that the message names.
    """
    install = _INSTALL.format(folder=str(panels))
    client = NotebookClient(
        notebook,
        kernel_manager_class=_ThisInterpreter,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        timeout=_SECONDS,
        extra_arguments=["--IPKernelApp.log_level=40", f"--IPKernelApp.exec_lines={install}"],
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise ExportError(f"{path.name}: {error.ename}: {error.evalue}") from error
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise ExportError(f"{path.name}: {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                raise ExportError(f"{path.name}: {output.text.strip()}")

