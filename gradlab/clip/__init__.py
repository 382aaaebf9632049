"""Rules that limit a gradient, each saying what it did.

A rule is a small value: ``ByNorm(1.0)`` is the bound, ``ByNorm(1.0).clip_(model.parameters())``
applies it, in place on every ``.grad``, and returns a ``Clipped``. All layers are measured and
scaled together, by torch's foreach kernels.

Call it where ``optimizer.step()`` sees the result: after ``backward()``, after the last
accumulated batch, after ``scaler.unscale_(optimizer)``.

Every rule takes ``nonfinite``, which says what to do when a gradient holds an infinity or a NaN:

- ``"raise"`` (default): ``NonFiniteGradient`` names the first such parameter; nothing is changed.
- ``"skip"``: every ``.grad`` becomes ``None``, so ``optimizer.step()`` leaves weights and momentum
  alone.
- ``"allow"``: all gradients stay exactly as they are. On a CUDA device nothing is read back to the
  host, so the step is never waited for.

``torch.nn.utils.clip_grad_norm_`` does none of these: it multiplies all gradients by a coefficient
of NaN or 0, so one bad number reaches every layer.

Gradients that are shared out among ranks, as by FSDP2, are clipped as wholes: see ``sharded``. So
on such a mesh every rank has to call ``clip_``.

A rule knows itself: what it is called, which part of a gradient it bounds and by what, what it has
seen, and how it is written down. Whoever records, draws, steers or saves asks it; so a new rule is
one file here, and its tests.
"""

from gradlab.clip.adagc import AdaGC
from gradlab.clip.adaptive import Adaptive
from gradlab.clip.measured import Clipped, NonFiniteGradient
from gradlab.clip.norm import ByNorm, PerLayer
from gradlab.clip.percentile import Percentile
from gradlab.clip.rule import Rule
from gradlab.clip.skip import SkipSpikes
from gradlab.clip.value import ByValue
from gradlab.clip.zclip import ZClip

__all__ = [
    "AdaGC",
    "Adaptive",
    "ByNorm",
    "ByValue",
    "Clipped",
    "NonFiniteGradient",
    "PerLayer",
    "Percentile",
    "Rule",
    "SkipSpikes",
    "ZClip",
]
