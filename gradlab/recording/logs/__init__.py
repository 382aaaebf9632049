"""Norms that another tool logged while a model trained, and what can be answered from them.

``gradlab.read_log(path)`` reads a Trainer's ``trainer_state.json``, TensorBoard's event files, and
CSV files such as wandb's and trackio's exports.

- ``log``: the norms as plain data, and its questions
- ``reading``: which file it is, and which of its columns
- ``files``: the three formats
"""

from gradlab.recording.logs.log import Log

__all__ = ["Log"]
