"""One panel of each kind, quickly made: for tests that ask something of every panel."""

import functools
import itertools
import math
from dataclasses import replace

import torch
from test_lessons_cliff_panel import recorded as run_of
from test_panels_recorded import gradients, recording_of
from test_panels_steer import steered
from torch import nn

import gradlab
from gradlab import clip, panels
from gradlab.course import data, grids, lessons, models, sweep
from gradlab.course.claims import ledger
from gradlab.course.lessons import (
    averaging,
    broken_runs,
    cliff,
    detection,
    features,
    growth,
    plane,
    pruning,
    race,
    report_card,
    rules,
    samples,
    scenes,
    smoothness,
    spikes,
    stretching,
    tails,
    thresholds,
)
from gradlab.course.lessons.broken_runs.strangers.cases import STRANGERS
from gradlab.course.lessons.broken_runs.strangers.controls import letter
from gradlab.course.prediction import predict_curve
from gradlab.course.sweep.records import Records, Row


@functools.cache
def network():
    """A small network with gradients."""
    torch.manual_seed(0)
    net = models.pruning_cnn(width=4)
    loss = nn.functional.cross_entropy(net(torch.rand(8, 3, 32, 32)), torch.arange(8))
    loss.backward()
    return net


@functools.cache
def recording():
    """A recorded run that was clipped."""
    return recording_of(gradients(), clip=clip.ByNorm(5.0))


def fewer(images, step):
    """Every ``step``-th image, of every class."""
    return replace(images, images=images.images[::step], labels=images.labels[::step])


def _grid():
    rows = []
    for lr, max_norm, seed in itertools.product((0.01, 0.1, 1), (0.1, 1, None), (0, 1)):
        lost = 20 if lr * (max_norm or 5) > seed + 0.9 else None
        found = {"steps": [10, 20], "test": [lr / 2, lr], "norm": [1, 10 * lr], "clipped": 0.5}
        found |= {"accuracy": None if lost else lr, "diverged": lost}
        rows.append(Row({"lr": lr, "max_norm": max_norm, "seed": seed}, "done", found))
    curves = {"accuracy": "test", "norm": "norm"}
    return grids.panel(Records((), tuple(rows)), "lr", "max_norm", curves=curves)


def _averages():
    model = nn.Linear(1, 1, bias=False)

    def steps():
        for value in torch.linspace(0.1, 0.9, 8).tolist():
            yield nn.init.constant_(model.weight, value)

    run = averaging.keep(model, steps(), every=1)
    return averaging.averages_panel({"a run": run}, lambda model: model.weight.item())


def _drawn_curve():
    """Skipped already: behind a prediction, there is one button to skip with."""
    panel = predict_curve(
        [1, 2, 4, 8, 4],
        "How high?",
        places=(1, 4),
        idea="",
        limits=(0.1, 100),
        xlabel="place",
        ylabel="height",
    )
    panel.skip()
    return panel


def _history():
    model = nn.Linear(3, 4)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs = torch.rand(10, 2, 3, generator=torch.Generator().manual_seed(0))
    with gradlab.record(model, optimizer, every=2, updates=True) as recorder:
        for step in range(10):
            optimizer.zero_grad()
            model(inputs[step]).square().sum().backward()
            optimizer.step()
    return panels.history(recorder.recording, {"train": [2.0 - 0.1 * step for step in range(10)]})


def _learning():
    pictures = [data.composites(split, 8, size=48) for split in ("train", "test")]
    return detection.learning_panel(*pictures, steps=2, width=4, batch_size=4)


def _sees():
    """Of a detector whose scores, and the overlaps of its boxes, are spread over their sliders."""
    torch.manual_seed(0)
    model = models.detector(4)
    for head, bias in ((model[-1].score, 0.5), (model[-1].box, 2.0)):
        torch.nn.init.normal_(head.weight, std=0.2)
        torch.nn.init.constant_(head.bias, bias)
    return detection.sees_panel(model, {"faces": data.composites("test", 4, size=96)})


