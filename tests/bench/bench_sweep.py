"""Seconds of a sweep with two worker processes against one, on a small real training.

`python tests/bench/bench_sweep.py [runs]`

One worker gives torch all cores, which is the fair rival; one worker with one thread shows how
evenly the work divides. Starting the processes is measured too: it weighs less in a long sweep.
"""

import sys
import tempfile
import time
from pathlib import Path

from timing import HEADER, Paired, machine, table

from gradlab.course import sweep


def train_a_little(cell):
    """A small VGG on photo patches."""
    import torch

    from gradlab import training
    from gradlab.course import data, device, models

    torch.set_num_threads(cell["threads"] or torch.get_num_threads())
    device.seed(cell["seed"])
    model = models.vgg(width=16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    batches = data.load("patches").batches(64, seed=cell["seed"], steps=100)
    return {"loss": training.train(model, optimizer, batches).loss[-1]}


def swept(path, runs, workers, threads=None):
    """Seconds of a sweep."""
    experiment = sweep.Experiment(
        "bench",
        "",
        lambda budget: [{"seed": seed, "threads": threads} for seed in range(runs)],
        train_a_little,
    )
    path.unlink(missing_ok=True)
    start = time.perf_counter()
    records = sweep.complete(experiment, path, budget="ci", workers=workers)
    assert {row.status for row in records} == {"done"}, records.rows
    return time.perf_counter() - start


def main(runs: int, repeats: int = 3) -> None:
    """Print the table."""
    print(f"{machine()}; {runs} runs of 100 steps, VGG-11 of width 16, batch 64\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.jsonl")
        turns = [
            (swept(path, runs, 2), swept(path, runs, 1), swept(path, runs, 1, threads=1))
            for _ in range(repeats)
        ]
    two, one, one_thread = zip(*turns, strict=True)
    rows = [
        Paired(two, one).row("two workers / one", "<= 0.59 (1.7 ×)"),
        Paired(two, one_thread).row("two workers / one with one thread", "<= 0.59 (1.7 ×)"),
    ]
    print(table(rows, HEADER))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 12)
