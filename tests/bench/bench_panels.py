"""What one move of a slider costs in the kernel, in the panels that need no new forward pass.

`python tests/bench/bench_panels.py [moves]`
"""

import sys
import time

import numpy as np
import torch
from bench_depth import HEADER, moves, row
from timing import machine, table

from gradlab import models, panels
from gradlab.train import Run


def recorded(steps):
    """A run of noise, as long as a real one."""
    noise = np.random.default_rng(0).lognormal(size=steps)
    return Run(noise, noise, noise, noise > 1, ("w",), noise[:, None], 0.5, None)


def main(count: int) -> None:
    """Print the table."""
    print(f"{machine()}; {count} moves; ResNet-8 of width 16 under the threshold panel\n")
    model = models.resnet(8, width=16)
    images, labels = torch.rand(16, 3, 32, 32), torch.arange(16) % 10
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    clip_value = panels.threshold(model).clip_value
    start = time.perf_counter()
    cliff = panels.cliff(steps=50)
    walked = time.perf_counter() - start
    bounds = [value for _, value in cliff.max_norm.options]
    geometry = panels.geometry()
    race = panels.race({f"{bound:g}": recorded(200) for bound in (0.1, 1, 10, 100)})
    rules = panels.rules(model)
    per_sample = panels.per_sample(torch.randn(64, 1000) * torch.logspace(-1, 1, 64)[:, None])
    tries = (
        (
            "threshold: clip_value",
            clip_value,
            10 ** np.linspace(clip_value.min, clip_value.max, 40),
        ),
        ("cliff: max_norm, 50 steps", cliff.max_norm, bounds),
        ("cliff: steps", cliff.steps, range(1, 51)),
        ("geometry: threshold", geometry.threshold, np.arange(0.1, 6, 0.1)),
        ("geometry: direction", geometry.direction, range(-180, 181, 5)),
        ("race: step, 4 runs of 200", race.step, range(200)),
        ("rules: norm left", rules.share, 10 ** np.linspace(rules.share.min, 0, 35)),
        ("per_sample: C, 64 samples", per_sample.max_norm, np.geomspace(3, 300, 40)),
    )
    rows = [row(name, moves(control, values, count), "<= 12 ms") for name, control, values in tries]
    print(table(rows, HEADER))
    print(f"\nThe cliff panel, its first start walked: {walked:.2f} s, once")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 60)
