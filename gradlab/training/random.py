"""A run's own random numbers: torch draws them in the run's thread and leaves the process's alone.

torch has one generator for the whole process, and the operations that draw from it inside other
operations, such as the dropout of ``nn.LSTM``, take no other. But torch finds the kernel of an
operation by keys, and each thread has its own set of them. Here the operations that draw get a
kernel under a key that is in no set but that of a thread while it takes a step; it hands the run's
generator on. All other operations pass it by, at no cost.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from math import inf
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch._guards import TracingContext
from torch._ops import OpOverload

KEY = "TESTING_ONLY_GenericMode"  # above autograd, and no library of torch's own has kernels there
_FOR_EVER: list[object] = []  # as a thread ends, torch 2.7 drops a reference that it never took


class Random:
    """A run's own random numbers: what others draw does not change them, nor they what others draw.

    They begin where the generators of the process are now, which stay there. On a CPU they are bit
    for bit those that the process's generator would have given.

    Args:
        model: on the CPU or on CUDA devices.

    Note:
        Python's and numpy's generators are not torch's. ``torch.manual_seed`` sets that of the
        process, as ever; so does ``torch.utils.checkpoint``, unless ``preserve_rng_state=False``.
        A checkpoint that draws is refused: it would draw others when it computes again. On CUDA,
        dropout is drawn apart from its fused kernel, and attention with dropout takes torch's
        plain form, so their numbers are not those of a plain loop. cuDNN's dropout between the
        layers of an RNN takes no generator and is refused. Threads that the batches start, and
        extensions with kernels of their own, draw from the generator of the process.
    """

    def __init__(self, model: nn.Module) -> None:
        _kernels()
        self._process = os.getpid()
        devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
        self._generators = {torch.device("cpu"): Generator().set_state(torch.get_rng_state())}
        for device in sorted(devices, key=str):
            state = torch.cuda.get_rng_state(device)
            self._generators[device] = Generator(device).set_state(state)

    @property
    def state(self) -> tuple[Tensor, ...]:
        """Of the generators, the CPU's first."""
        return tuple(generator.get_state() for generator in self._generators.values())

    @state.setter
    def state(self, state: tuple[Tensor, ...]) -> None:
        for generator, its in zip(self._generators.values(), state, strict=True):
            generator.set_state(its)

    @contextmanager
    def own(self) -> Iterator[None]:
        """Inside, torch draws the run's numbers in this thread; an error uses none up."""
        before, drawing = self.state, _drawing()
        outer, drawing[0] = drawing[0], self
        try:
            with torch._C._IncludeDispatchKeyGuard(_kernels().key):
                yield
        except BaseException:
            self.state = before
            raise
        finally:
            drawing[0] = outer

    def on(self, device: torch.device) -> Generator | None:
        """The generator there; None: the process's, as in a forked worker, which seeds its own."""
        return self._generators.get(device) if os.getpid() == self._process else None


def _drawing() -> list[Random | None]:
    """Holds who draws in this thread, and in those to which torch hands a backward pass of it."""
    if not torch._C._is_key_in_tls(__name__):
        holder: list[Random | None] = [None]
        _FOR_EVER.extend((holder, holder))
        torch._C._stash_obj_in_tls(__name__, holder)
    found: list[Random | None] = torch._C._get_obj_in_tls(__name__)
    return found


def _draw(op: OpOverload, place: int, *args: Any, **kwargs: Any) -> Any:
    """``op``, from the run's generator where the caller has named none."""
    generator = args[place] if len(args) > place else kwargs.get("generator")
    run = _drawing()[0]
    if generator is None and run and not TracingContext.try_get():  # compiled code draws when run
        _refuse_checkpoints()
        device = next(a.device for a in (*args, *kwargs.values()) if isinstance(a, Tensor))
        generator = run.on(device)
    with torch._C._ExcludeDispatchKeyGuard(_kernels().key_set):
        return op(*args[:place], **kwargs | {"generator": generator})


def _native_dropout(x: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """As the CPU's kernel: that of CUDA draws inside."""
    if train is False:
        return x.clone(), torch.ones_like(x, dtype=torch.bool)
    mask = torch.empty_like(x, dtype=torch.bool).bernoulli_(1 - p)
    return x * mask * (0.0 if p == 1 else 1 / (1 - p)), mask


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Tensor:
    """Where it drops, in the form whose dropout is an operation of its own, as on a CPU."""
    if dropout_p > 0 and attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.where(attn_mask, 0.0, -inf).to(query.dtype)
    args = query, key, value, attn_mask, dropout_p, is_causal
    if dropout_p > 0:
        return torch._scaled_dot_product_attention_math(*args, **options)[0]
    with torch._C._ExcludeDispatchKeyGuard(_kernels().key_set):
        return nn.functional.scaled_dot_product_attention(*args, **options)


def _cudnn_rnn(*args: Any) -> Any:
    dropout, train = args[11:13]
    if dropout > 0 and train:
        raise NotImplementedError(
            f"dropout of an RNN must be 0 on CUDA in a steered run, got {dropout}: cuDNN draws it "
            "from a state of the process; put nn.Dropout between RNNs of one layer"
        )
    with torch._C._ExcludeDispatchKeyGuard(_kernels().key_set):
        return torch.ops.aten._cudnn_rnn.default(*args)


def _refuse_checkpoints() -> None:
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_globals.get("__name__") == "torch.utils.checkpoint":
            raise NotImplementedError(
                "a steered run must draw no random numbers inside torch.utils.checkpoint, which "
                "would draw others when it computes again; leave dropout outside of it"
            )


def _register(library: torch.library.Library) -> None:
    names = """bernoulli bernoulli_ binomial cauchy_ exponential_ geometric_ log_normal_ multinomial
    normal normal_ poisson random_ randperm rrelu_with_noise rrelu_with_noise_ uniform_
    _fused_dropout _sample_dirichlet _standard_gamma"""
    for packet in (getattr(torch.ops.aten, name) for name in names.split()):
        for op in (getattr(packet, overload) for overload in packet.overloads()):
            arguments = {argument.name: str(argument.type) for argument in op._schema.arguments}
            if "generator" in arguments and "Tensor" in arguments.values():
                library.impl(op, partial(_draw, op, list(arguments).index("generator")))
    others: dict[str, Callable[..., Any]] = {
        "native_dropout": _native_dropout,
        "scaled_dot_product_attention": _attention,
        "_cudnn_rnn": _cudnn_rnn,
    }
    for name, kernel in others.items():
        library.impl(name, kernel)


class _Kernels(NamedTuple):
    """The key, and the libraries that hold what stands under it, for as long as they are held."""

    key: Any
    key_set: Any
    libraries: tuple[torch.library.Library, torch.library.Library]


@cache
def _kernels() -> _Kernels:
    """Registered when the first run is made: whoever only imports this room changes nothing."""
    key = torch._C._dispatch_key_parse(KEY)
    pass_by, kernels = (torch.library.Library(name, "IMPL", KEY) for name in ("_", "aten"))
    pass_by.fallback(torch.library.fallthrough_kernel)
    _register(kernels)
    return _Kernels(key, torch._C.DispatchKeySet(key), (pass_by, kernels))