def _lengths():
    torch.manual_seed(0)
    digits = [fewer(data.load("digits", split), 4) for split in ("train", "test")]
    return features.lengths_panel(*digits, models.clipping_cnn(8, channels=1, size=28))


def _ledger():
    return report_card.ledger_panel(ledger(lessons.claims(), lessons.experiments()))


def _race():
    free = run_of([2, 30, math.inf], [3, 1e4, 1e36], 0.1)
    return race.panel({"free": free, "clipped": run_of([2, 1.5, 1, 0.5], [3, 2, 0.5, 4], 0.75)})


def _samples():
    torch.manual_seed(0)
    scales = torch.logspace(-1, 1, 20)[:, None, None]
    return samples.panel({"a": torch.randn(20, 3, 2) * scales + 1})


@functools.cache
def watched_readers(task):
    """Readers of a task, after two and four steps; of strips one that was stopped after two."""
    other, steps = ("short", 2) if task == "strips" else ("pre-norm", 4)
    model = "CRNN" if task == "strips" else "pre-norm"
    return {
        "RNN": scenes.watch(task, "RNN", lr=0.01, steps=4, every=2, scenes=3),
        other: scenes.watch(task, model, lr=0.01, steps=steps, every=2, scenes=3),
    }


def _sparsity():
    batches = list(data.load("patches").batches(16, seed=1, steps=1))
    return panels.sparsity(network(), batches, fewer(data.load("patches", "test"), 20).accuracy)


def _steer():
    run = steered()
    run.step(10)
    return panels.steer(run)


PANELS = {
    "augmentation gains": lambda: averaging.augmentation_gains_panel(sweep.recorded("averaging")),
    "average gains": lambda: averaging.average_gains_panel(sweep.recorded("averaging")),
    "averages": _averages,
    "bench": broken_runs.bench,
    "claimed": lambda: thresholds.claimed_panel(sweep.recorded("thresholds")),
    "cliff": cliff.panel,
    "curve": _drawn_curve,
    "depth": lambda: growth.depth_panel(8),
    "dimensions": lambda: plane.dimensions_panel(torch.linspace(0.1, 3, 300).exp()),
    "futures": lambda: spikes.futures_panel(sweep.recorded("spikes")),
    "gap": lambda: pruning.gap_panel(sweep.recorded("pruning")),
    "grid": _grid,
    "history": _history,
    "importance": lambda: pruning.importance_panel(sweep.recorded("pruning")),
    "ledger": _ledger,
    "learning": _learning,
    "lengths": _lengths,
    "letter": lambda: letter(STRANGERS["Q"].patient.mended()),
    "maps": lambda: features.maps_panel(sweep.recorded("features")),
    "plane": plane.panel,
    "preview": averaging.preview_panel,
    "race": _race,
    "recorded": lambda: panels.threshold(recording()),
    "replayed": lambda: panels.threshold(recording(), clip=clip.ZClip(warmup_steps=5)),
    "recurrence": lambda: growth.recurrence_panel(length=10),
    "rules": lambda: rules.panel(network()),
    "samples": _samples,
    "sees": _sees,
    "scene gradient": lambda: scenes.gradient_panel(watched_readers("order")),
    "scene reading": lambda: scenes.reading_panel(watched_readers("strips")),
    "scenes": lambda: scenes.readers_panel(sweep.recorded("scenes")),
    "sensitivity": lambda: pruning.sensitivity_panel(sweep.recorded("pruning")),
    "sparsity": _sparsity,
    "smoothness": smoothness.panel,
    "speed": lambda: pruning.speed_panel(sweep.recorded("pruning")),
    "steer": _steer,
    "stretching": stretching.panel,
    "tails": tails.panel,
    "threshold": lambda: panels.threshold(network()),
    "warnings": lambda: spikes.warnings_panel(sweep.recorded("spikes")),
}
