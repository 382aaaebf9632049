"""Every network of the course, small enough to train while you watch.

Each function returns a ``torch.nn.Sequential`` on the CPU in float32, with modules named so that a
picture by parameter name reads well (``stage2.block1.conv1.weight``). Weights are drawn from
torch's global generator: call ``torch.manual_seed`` first and the network is the same every time.
"""

from gradlab.course.models.deep import mlp
from gradlab.course.models.detectors import detector
from gradlab.course.models.pictures import alexnet, full_size, resnet, vgg
from gradlab.course.models.readers import crnn, rnn_reader, transformer_reader
from gradlab.course.models.sequences import lstm, transformer
from gradlab.course.models.sources import clipping_cnn, pruning_cnn

__all__ = [
    "alexnet",
    "clipping_cnn",
    "crnn",
    "detector",
    "full_size",
    "lstm",
    "mlp",
    "pruning_cnn",
    "resnet",
    "rnn_reader",
    "transformer",
    "transformer_reader",
    "vgg",
]
