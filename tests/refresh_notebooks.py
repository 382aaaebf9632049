"""Run notebooks from top to bottom in a fresh kernel, and store them in one normal form.

    python tests/refresh_notebooks.py [NOTEBOOK ...] [--check]

What is stored is what a reader of the file can use and what every machine agrees on: sources, text,
pictures, execution counts 1..n. Left out are times, widget models (a live slider needs a kernel;
without one the stored picture shows) and everything a program wrote into a picture's margins. What
a notebook must not print is refused: errors, warnings, memory addresses, folders of this machine.
"""

import argparse
import base64
import hashlib
import json
import math
import os
import re
import struct
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from gradlab.course.site.run import ThisInterpreter

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
MAX_SECONDS = 60.0
MAX_GIGABYTES = 1.2
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
CELL_METADATA = {"jp-MarkdownHeadingCollapsed", "jupyter", "slideshow", "tags"}
WIDGET = "application/vnd.jupyter.widget-view+json"
PNG_MARGINS = {b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,}")


def read(path):
    """The notebook at `path`; a cell without an id gets one from its place and source."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["nbformat"], raw["nbformat_minor"] = 4, 5
    for k, cell in enumerate(raw["cells"]):
        text = f"{k} {''.join(cell['source'])}"
        cell.setdefault("id", hashlib.sha256(text.encode()).hexdigest()[:8])
    return nbformat.reads(json.dumps(raw), as_version=4)


def run(notebook, folder):
    """Run every cell in `folder`, in place; returns seconds and the kernel's peak in gigabytes."""
    peak = 0.0

    def measure(**_):
        nonlocal peak
        peak = peak_gigabytes(client.km.provisioner.pid)

    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisInterpreter,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        record_timing=False,
        timeout=600,
        extra_arguments=["--IPKernelApp.log_level=40"],
        on_cell_executed=measure,
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as settings:  # nobody's start-up files
        client.execute(env={**os.environ, "IPYTHONDIR": settings})
    return time.perf_counter() - start, peak


def peak_gigabytes(pid):
    """The most memory that a process has held; NaN where the system does not tell (no /proc)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return math.nan
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024 / 1e9


def normalise(notebook):
    """Bring metadata and outputs into the stored form, in place."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        kept = {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = [output for output in joined(cell.outputs) if stored(output)]
    return notebook


def joined(outputs):
    """The outputs, with text that a kernel sent in pieces put together."""
    whole = []
    for output in outputs:
        if output.output_type == "stream" and whole and whole[-1].get("name") == output.name:
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def stored(output):
    """Whether anything of an output is left, once it is in the stored form."""
    if "data" not in output:
        return True
    output.data.pop(WIDGET, None)
    if "image/png" in output.data:
        output.data["image/png"] = without_margins(output.data["image/png"])
    for mime in set(output.metadata) - set(output.data):
        del output.metadata[mime]
    return bool(output.data)


def without_margins(png):
    """A base64 PNG without its text and time chunks, which name programs and moments."""
    data = base64.b64decode(png)
    kept, at = data[:8], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] not in PNG_MARGINS:
            kept += data[at : at + 12 + length]
        at += 12 + length
    return base64.b64encode(kept).decode()


def complaints(notebook, private=()):
    """What a notebook must not store, one sentence each; `private` are folders not to name."""
    said = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        if cell.execution_count != number:
            said.append(f"code cell {number} has execution count {cell.execution_count}")
        for output in cell.outputs:
            text = text_of(output)
            if output.output_type == "error":
                said.append(f"code cell {number} stores an error: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                said.append(f"code cell {number} warns: {text.strip()}")
            if found := ADDRESS.search(text):
                said.append(f"code cell {number} prints a memory address: {found[0]}")
            said += [f"code cell {number} prints {p}" for p in private if str(p) in text]
    return said


def text_of(output):
    """All text that an output shows."""
    shown = (value for mime, value in output.get("data", {}).items() if mime.startswith("text/"))
    return "".join(output.get("text", "")) + "\n".join(shown)


def text(notebook):
    """The bytes of the file, as a string."""
    return nbformat.writes(notebook) + "\n"


def check(path):
    """What is wrong with the stored file, without running it; empty when all is well."""
    notebook = read(path)
    said = complaints(notebook)
    if text(normalise(notebook)) != path.read_text(encoding="utf-8"):
        said.append("is not in the stored form: run `make notebooks`")
    return said


def refresh(path):
    """Run and store one notebook, unless it prints what it must not; returns the complaints."""
    notebook = read(path)
    folder = path.resolve().parent
    try:
        seconds, peak = run(notebook, folder)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return [COLOUR.sub("", str(error))]
    normalise(notebook)
    if said := complaints(notebook, private=(folder, Path(sys.prefix))):
        return said
    replace(path, text(notebook))
    print(f"{path.name:40} {seconds:6.1f} s {peak:6.2f} GB", flush=True)
    if seconds > MAX_SECONDS:
        said.append(f"took {seconds:.0f} s; allowed are {MAX_SECONDS:.0f} s")
    if peak > MAX_GIGABYTES:
        said.append(f"took {peak:.2f} GB; allowed are {MAX_GIGABYTES} GB")
    return said


def replace(path, content):
    """Write a file as a whole or not at all."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(content, encoding="utf-8", newline="\n")
    os.replace(beside, path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("notebook", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--check", action="store_true", help="only say what is not in stored form")
    options = parser.parse_args(arguments)
    work = check if options.check else refresh
    failed = False
    for path in options.notebook or sorted(NOTEBOOKS.glob("*.ipynb")):
        if not path.is_file():
            parser.error(f"notebook must be a file, got {path}")
        for sentence in work(path):
            print(f"{path.name}: {sentence}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
