"""Every picture of the house, quickly made: what each panel and figure draws."""

import functools
import math

import numpy as np
import torch
from test_lessons_cliff_panel import recorded as run_of
from test_panels_pruning import recorded as pruned
from test_panels_recorded import gradients, recording_of
from test_panels_steer import steered
from torch import nn

from gradlab import clip, panels
from gradlab.course import data, models, sweep
from gradlab.course.lessons import cliff, features, growth, plane, pruning, race, rules, samples
from gradlab.course.lessons.features.curves import draw_lengths
from gradlab.course.lessons.features.picture import draw_back, draw_glyphs, draw_price
from gradlab.panels.live import LivePicture, subplots


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
    return race.panel({"free": free, "clipped": run_of([2, 1.5, 1, 0.5], [3, 2, 0.5, 4], 0.75)})


def run():
    """A recorded run that was clipped."""
    return recording_of(gradients(), clip=clip.ByNorm(5.0))


def _recorded():
    panel = panels.threshold(run())
    panel.clip.value = "by value"  # drawn anew, with another legend
    return panel


def _sparsity():
    batch = next(iter(data.load("patches").batches(16, seed=1, steps=1)))
    images = data.load("patches", "test")
    few = type(images)(images.images[:50], images.labels[:50], *_rest(images))
    return panels.sparsity(network(), [batch], few.accuracy)


def _rest(images):
    return [getattr(images, name) for name in list(images.__dataclass_fields__)[2:]]


def _steered():
    panel = panels.steer(steered())
    panel.step(21)  # beyond the first axes: drawn anew
    return panel


class _Features:
    """The picture of the features panel, which measures times, with times of its own."""

    def __init__(self):
        figure, (lengths, plane, back, price) = subplots(9, 6, nrows=2, ncols=2)
        curves, points = draw_lengths(lengths, (2, 4, 8)), draw_glyphs(plane)
        drawn, bars = draw_back(back, np.eye(8)[None].repeat(3, 0)), draw_price(price, ("a", "b"))
        parts = (curves, points, drawn, bars)
        self.picture = LivePicture(figure, [a for part in parts for a in part.artists])
        with self.picture.moving():
            curves.move([2, 4, 8], [0.3, 0.5, 0.9], [0.2, 0.6, 1.0], 1)
            points.move(np.arange(20).reshape(10, 2) / 5 - 2, np.arange(10))
            drawn.move(np.eye(8)[None].repeat(3, 0), "123", [True, False, True])
            bars.move([0.1, 0.2], [0.5, 3])


PANELS = {
    "cliff": cliff.panel,
    "importances": lambda: pruning.importance_panel(pruned()),
    "depth": lambda: growth.depth_panel(8),
    "features": _Features,
    "gap": lambda: pruning.gap_panel(pruned()),
    "geometry": plane.panel,
    "maps": lambda: features.maps_panel(sweep.recorded("features")),
    "per_sample": lambda: samples.panel(_samples()),
    "race": _race,
    "recorded": _recorded,
    "recurrence": lambda: growth.recurrence_panel(length=10),
    "rules": lambda: rules.panel(network()),
    "sensitivity": lambda: pruning.sensitivity_panel(pruned()),
    "sparsity": _sparsity,
    "speed": lambda: pruning.speed_panel(pruned()),
    "steer": _steered,
    "threshold": lambda: panels.threshold(network()),
}
