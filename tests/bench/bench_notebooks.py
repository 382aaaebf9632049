"""How long each notebook runs in a fresh kernel, and how much memory the kernel takes.

`python tests/bench/bench_notebooks.py [NOTEBOOK ...]`
"""

import sys
from pathlib import Path

from timing import machine, table

sys.path.insert(0, str(Path(__file__).parents[1]))
from refresh_notebooks import MAX_GIGABYTES, MAX_SECONDS, NOTEBOOKS, read, run


def main(paths):
    """Print the table."""
    print(machine())
    header = ("notebook", "time", f"of {MAX_SECONDS:g} s", "peak memory", f"of {MAX_GIGABYTES} GB")
    rows = []
    for path in paths:
        seconds, peak = run(read(path), path.resolve().parent)
        rows.append(
            (
                path.stem,
                f"{seconds:.1f} s",
                f"{seconds / MAX_SECONDS:.0%}",
                f"{peak:.2f} GB",
                f"{peak / MAX_GIGABYTES:.0%}",
            )
        )
    print(table(rows, header))


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb")))
