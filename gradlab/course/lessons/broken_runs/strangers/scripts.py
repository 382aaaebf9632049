"""Four training scripts of other people, for other networks and other data; all of them work.

They are written as people write them, and are shown to the reader with the lines that were changed.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from gradlab.course import models
from gradlab.course.lessons.broken_runs.scripts import Watch


def letters(sequences: TensorDataset, watch: Watch) -> None:
    model = models.rnn_reader((1, 6, 20), 4, cell="tanh", width=32, orthogonal=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loader = DataLoader(sequences, batch_size=64, shuffle=True)
    with watch(model, optimizer) as saw:
        for inputs, answers in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), answers)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            saw(loss)


def shapes(pictures: TensorDataset, watch: Watch) -> None:
    model = models.crnn((3, 12, 16), 4, cell="gru")
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    loader = DataLoader(pictures, batch_size=32, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(2):
            for inputs, answers in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), answers)
                loss.backward()
                optimizer.step()
                saw(loss)


def warmed(pictures: TensorDataset, watch: Watch) -> None:
    model = models.transformer_reader((3, 12, 16), 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.05, total_iters=20)
    loader = DataLoader(pictures, batch_size=32, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(1):
            for inputs, answers in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), answers)
                loss.backward()
                optimizer.step()
                warm_up.step()
                saw(loss)


def faces(photographs: TensorDataset, watch: Watch) -> None:
    model = models.pruning_cnn(8, channels=1, size=25, classes=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
    loader = DataLoader(photographs, batch_size=16, shuffle=True)
    with watch(model, optimizer) as saw:
        for _ in range(12):
            for inputs, answers in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), answers)
                loss.backward()
                optimizer.step()
                saw(loss)
