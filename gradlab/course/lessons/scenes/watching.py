"""A reader while it learns: what it reads of some scenes, and where the gradient of their loss is.

The gradient by column is that of the loss with respect to what stands in the column. It says how
far back a network looks: where it is nothing, no change of the column would change the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gradlab.arguments import one_of, whole
from gradlab.clip import NonFiniteGradient
from gradlab.course.lessons.scenes.experiment import cell
from gradlab.course.lessons.scenes.readers import TASKS, loss, network
from gradlab.course.lessons.scenes.running import taken

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Watched:
    """A reader as it was at n moments of its training.

    Args:
        cell: what was run.
        steps: (n,) int: how many steps it had taken.
        columns: (n, width): norm of the gradient of the scenes' loss with respect to each column,
            root mean square over scenes; NaN and inf where they are.
        layers: (n, layers): norm of the same loss's gradient in each parameter.
        names: of the parameters.
        pictures: (scenes, channels, height, width), of the validation split.
        targets: (scenes,) or (scenes, most), int64.
        outputs: (n, scenes, classes) or (n, scenes, classes, length): logits.
        diverged: the step at which it diverged, None: it did not.
    """

    cell: Mapping[str, Any]
    steps: NDArray[np.int64]
    columns: Floats
    layers: Floats
    names: tuple[str, ...]
    pictures: Tensor
    targets: Tensor
    outputs: Tensor
    diverged: int | None


def watch(
    task: str,
    model: str,
    *,
    lr: float,
    rule: str | None = None,
    bound: float | None = None,
    steps: int = 300,
    every: int = 10,
    scenes: int = 16,
    seed: int = 0,
) -> Watched:
    """Train a reader, as a cell of the recorded grid does, and look at it every few steps.

    Args:
        task: "order", "strips" or "relations".
        model: "RNN", "CRNN", "pre-norm", "post-norm" or "LSTM".
        lr: learning rate of SGD with momentum 0.9.
        rule: "by norm" or "by value"; None: not clipped.
        bound: of the rule.
        steps: to take, 1 or more.
        every: so many, the reader is looked at; and before the first.
        scenes: of the validation split that are looked at, 1 or more.
        seed: of the weights and the batches.

    Raises:
        ValueError: an argument is out of range.
    """
    whole("steps", steps)
    whole("every", every, 1, steps)
    whole("scenes", scenes)
    one_of("rule", rule, (None, "by norm", "by value"))
    run = cell(task, model, seed=seed, lr=lr, rule=rule, bound=bound, steps=steps)
    reader = network(task, model, seed)
    pictures, targets = next(TASKS[task]("validation").batches(scenes, seed=seed))
    looks = [(0, *_look(reader, task, pictures, targets))]
    done, diverged = 0, None
    try:
        for step in taken(run, reader):
            done = step.number + 1
            if done % every == 0:
                looks.append((done, *_look(reader, task, pictures, targets)))
    except NonFiniteGradient:
        diverged = done + 1
    numbers, columns, layers, outputs = zip(*looks, strict=True)
    return Watched(
        cell=run,
        steps=np.array(numbers),
        columns=np.stack(columns),
        layers=np.stack(layers),
        names=tuple(name for name, _ in reader.named_parameters()),
        pictures=pictures,
        targets=targets,
        outputs=torch.stack(outputs),
        diverged=diverged,
    )


def _look(
    model: nn.Module, task: str, pictures: Tensor, targets: Tensor
) -> tuple[Floats, Floats, Tensor]:
    """The gradient's norm by column and by layer, and the outputs."""
    seen = pictures.detach().requires_grad_()
    outputs = model(seen)
    parameters = list(model.parameters())
    found = torch.autograd.grad(loss(task)(outputs, targets), [seen, *parameters])
    columns = found[0].square().sum((1, 2)).mean(0).sqrt() * len(pictures)  # of one scene's loss
    layers = torch.stack([one.norm() for one in found[1:]])
    return columns.double().numpy(), layers.double().numpy(), outputs.detach()
