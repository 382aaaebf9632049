"""Two lines around a training loop: which one, and how it is to be clipped."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import LBFGS, Optimizer

from gradlab.arguments import instance_of, whole
from gradlab.clip import Rule
from gradlab.recording.journal import Journal
from gradlab.recording.ranks import is_sharded, refuse_flat
from gradlab.recording.recorder import Recorder

MEMORY = 128 * 2**20
"""Bytes that the histograms of a recording may take: 128 MiB."""


def record(
    model: nn.Module,
    optimizer: Optimizer | None = None,
    *,
    clip: Rule | None = None,
    every: int = 16,
    memory: int = MEMORY,
    scaler: torch.amp.GradScaler | None = None,
    updates: bool = False,
    exact: bool = False,
) -> Recorder:
    """A context manager that clips and records the gradients at each ``optimizer.step()``.

    Args:
        model: its parameters that ``optimizer`` updates are the layers. Parameter groups may be
            added later; frozen and shared parameters, sparse and missing gradients are understood.
        optimizer: any but ``LBFGS``. For several, open several recorders; of one that wraps
            another, as SAM does, give the one inside. None: the loop calls ``recorder.clip_()``
            where it would have clipped, as one without an optimizer has to, and the closure of
            ``LBFGS``.
        clip: how to clip before each step, in place of your own call; None: measure only.
        every: steps from one set of histograms to the next.
        memory: bytes that the histograms may take. When they would take more, every second one is
            dropped and ``every`` doubles. Norms come on top: 8 bytes for each layer and step.
        scaler: the gradient scaler of mixed precision, if you use one, to count the steps that it
            skips.
        updates: at the steps with histograms, measure also what the optimizer did to the weights.
            Each such step copies the weights for a moment, so that needs their memory once more.
        exact: count every element of a gradient for the histograms. Else a layer of 16,384 elements
            or more is counted from a sample of 8,192, whose shares and quantiles are as sure as
            ``LogHistogram.fraction_interval`` says; norms and largest elements are exact in any
            case.

    Returns:
        A ``Recorder``; ``.recording`` is what was recorded, at any time.

    Raises:
        TypeError: an argument is of another type, or ``optimizer`` is an ``LBFGS``: it computes
            several gradients for one step; or it is a wrapper that torch's hooks do not reach; or
            ``model`` is sharded by FSDP's first version.
        ValueError: ``every`` or ``memory`` is below 1, there is no parameter of ``model`` to
            update, ``scaler`` or ``updates`` is given without an optimizer, or ``scaler`` with
            sharded parameters; on entering, another recorder has one of the same steps to clip, or
            another rank gave other arguments.
        RuntimeError: on entering, another rank opens no recorder within five minutes.
        NonFiniteGradient: in the loop, from a rule that raises. What was recorded stays.

    Note:
        Do not clip yourself inside: you would clip twice, and the recorder would measure what your
        clipping left. Gradient accumulation, ``scaler.unscale_`` and ``optimizer.step(closure)``
        need nothing; the recorder sees what the optimizer is about to use. In a process group every
        rank opens a recorder, with the same arguments, and each then has the whole recording. Under
        FSDP2 and tensor parallelism the steps with histograms wait for the device, since the ranks
        give each other their counts.

    >>> from gradlab import clip
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with record(model, optimizer, clip=clip.ByNorm(1.0)) as recorder:
    ...     for _ in range(3):
    ...         optimizer.zero_grad()
    ...         (10 * model(torch.ones(4, 2))).sum().backward()
    ...         optimizer.step()
    >>> recorder.recording.fired
    array([ True,  True,  True])
    """
    instance_of("model", model, nn.Module)
    if hasattr(optimizer, "step") and not _takes_hooks(optimizer):
        raise TypeError(
            f"optimizer must be an Optimizer of torch, got {type(optimizer).__name__}: give the "
            "one that it wraps; or none, and call recorder.clip_() before each of its steps"
        )
    instance_of("optimizer", optimizer, Optimizer | None)
    instance_of("clip", clip, Rule | None)
    instance_of("scaler", scaler, torch.amp.GradScaler | None)
    instance_of("updates", updates, bool)
    instance_of("exact", exact, bool)
    if isinstance(optimizer, LBFGS):
        raise TypeError(
            "optimizer must compute one gradient for each step, got LBFGS: give none, and call "
            "recorder.clip_() in its closure, after backward()"
        )
    if optimizer is None and scaler is not None:
        raise ValueError("scaler must be None without an optimizer, whose steps it skips, got one")
    if optimizer is None and updates:
        raise ValueError("updates must be False without an optimizer, which makes them, got True")
    refuse_flat(model)
    if scaler is not None and is_sharded(dict(model.named_parameters())):
        raise ValueError(
            "scaler must be None where parameters are sharded: each rank would skip steps by its "
            "own part of the gradient; train in bfloat16, which needs none"
        )
    journal = Journal(whole("every", every), whole("memory", memory))
    return Recorder(model, optimizer, clip, journal, scaler, updates, exact)


def _takes_hooks(optimizer: Any) -> bool:
    """Whether its steps can be watched.

    A wrapper may be an ``Optimizer`` by class and not be set up as one, as Accelerate's.
    """
    try:
        optimizer.register_step_pre_hook(lambda *_: None).remove()
    except AttributeError:
        return False
    return True
