"""Counting a gradient beside torch's and TensorBoard's histograms, and what a slide costs after it.

`python tests/bench/bench_histogram.py [pairs]` (TensorBoard is in the extra `bench`)
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence

import torch
from timing import machine, paired, table
from torch.utils.tensorboard import SummaryWriter

from gradlab import panels
from gradlab.histogram import LogHistogram

COUNT = 11_000_000  # the parameters of a ResNet-18


def slides(sizes: Sequence[int], rounds: int) -> list[float]:
    """Median seconds of a slide of the threshold panel with so many values behind it, in turns."""
    made = [panels.threshold({"weight": 1e-3 * torch.randn(numel)}) for numel in sizes]
    seconds: list[list[float]] = [[] for _ in sizes]
    for move in range(rounds):
        for panel, taken in zip(made, seconds, strict=True):
            low, high = panel.clip_value.min, panel.clip_value.max
            start = time.perf_counter()
            panel.clip_value.value = 10 ** (low + (high - low) * (1 + move % 19) / 20)
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


def main(pairs: int) -> None:
    """Print both tables."""
    torch.manual_seed(0)
    gradient = 1e-3 * torch.randn(COUNT)
    print(f"{machine()}; {pairs} pairs; {COUNT:,} float32 values; a: LogHistogram.of\n")
    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        rows = [
            paired(
                lambda: LogHistogram.of(gradient), lambda: torch.histc(gradient, 100), pairs
            ).row("LogHistogram / torch.histc(x, 100)", "<= 0.6"),
            paired(
                lambda: LogHistogram.of(gradient),
                lambda: writer.add_histogram("gradient", gradient),
                max(3, pairs // 4),
            ).row("LogHistogram / TensorBoard add_histogram", "<= 0.2"),
        ]
    print(table(rows))

    sizes = (10**5, 10**6, 10**7, 10**8)
    medians = slides(sizes, 5 * pairs)
    print("\nOne slide of the threshold panel, in the kernel:\n")
    costs = [(f"{n:.0e} values", f"{1e3 * s:.2f} ms") for n, s in zip(sizes, medians, strict=True)]
    print(table(costs, ("behind it", "median")))
    print(f"\nlargest / smallest: {max(medians) / min(medians):.2f} (target <= 1.2)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
