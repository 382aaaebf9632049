"""The recorder as a callback of Hugging Face's ``Trainer``."""

from __future__ import annotations

from math import inf
from types import TracebackType
from typing import Any, Self

from torch.optim import Optimizer
from transformers import TrainerCallback, __version__

from gradlab.frameworks.attached import Attaching, equal_to_torch, refuse_kind


class RecorderCallback(Attaching, TrainerCallback):
    """Clips and records in a ``Trainer``, by the rule that its ``max_grad_norm`` stands for::

        callback = RecorderCallback()
        Trainer(model, args, train_dataset=data, callbacks=[callback]).train()
        callback.recording.judge()

    While training goes on ``args.max_grad_norm`` is infinity, so that the ``Trainer`` measures and
    logs the norm, and does not clip too. It tells its callbacks nothing when training raises: where
    that may happen, use ``with callback:`` around ``train()``, which puts all back.

    Args:
        clip: the rule to clip by; None: ``ByNorm(args.max_grad_norm, nonfinite="allow")``, or no
            clipping where that is 0.
        every: as for ``gradlab.record``; so are ``memory`` and ``updates``.
        memory: bytes.
        updates: whether to measure also what the optimizer does to the weights.

    Raises:
        TypeError: an argument is of another type; when training begins: with DeepSpeed, XLA, or an
            optimizer that updates in the backward pass.
        ValueError: an argument is out of its range; when training begins: there are trainable
            parameters that the optimizer does not update.
        RuntimeError: this version of transformers does not show its optimizer to callbacks.

    Note:
        Where a gradient is not finite, the look of ``Trainer`` at the norm makes all of it NaN
        before it is recorded, so which layer it began in is not known. A checkpoint that is saved
        meanwhile holds ``max_grad_norm=inf`` in its ``training_args.bin``.
    """

    def on_train_begin(
        self,
        args: Any,
        state: Any,
        control: Any,
        model: Any = None,
        optimizer: Any = None,
        **others: Any,
    ) -> None:
        """Take over the clip, and open the recorder."""
        self._attached.stop()  # where a training before this one has raised
        if getattr(args, "deepspeed", None):
            refuse_kind("args", "deepspeed")
        refuse_kind("optimizer", type(optimizer).__name__)
        refuse_kind("distributed_type", _distributed_type(optimizer))
        inner = getattr(optimizer, "optimizer", optimizer)
        scaler = getattr(optimizer, "scaler", None)
        if not isinstance(inner, Optimizer) or not hasattr(args, "max_grad_norm"):
            raise RuntimeError(
                "transformers must show callbacks a torch optimizer and args.max_grad_norm when "
                f"training begins, got {type(inner).__name__} from version {__version__}"
            )

        def take() -> Any:
            taken = args.max_grad_norm
            args.max_grad_norm = inf if taken else taken
            return lambda: setattr(args, "max_grad_norm", taken)

        equal = equal_to_torch(args.max_grad_norm)
        self._attached.start(model, inner, equal, scaler, take)

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Close the recorder, and give the clip back."""
        self._attached.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._attached.stop(error)


def _distributed_type(optimizer: Any) -> object:
    return getattr(getattr(optimizer, "accelerator_state", None), "distributed_type", "")
