"""Which optimizer ran, as plain data, and how one of its kind answers when gradients are scaled.

A rule that always fires gives the optimizer gradients of one norm: with a threshold c times as
large all of them would be c times as large. What becomes of the steps follows from the update rule.

- A step that is linear in the gradients (SGD, with momentum too) becomes c times as long.
- A step that divides the gradient by its own size (Adam: ``m / (sqrt(v) + eps)``, where m grows c
  times and v c * c times) stays as it is, as long as the elements are large beside ``eps``.
- A step that takes signs (Lion) or orthogonalises (Muon) stays as it is.
- Weight decay that is added to the gradient does not grow with it, so that c weighs the one against
  the other. A decay of its own (AdamW) knows nothing of c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer

Role = Literal[
    "scales the step",
    "scales the gradient's part",
    "weighs against weight decay",
    "inert",
    "depends on eps",
    "cannot say",
]

_HOW = ("params", "foreach", "fused", "capturable", "differentiable")  # and not what
_LINEAR = ("SGD", "ASGD")
_SIGNS = ("Lion", "Rprop", "SignSGD", "Signum")
# The eps beside which elements must be large, where the settings do not say it.
_DIVIDES = {
    "Adadelta": 1e-6,
    "Adafactor": 1.2e-7,
    "Adagrad": 1e-10,
    "Adam": 1e-8,
    "AdamW": 1e-8,
    "Adamax": 1e-8,
    "NAdam": 1e-8,
    "RAdam": 1e-8,
    "RMSprop": 1e-8,
    "SparseAdam": 1e-8,
}
_OWN_DECAY = ("Adafactor", "AdamW", "Lion", "Muon")
_LARGE = 100.0  # times eps: the step is what it is without eps, within one percent


@dataclass(frozen=True)
class Answer:
    """What clipping is to an optimizer.

    Args:
        role: what the threshold of a rule that always fires does to the steps.
        always: the same as the rest of a sentence.
        sometimes: what a gradient that is clipped among others that are not does, in a sentence.
    """

    role: Role
    always: str
    sometimes: str


def settings_of(optimizer: Optimizer) -> dict[str, Any]:
    """The class and the settings of each group of parameters, as they are now; nothing is read."""
    groups = [
        {name: _copied(value) for name, value in group.items() if name not in _HOW}
        | {"parameters": len(group["params"])}
        for group in optimizer.param_groups
    ]
    return {"name": type(optimizer).__name__, "groups": groups}


def plain(settings: Any) -> Any:
    """The settings as JSON holds them; a tensor is read, and what is no plain value left out."""
    if isinstance(settings, Tensor):
        return settings.tolist()
    if isinstance(settings, Mapping):
        made = {name: plain(value) for name, value in settings.items()}
        return {
            name: made[name] for name in made if settings[name] is None or made[name] is not None
        }
    if isinstance(settings, list | tuple):
        return [plain(value) for value in settings]
    return settings if isinstance(settings, bool | int | float | str) else None


def answer(optimizer: Mapping[str, Any] | None, norm: float = inf, numel: int = 1) -> Answer:
    """How that optimizer answers to gradients that were clipped to a norm.

    Args:
        optimizer: plain settings; None: not known.
        norm: of the whole gradient after clipping.
        numel: how many elements it has.
    """
    if optimizer is None:
        return _cannot_say("the optimizer of this run is not known")
    name, groups = optimizer["name"], optimizer["groups"]
    decay = any(group.get("weight_decay") for group in groups)
    if name in _LINEAR:
        return _linear(name, groups, decay or any(group.get("lambd") for group in groups))
    if name == "Muon":
        return _same(name, "orthogonalises the gradient of each matrix", groups)
    if name in _SIGNS:
        return _same(name, "goes by signs", groups)
    if name not in _DIVIDES:
        return _cannot_say(f"the update rule of {name} is not known here")
    if decay and not (name in _OWN_DECAY or groups[0].get("decoupled_weight_decay")):
        always = (
            f"{name} divides by the size of what it is given, so max_norm does not set the length "
            "of the step: it weighs the gradient against the weight decay, which is added to it"
        )
        return Answer("weighs against weight decay", always, _averaged(name))
    eps, element = _eps(name, groups), norm / sqrt(max(numel, 1))
    if element < _LARGE * eps:
        always = (
            f"{name} divides by the size of the gradient, but elements of about {element:.1g} are "
            f"not large beside its eps, {eps:.1g}: there max_norm scales the step, in part"
        )
        return Answer("depends on eps", always, _averaged(name))
    return _same(name, "divides each gradient by its own size", groups)


def _linear(name: str, groups: list[dict[str, Any]], decay: bool) -> Answer:
    sometimes = f"Under {name} a clipped step is shorter, by the coefficient."
    if any(group.get("momentum") for group in groups):
        sometimes = f"Under {name} a clipped gradient moves the momentum less, by the coefficient."
    is_one = (
        f"which under {name} is normalised gradient descent: learning rate and max_norm act as one"
    )
    if not decay:
        return Answer("scales the step", is_one, sometimes)
    apart = "on the gradient's part of the step, and weight decay goes by the learning rate alone"
    return Answer("scales the gradient's part", f"{is_one} {apart}", sometimes)


def _same(name: str, does: str, groups: list[dict[str, Any]]) -> Answer:
    """Of an optimizer whose steps are the same for gradients c times as large."""
    plain_signs = name in ("Rprop", "SignSGD") and not any(g.get("momentum") for g in groups)
    left = "Nothing is left of the clipping"
    if not plain_signs:
        left = "What the rule does is to let all steps weigh alike in the averages over steps"
    always = f"{name} {does}, so the value of max_norm is inert: another would give the same steps"
    if name == "RAdam":
        always += ", but for the first five, which are not divided yet"
    nothing = f"Under {name} clipping the whole gradient changes nothing: only signs count."
    return Answer("inert", f"{always}. {left}", nothing if plain_signs else _averaged(name))


def _averaged(name: str) -> str:
    return (
        f"Under {name} a clipped gradient does not make its own step shorter by the coefficient: "
        "it weighs less than the others in the averages over steps."
    )


def _cannot_say(why: str) -> Answer:
    return Answer(
        "cannot say",
        f"what its value does to the steps cannot be said: {why}",
        f"What a clipped gradient does to its step cannot be said: {why}.",
    )


def _eps(name: str, groups: list[dict[str, Any]]) -> float:
    """The magnitude that an element must exceed by far."""
    found = groups[0].get("eps")
    first = found[0] if isinstance(found, list) else found
    eps = float(_DIVIDES[name] if first is None else first)
    return sqrt(eps) if name == "Adadelta" else eps  # which has it under the root


def _copied(value: Any) -> Any:
    """A tensor changes in place, as a schedule moves it."""
    return value.detach().clone() if isinstance(value, Tensor) else value
