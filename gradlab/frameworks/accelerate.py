"""The recorder around a loop with Hugging Face's ``Accelerator``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from accelerate import Accelerator, __version__
from torch import Tensor, nn

import gradlab.recording.record as recorders
from gradlab.clip import ByNorm, ByValue, Rule
from gradlab.frameworks.attached import refuse_kind
from gradlab.recording import Recorder

_TAKEN = ("clip_grad_norm_", "clip_grad_value_")


@contextmanager
def record(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: Any,
    *,
    clip: Rule | None = None,
    every: int = 16,
    memory: int = recorders.MEMORY,
    updates: bool = False,
) -> Iterator[Recorder]:
    """A context manager that takes over ``accelerator.clip_grad_norm_`` and records::

        with record(accelerator, model, optimizer) as recorder:
            for batch in loader:
                accelerator.backward(loss(model, batch))
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)  # stays
                optimizer.step()
                optimizer.zero_grad()

    Inside, the accelerator's ``clip_grad_norm_`` and ``clip_grad_value_`` only say how to clip; the
    first returns the norm, as before. The gradients are clipped where the optimizer is about to
    step, once, at each of its steps.

    Args:
        accelerator: as the loop uses it.
        model: as ``accelerator.prepare`` returned it.
        optimizer: likewise.
        clip: the rule to clip by, whatever the loop asks for; None: what the loop asks for.
        every: as for ``gradlab.record``; so are ``memory`` and ``updates``.
        memory: bytes.
        updates: whether to measure also what the optimizer does to the weights.

    Yields:
        A ``Recorder``; ``.recording`` is what was recorded, at any time.

    Raises:
        TypeError: an argument is of another type; with DeepSpeed, XLA, Megatron, or ``LBFGS``.
        ValueError: an argument is out of its range, another recorder has taken this accelerator; in
            the loop: it asks for another bound than before, or for some of the parameters only.
        RuntimeError: this version of accelerate has no ``clip_grad_norm_`` to take over.
    """
    if not isinstance(accelerator, Accelerator):
        raise TypeError(f"accelerator must be an Accelerator, got {type(accelerator).__name__}")
    if not all(hasattr(accelerator, name) for name in (*_TAKEN, "unscale_gradients")):
        raise RuntimeError(
            "accelerate must have clip_grad_norm_, clip_grad_value_ and unscale_gradients to take "
            f"over, got version {__version__}, which has not"
        )
    refuse_kind("distributed_type", accelerator.distributed_type)
    if any(name in vars(accelerator) for name in _TAKEN):
        raise ValueError("accelerator must be taken by one recorder at a time, got one that is")
    inner = getattr(optimizer, "optimizer", optimizer)
    scaler = getattr(optimizer, "scaler", None)
    how: dict[str, Any] = {"every": every, "memory": memory, "updates": updates}
    with recorders.record(model, inner, clip=clip, scaler=scaler, **how) as recorder:
        mine = {id(p) for group in inner.param_groups for p in group["params"]}
        norm, value = accelerator.clip_grad_norm_, accelerator.clip_grad_value_

        def clip_grad_norm_(
            parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2
        ) -> Any:
            each = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            if not _is_asked(each, mine):
                return norm(each, max_norm, norm_type)
            if clip is None:
                recorder.use(ByNorm(float(max_norm), float(norm_type), nonfinite="allow"))
            accelerator.unscale_gradients()
            measure = ByNorm(float("inf"), float(norm_type), nonfinite="allow")
            return measure.clip_(each).total_norm

        def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
            each = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            if not _is_asked(each, mine):
                value(each, clip_value)
            elif clip is None:
                recorder.use(ByValue(float(clip_value), nonfinite="allow"))

        accelerator.clip_grad_norm_ = clip_grad_norm_
        accelerator.clip_grad_value_ = clip_grad_value_
        try:
            yield recorder
        finally:
            for name in _TAKEN:
                delattr(accelerator, name)


def _is_asked(parameters: list[Tensor], mine: set[int]) -> bool:
    """Whether all of the recorder's gradients are to be clipped; False: others are.

    Raises:
        ValueError: some of them, or some of others with them.
    """
    asked = {id(p) for p in parameters if p.grad is not None}
    if asked and not asked & mine:
        return False
    if asked - mine or mine - set(map(id, parameters)):
        raise ValueError(
            "parameters must be all that the recorded optimizer updates, since they are clipped "
            "together at its step, got others"
        )
    return True
