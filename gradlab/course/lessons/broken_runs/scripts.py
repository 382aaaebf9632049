"""Three training scripts that work: every broken run is one of them with a line or two changed.

They are written as people write them, and are shown to the reader with the lines that were changed.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

Watch = Callable[[nn.Module, Optimizer], AbstractContextManager[Callable[[Tensor], None]]]


def plain(digits: TensorDataset, watch: Watch) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loader = DataLoader(digits, batch_size=64, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(2):
            for images, labels in loader:
                images = images - images.mean(1, keepdim=True)
                images = images / (images.std(1, keepdim=True) + 1e-6)
                optimizer.zero_grad()
                loss = F.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
                saw(loss)


def scaled(digits: TensorDataset, watch: Watch) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
    loader = DataLoader(digits, batch_size=64, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(2):
            for images, labels in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(images), labels)
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                scaler.step(optimizer)
                scaler.update()
                saw(loss)


def normed(digits: TensorDataset, watch: Watch) -> None:
    model = network(norm=True)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    decayed = {"params": matrices, "weight_decay": 5.0}
    spared = {"params": vectors, "weight_decay": 0.0}
    optimizer = torch.optim.AdamW([decayed, spared], lr=0.001)
    loader = DataLoader(digits, batch_size=64, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(2):
            for images, labels in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(images).float(), labels)
                loss.backward()
                optimizer.step()
                saw(loss)


def network(depth: int = 6, *, gain: float = 2**0.5, norm: bool = False) -> nn.Sequential:
    r"""Linear layers of 64 units from 784 pixels to 10 classes, with ReLUs between them.

    Weights are drawn with the deviation :math:`\text{gain} / \sqrt{\text{inputs}}`; biases are 0.

    Args:
        depth: linear layers, 2 or more.
        gain: sqrt(2) is He's, for ReLUs.
        norm: put a layer norm before each ReLU.
    """
    sizes = [784, *[64] * (depth - 1), 10]
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for k, (inputs, outputs) in enumerate(itertools.pairwise(sizes), 1):
        parts[f"linear{k}"] = layer = nn.Linear(inputs, outputs)
        nn.init.normal_(layer.weight, std=gain / inputs**0.5)
        nn.init.zeros_(layer.bias)
        if k < depth:
            parts |= {f"norm{k}": nn.LayerNorm(outputs)} if norm else {}
            parts[f"relu{k}"] = nn.ReLU()
    return nn.Sequential(parts)
