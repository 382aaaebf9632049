"""The recorder in other people's training loops: one module for each framework.

- ``transformers``: ``RecorderCallback``, for Hugging Face's ``Trainer``
- ``lightning``: ``RecorderCallback``, for Lightning's
- ``accelerate``: ``record``, around a loop with Hugging Face's ``Accelerator``

Each takes over the framework's own clip: it reads what that was set to, clips by the equal rule
where the optimizer is about to step, and keeps the framework from doing it again. Or it clips by a
rule that you give. The weights come out bit for bit as without it. Each module needs its framework,
which comes with the extra of its name, and none is imported before you do so.

- ``attached``: what they share
"""
