"""The recorder as a callback of Lightning's ``Trainer``."""

from __future__ import annotations

from typing import Any

from lightning import __version__
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.utilities.model_helpers import is_overridden

from gradlab.clip import ByValue, Rule
from gradlab.frameworks.attached import Attaching, equal_to_torch, refuse_kind


class RecorderCallback(Attaching, Callback):
    """Clips and records in Lightning's ``Trainer``, as its ``gradient_clip_val`` asks for::

        callback = RecorderCallback()
        Trainer(gradient_clip_val=1.0, callbacks=[callback]).fit(module, data)
        callback.recording.judge()

    While training goes on ``trainer.gradient_clip_val`` is 0, so that Lightning does not clip too.
    It is put back at the end, and when training raises.

    Args:
        clip: the rule to clip by; None: ``ByNorm`` or ``ByValue``, as the ``Trainer`` would, or no
            clipping where ``gradient_clip_val`` is None or 0.
        every: as for ``gradlab.record``; so are ``memory`` and ``updates``.
        memory: bytes.
        updates: whether to measure also what the optimizer does to the weights.

    Raises:
        TypeError: an argument is of another type; when training begins: with DeepSpeed, XLA or
            FSDP's first version, or ``LBFGS``.
        ValueError: an argument is out of its range; when training begins: several optimizers,
            manual optimization, a ``configure_gradient_clipping`` of the module's own, an unknown
            ``gradient_clip_algorithm``, or trainable parameters that the optimizer does not update.
        RuntimeError: this version of Lightning has no ``gradient_clip_val`` to take over.
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Take over the clip, and open the recorder."""
        self._attached.stop()
        _refuse(trainer, pl_module)

        def take() -> Any:
            taken, trainer.gradient_clip_val = trainer.gradient_clip_val, 0
            return lambda: setattr(trainer, "gradient_clip_val", taken)

        scaler = getattr(trainer.precision_plugin, "scaler", None)
        (optimizer,) = trainer.optimizers
        self._attached.start(pl_module, optimizer, _equal(trainer), scaler, take)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the recorder, and give the clip back."""
        self._attached.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the recorder, and give the clip back; what was recorded stays."""
        self._attached.stop(exception)


def _equal(trainer: Any) -> Rule | None:
    """The rule that is equal to what the trainer would do."""
    algorithm = trainer.gradient_clip_algorithm
    kind = str(getattr(algorithm, "value", algorithm or "norm"))
    if kind not in ("norm", "value"):
        raise ValueError(f"gradient_clip_algorithm must be 'norm' or 'value', got {kind!r}")
    bound = trainer.gradient_clip_val
    if kind == "value" and bound:
        return ByValue(float(bound), nonfinite="allow")
    return equal_to_torch(bound)


def _refuse(trainer: Any, module: Any) -> None:
    if not hasattr(trainer, "gradient_clip_val") or not hasattr(trainer, "precision_plugin"):
        raise RuntimeError(
            "lightning must have trainer.gradient_clip_val and trainer.precision_plugin to take "
            f"over, got version {__version__}, which has not"
        )
    strategy = type(trainer.strategy).__name__
    refuse_kind("strategy", strategy)
    if strategy == "FSDPStrategy":
        raise TypeError(
            "strategy must be ModelParallelStrategy for sharded models (FSDP2), got FSDPStrategy "
            "(FSDP1), whose gradients do not say which part of which layer they are"
        )
    if not module.automatic_optimization:
        raise ValueError(
            "automatic_optimization must be True, since Lightning does not clip otherwise, got "
            "False: put gradlab.record around your own steps"
        )
    if len(trainer.optimizers) != 1:
        raise ValueError(
            f"configure_optimizers must give one optimizer, got {len(trainer.optimizers)}: put "
            "gradlab.record around your own steps, once for each"
        )
    if is_overridden("configure_gradient_clipping", module, LightningModule):
        raise ValueError(
            "configure_gradient_clipping must be Lightning's own, so that it can be taken over, "
            f"got that of {type(module).__name__}: give the rule to the callback instead, as clip="
        )
