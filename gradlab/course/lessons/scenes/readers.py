"""The tasks and their readers: which network, which loss, and what counts as read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradlab.arguments import one_of
from gradlab.course import device
from gradlab.course.data.order import temporal_order
from gradlab.course.data.scenes import SceneData
from gradlab.course.data.shapes import relations
from gradlab.course.data.strips import digit_strips
from gradlab.course.lessons.scenes.unaligned import ctc, read, written
from gradlab.course.models.readers import crnn, rnn_reader, transformer_reader

TASKS: Mapping[str, Callable[[str], SceneData]] = {
    "order": temporal_order,
    "strips": digit_strips,
    "relations": relations,
}
"""By name, a split's scenes."""
MODELS: Mapping[str, Callable[..., nn.Sequential]] = {
    "RNN": rnn_reader,
    "CRNN": crnn,
    "pre-norm": transformer_reader,
    "post-norm": partial(transformer_reader, norm_first=False),
    "LSTM": partial(rnn_reader, cell="lstm", width=48),
}
"""By name; the Transformers are called by where they normalise."""
CHANCE = {"order": 0.25, "strips": 0.0, "relations": 0.25}
"""The accuracy of whoever guesses."""
_SEED = 0


@dataclass(frozen=True, eq=False)
class Read:
    """What a network made of some scenes.

    Args:
        accuracy: the share answered rightly; of strips, the share read without an error.
        empty: the share of the strips on which it read nothing; 0 for other tasks.
    """

    accuracy: float
    empty: float


def network(task: str, model: str, seed: int) -> nn.Sequential:
    """A network for a task, drawn by the seed.

    Where the task is to remember, recurrent weights start orthogonal; as torch has them, nothing
    of a first marker is left after forty columns.

    Raises:
        ValueError: there is no such task or model.
    """
    one_of("task", task, TASKS)
    one_of("model", model, MODELS)
    data = TASKS[task]("train")
    remembers = {} if model.endswith("norm") else {"orthogonal": task == "order"}
    with device.seeded(seed):
        return MODELS[model](data.shape, len(data.classes), every=task == "strips", **remembers)


def loss(task: str) -> Callable[[Tensor, Tensor], Tensor]:
    """CTC for strips, cross-entropy for the others."""
    return ctc if task == "strips" else F.cross_entropy


def judge(model: nn.Module, task: str, split: str, *, scenes: int = 400) -> Read:
    """How well a network reads the first scenes of a split, the same ones each time."""
    pictures, targets = _scenes(task, split, scenes)
    model.eval()
    with torch.no_grad():
        outputs = model(pictures)
    model.train()
    if task != "strips":
        return Read(float((outputs.argmax(1) == targets).float().mean()), 0.0)
    found = read(outputs)
    right = [ours == theirs for ours, theirs in zip(found, written(targets), strict=True)]
    return Read(sum(right) / len(right), sum(not one for one in found) / len(found))


@lru_cache(maxsize=6)
def _scenes(task: str, split: str, number: int) -> tuple[Tensor, Tensor]:
    return next(TASKS[task](split).batches(number, seed=_SEED))
