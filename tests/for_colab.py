"""Write the notebooks for Colab: each with a first cell that installs the course there.

    python tests/for_colab.py OWNER/NAME FOLDER

Colab opens notebooks from GitHub, each in a machine of its own that has PyTorch and most of the
rest, but not gradlab. The notebooks of the course have no such cell: it would stand in the way of
everybody who has installed gradlab, and it has to name the repository.
"""

import argparse
import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell
from refresh_notebooks import NOTEBOOKS, text

BRANCH = "gh-pages"
MISSING = ("hypothesis", "sortedcontainers", "torch-pruning")
"""What the course needs and Colab lacks. All else Colab has, and its own versions are kept."""
INSTALL = """#@title Install the course: once in each notebook
%pip install --quiet --no-deps "git+https://github.com/{repository}" {packages}"""
LINK = re.compile(r"\]\((\d\d_\w+\.ipynb)\)")


def for_colab(notebook, repository):
    """A copy of a notebook that installs the course first, and links to the others in Colab.

    Colab takes the name of a cell, to which an address scrolls, from its metadata.
    """
    copy = nbformat.from_dict(notebook)
    there = f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/colab"
    for cell in copy.cells:
        cell.metadata["id"] = cell.id
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(rf"]({there}/\1)", cell.source)
    install = INSTALL.format(repository=repository, packages=" ".join(MISSING))
    copy.cells.insert(0, new_code_cell(install, id="colab", metadata={"cellView": "form"}))
    return copy


def repository(word):
    """``owner/name``, as an argument."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", word):
        raise argparse.ArgumentTypeError(f"must be owner/name, as on GitHub, not {word!r}")
    return word


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("repository", type=repository, metavar="OWNER/NAME")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        copy = for_colab(nbformat.read(path, as_version=4), options.repository)
        (options.folder / path.name).write_text(text(copy), encoding="utf-8")


if __name__ == "__main__":
    main()
