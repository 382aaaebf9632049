"""Three training scripts that work: every broken run is one of them with a line or two changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 3
Watch = Callable[[nn.Module, Optimizer], AbstractContextManager[Callable[[Tensor], None]]]


def plain(digits: TensorDataset, watch: Watch) -> None:
    model = network(gain=2**0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loader = DataLoader(digits, batch_size=64, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(EPOCHS):
            for images, labels in loader:
                pixels = images.flatten(1)
                pixels = pixels - pixels.mean(1, keepdim=True)
                pixels = pixels / (pixels.std(1, keepdim=True) + 1e-6)
                optimizer.zero_grad()
                loss = F.cross_entropy(model(pixels), labels)
                loss.backward()
                optimizer.step()
                saw(loss)


def scaled(digits: TensorDataset, watch: Watch) -> None:
    model = network(gain=2**0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
    loader = DataLoader(digits, batch_size=64, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(EPOCHS):
            for images, labels in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(images.flatten(1)), labels)
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                scaler.step(optimizer)
                scaler.update()
                saw(loss)


def normed(digits: TensorDataset, watch: Watch) -> None:
    model = network(norm=True)
    vectors = [p for p in model.parameters() if p.ndim == 1]
    matrices = [p for p in model.parameters() if p.ndim == 2]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.001, weight_decay=10.0)
    loader = DataLoader(digits, batch_size=64, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(EPOCHS):
            for images, labels in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(images.flatten(1)), labels)
                loss.backward()
                optimizer.step()
                saw(loss)


def network(depth: int = 6, *, gain: float = 2**0.5, norm: bool = False) -> nn.Sequential:
    """Linear layers with ReLUs between them; ``norm`` puts a layer norm before each ReLU."""
    sizes = [784, *[64] * (depth - 1), 10]
    parts: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layer = nn.Linear(inputs, outputs)
        nn.init.normal_(layer.weight, std=gain / inputs**0.5)
        nn.init.zeros_(layer.bias)
        parts += [layer, *([nn.LayerNorm(outputs)] if norm else []), nn.ReLU()]
    return nn.Sequential(*(parts[:-2] if norm else parts[:-1]))
