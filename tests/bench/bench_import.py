"""What `import gradlab` and its core rooms add to `import torch`.

`python tests/bench/bench_import.py [runs]`
"""

import statistics
import subprocess
import sys

from timing import machine, table

TIMED = (
    "import time, torch, numpy; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
)


def seconds(statement: str) -> float:
    """Seconds that a statement takes in a fresh interpreter which has imported torch."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(runs: int) -> None:
    """Print the table."""
    print(f"{machine()}; {runs} fresh interpreters each\n")
    rows = []
    for statement in ("import gradlab", "from gradlab import clip, histogram"):
        found = sorted(seconds(statement) for _ in range(runs))
        spread = f"{found[0]:.3f} to {found[-1]:.3f} s"
        rows.append((statement, f"{statistics.median(found):.3f} s", spread, "<= 0.2 s"))
    print(table(rows, ("after `import torch`", "median", "all", "target")))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
