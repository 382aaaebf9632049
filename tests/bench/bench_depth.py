"""What one move of a slider costs in the kernel: forward, backward, prediction, picture.

`python tests/bench/bench_depth.py [moves]`
"""

import itertools
import statistics
import sys
import time

from timing import machine, table

from gradlab.course.lessons import growth

HEADER = ("one move of", "least", "median", "95 %", "most", "target")


def moves(control, values, count):
    """Seconds of each of `count` moves of the control through the values, to and fro."""
    there = list(values)
    seconds = []
    for value in itertools.islice(itertools.cycle(there + there[-2:0:-1]), count + 3):
        start = time.perf_counter()
        control.value = value
        seconds.append(time.perf_counter() - start)
    return seconds[3:]  # the first few warm up


def row(name, seconds, target):
    """A row under `HEADER`."""
    high = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    told = min(seconds), statistics.median(seconds), high, max(seconds)
    return name, *(f"{1e3 * one:.1f} ms" for one in told), target


def main(count: int) -> None:
    """Print the table."""
    print(f"{machine()}; {count} moves; 64 wide, batch 64; recurrent: 32 units, 16 sequences\n")
    gains = [1 + 0.02 * step for step in range(40)]
    radii = [0.8 + 0.01 * step for step in range(40)]
    rows = []
    for activation, arguments in (
        ("relu", {}),
        ("gelu", {}),
        ("relu", {"residual": True, "norm": "layer"}),
    ):
        panel = growth.depth_panel(50, activation=activation, **arguments)
        named = ", ".join([activation, *map(str, arguments)])
        rows.append(row(f"gain: 50 layers, {named}", moves(panel.gain, gains, count), "<= 30 ms"))
    panel = growth.depth_panel()
    rows.append(row("depth: 1 to 64, relu", moves(panel.depth, range(1, 65), count), "<= 30 ms"))
    for length in (60, 100):
        panel = growth.recurrence_panel(length=length)
        seconds = moves(panel.radius, radii, count)
        rows.append(row(f"spectral radius: {length} steps, 4 networks", seconds, "<= 60 ms"))
    print(table(rows, HEADER))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 60)
