"""What one move of a slider costs in the kernel, in the panels that need no new forward pass.

`python tests/bench/bench_panels.py [moves]`
"""

import sys
import time

import numpy as np
import torch
from bench_depth import HEADER, moves, row
from timing import machine, table

from gradlab import panels
from gradlab.course import models
from gradlab.course.lessons import cliff, plane, race, rules, samples
from gradlab.histogram.counting import count
from gradlab.recording import Recording
from gradlab.recording.histograms import Histograms
from gradlab.training.run import Run


def recorded(steps):
    """A run of noise, as long as a real one."""
    noise = np.random.default_rng(0).lognormal(size=steps)
    return Run(noise, noise, noise, noise > 1, ("w",), noise[:, None], 0.5, None)


def recording(steps, layers, every=16):
    """A recording of noise, as large as a real one."""
    noise = np.random.default_rng(0)
    names = tuple(f"layer{number}.weight" for number in range(layers))
    values = [torch.randn(2000) for _ in names]
    each = [
        Histograms.of(names, step, slice(None), count([scale * v for v in values])())
        for step, scale in zip(range(0, steps, every), noise.lognormal(size=steps), strict=False)
    ]
    norms = noise.lognormal(size=(steps, layers))
    nothing = np.zeros((len(each), layers))
    return Recording(
        layers=names,
        sizes=np.full(layers, 2000),
        total_norm=np.linalg.norm(norms, axis=1),
        coefficient=np.ones(steps),
        fired=np.zeros(steps, bool),
        layer_norms=norms,
        nonfinite={},
        skipped=0,
        clip=None,
        every=every,
        histograms=Histograms.joined(names, each),
        weight_norms=nothing,
        norms_after=nothing,
        update_norms=nothing,
        moment_ratios=nothing,
        optimizer=None,
        learning_rate=np.full(steps, 0.1),
    )


def on_recordings(times):
    """A row for each rule of the threshold panel, on a usual recording and on a large one."""
    for steps, layers, target in ((300, 20, "<= 12 ms"), (10_000, 62, "<= 40 ms")):
        panel = panels.threshold(recording(steps, layers))
        for rule in panel.clip.options:
            panel.clip.value = rule
            slider = panel.threshold
            values = 10 ** np.linspace(slider.min, slider.max, 40)
            name = f"threshold: {steps:,} steps, {layers} layers, {rule}"
            yield row(name, moves(slider, values, times), target)


def main(times: int) -> None:
    """Print the table."""
    print(f"{machine()}; {times} moves; ResNet-8 of width 16 under the threshold panel\n")
    model = models.resnet(8, width=16)
    images, labels = torch.rand(16, 3, 32, 32), torch.arange(16) % 10
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    clip_value = panels.threshold(model).threshold
    start = time.perf_counter()
    walk = cliff.panel(steps=50)
    walked = time.perf_counter() - start
    bounds = [value for _, value in walk.max_norm.options]
    geometry = plane.panel()
    replay = race.panel({f"{bound:g}": recorded(200) for bound in (0.1, 1, 10, 100)})
    equal = rules.panel(model)
    per_sample = samples.panel(torch.randn(64, 1000) * torch.logspace(-1, 1, 64)[:, None])
    tries = (
        (
            "threshold: clip_value",
            clip_value,
            10 ** np.linspace(clip_value.min, clip_value.max, 40),
        ),
        ("cliff: max_norm, 50 steps", walk.max_norm, bounds),
        ("cliff: steps", walk.steps, range(1, 51)),
        ("geometry: threshold", geometry.threshold, np.arange(0.1, 6, 0.1)),
        ("geometry: direction", geometry.direction, range(-180, 181, 5)),
        ("race: step, 4 runs of 200", replay.step, range(200)),
        ("rules: norm left", equal.share, 10 ** np.linspace(equal.share.min, 0, 35)),
        ("per_sample: C, 64 samples", per_sample.max_norm, np.geomspace(3, 300, 40)),
    )
    rows = [row(name, moves(control, values, times), "<= 12 ms") for name, control, values in tries]
    rows += on_recordings(times)
    print(table(rows, HEADER))
    print(f"\nThe cliff panel, its first start walked: {walked:.2f} s, once")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 60)
