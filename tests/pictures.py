"""Every picture of the house, quickly made: what each panel and figure draws."""

import functools
import math

import numpy as np
import torch
from test_panels_cliff import recorded as run_of
from test_panels_pruning import recorded as pruned
from test_panels_recorded import gradients, recording_of
from test_panels_steer import steered
from torch import nn

from gradlab import clip, data, models, panels, sweep


@functools.cache
def network():
    """A small network with gradients."""
    torch.manual_seed(0)
    net = models.pruning_cnn(width=4)
    loss = nn.functional.cross_entropy(net(torch.rand(8, 3, 32, 32)), torch.arange(8))
    loss.backward()
    return net


def _samples():
    torch.manual_seed(0)
    return {"a": torch.randn(20, 3, 2) * torch.logspace(-1, 1, 20)[:, None, None] + 1}


def _race():
    free = run_of([2, 30, math.inf], [3, 1e4, 1e36], 0.1)
    return panels.race({"free": free, "clipped": run_of([2, 1.5, 1, 0.5], [3, 2, 0.5, 4], 0.75)})


def _recorded():
    run = recording_of(gradients(), rule=repr(clip.ByNorm(5.0)))
    coefficient = np.minimum(1, 5 / run.total_norm)
    panel = panels.threshold(run)
    panel.rule.value = "by value"  # drawn anew, with another legend
    assert coefficient.min() < 1
    return panel


def _sparsity():
    batch = next(iter(data.load("patches").batches(16, seed=1, steps=1)))
    images = data.load("patches", "test")
    few = type(images)(images.images[:50], images.labels[:50], *_rest(images))
    return panels.sparsity(network(), [batch], few)


def _rest(images):
    return [getattr(images, name) for name in list(images.__dataclass_fields__)[2:]]


def _steered():
    panel = panels.steer(steered())
    panel.step(21)  # beyond the first axes: drawn anew
    return panel


def _features():
    torch.manual_seed(0)
    digits = [data.load("digits"), data.load("digits", "test")]
    few = [type(d)(d.images[::4], d.labels[::4], *_rest(d)) for d in digits]
    return panels.features(*few, models.clipping_cnn(8, channels=1, size=28))


PANELS = {
    "cliff": panels.cliff,
    "criteria": lambda: panels.criteria(pruned()),
    "depth": lambda: panels.depth(8),
    "features": _features,
    "gap": lambda: panels.gap(pruned()),
    "geometry": panels.geometry,
    "maps": lambda: panels.maps(sweep.recorded("features")),
    "per_sample": lambda: panels.per_sample(_samples()),
    "race": _race,
    "recorded": _recorded,
    "recurrence": lambda: panels.recurrence(length=10),
    "rules": lambda: panels.rules(network()),
    "sensitivity": lambda: panels.sensitivity(pruned()),
    "sparsity": _sparsity,
    "speed": lambda: panels.speed(pruned()),
    "steer": _steered,
    "threshold": lambda: panels.threshold(network()),
}
