"""The gradients of a training run, recorded by two lines, and what they answer.

``gradlab.record`` opens a ``Recorder`` around a training loop, which clips, and leaves a
``Recording``: norms of every step, histograms of some. It is plain data on the CPU, to be saved and
loaded, and asked what another rule would have done (``what_if``), which threshold it suggests
(``suggest``) and what its own rule was (``judge``).

- ``record``, ``recorder``: around the loop, and at the optimizer
- ``ranks``: one recording of a run on many ranks
- ``watched``, ``looking``, ``updates``, ``waiting``, ``precision``: on the device of the gradients
- ``journal``, ``histograms``: what has been read back
- ``recording``: the plain data, and its questions; ``counterfactual``, ``compared`` and
  ``suggestion`` answer them, and ``sampled`` says how sure that is
- ``optimizers``, ``culprits``: what a threshold is to an optimizer; which layer spends the norm
- ``storage``, ``export``: files, data frames, TensorBoard; ``logs``: norms that others logged
"""

from gradlab.recording.recorder import Recorder
from gradlab.recording.recording import Recording

__all__ = ["Recorder", "Recording"]
