"""Run by torchrun on each of several ranks: the same training, shared out and in one process.

Prints, from rank 0, one line of JSON for each case: the largest difference of each recorded number,
relative to the largest of its kind, and what else the tests ask for.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

import gradlab
from gradlab import clip, report

STEPS = 5
RULES = {
    "none": lambda: None,
    "ByNorm": lambda: clip.ByNorm(0.5),
    "ByNorm, p = 1": lambda: clip.ByNorm(2.0, norm_type=1.0),
    "ByNorm, p = inf": lambda: clip.ByNorm(0.1, norm_type=float("inf")),
    "PerLayer": lambda: clip.PerLayer(0.2),
    "ByValue": lambda: clip.ByValue(0.05),
    "Adaptive": lambda: clip.Adaptive(0.05),
    "Percentile": lambda: clip.Percentile(40.0),
    "ZClip": lambda: clip.ZClip(0.5, warmup_steps=2),
    "AdaGC": lambda: clip.AdaGC(warmup_steps=3, lambda_abs=0.5),
    "SkipSpikes": lambda: clip.SkipSpikes(1.0, window=20),
}
NUMBERS = (
    "total_norm",
    "coefficient",
    "layer_norms",
    "weight_norms",
    "norms_after",
    "update_norms",
    "moment_ratios",
)


class Net(nn.Module):
    """Seven units and three: neither is shared out evenly, and of four ranks one gets no output."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 3)

    def forward(self, x):
        return self.last(self.norm(torch.tanh(self.first(x))))


class Even(nn.Module):
    """For tensor parallelism: a norm between two layers that are shared out by columns and rows."""

    def __init__(self):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, x):
        return self.down(torch.tanh(self.up(self.norm(x))))


def made(kind):
    torch.manual_seed(0)
    return kind().double() if kind is Net else kind()


def ddp(model, _):
    return nn.parallel.DistributedDataParallel(model)


def fsdp(model, world):
    mesh = init_device_mesh("cpu", (world,), mesh_dim_names=("dp",))
    for layer in model.children():
        fully_shard(layer, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def tensor_parallel(model, mesh):
    plan = {
        "norm": SequenceParallel(),
        "up": ColwiseParallel(input_layouts=_rows_of_sequence()),
        "down": RowwiseParallel(output_layouts=_rows_of_sequence()),
    }
    return parallelize_module(model, mesh, plan)


def _rows_of_sequence():
    from torch.distributed.tensor import Shard

    return Shard(1)


def tp(model, world):
    return tensor_parallel(model, init_device_mesh("cpu", (world,), mesh_dim_names=("tp",)))


def both(model, world):
    mesh = init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("dp", "tp"))
    return fully_shard(tensor_parallel(model, mesh["tp"]), mesh=mesh["dp"])


SETUPS = {"ddp": (ddp, Net), "fsdp": (fsdp, Net), "tp": (tp, Even), "both": (both, Even)}


def batches(kind, setup, rank, world):
    """The same global batch at each step, and the part of this rank."""
    torch.manual_seed(1)
    for step in range(STEPS):
        if kind is Net:
            x, y = torch.randn(8, 5).double(), torch.randn(8, 3).double()
            data = world
            mine = slice(rank * 8 // world, (rank + 1) * 8 // world)
        else:
            x, y = torch.randn(4, 4, 8), torch.randn(4, 4, 8)
            data = {"tp": 1, "both": 2}.get(setup, 1)
            place = rank // (world // data)
            mine = slice(place * 4 // data, (place + 1) * 4 // data)
        scale = (1, 20, 1, 3, 1)[step]
        yield (x, y * scale), (x[mine], y[mine] * scale)


def trained(model, rule, parts, cut=None, **how):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    recorder = gradlab.record(model, optimizer, clip=rule, every=2, updates=True, **how)
    with recorder:
        for x, y in parts:
            optimizer.zero_grad()
            inputs = x if cut is None else cut(x)
            target = y if cut is None else cut(y)
            loss = (model(inputs) - target).square().mean()
            loss.backward()
            optimizer.step()
    return recorder.recording


def full(weight):
    return weight.full_tensor() if isinstance(weight, DTensor) else weight.detach()


def difference(one, other):
    if one.shape != other.shape:
        return 1e9
    if not one.size:
        return 0.0
    scale = np.nanmax(np.abs(other))
    gap = np.abs(one - other)
    gap[np.isnan(one) & np.isnan(other)] = 0
    return float(np.max(gap) / scale) if scale else float(np.max(gap))


def compared(setup, name, rank, world):
    share, kind = SETUPS[setup]
    alone, shared = made(kind), share(made(kind), world)
    data = list(batches(kind, setup, rank, world))
    expected = trained(alone, RULES[name](), [whole for whole, _ in data])
    cut = None
    if kind is Even:
        ranks = world if setup == "tp" else world // 2
        at = rank % ranks
        cut = lambda x: x.chunk(ranks, dim=1)[at]  # noqa: E731 - a part of the sequence
    got = trained(shared, RULES[name](), [part for _, part in data], cut, **{})
    found = {field: difference(getattr(got, field), getattr(expected, field)) for field in NUMBERS}
    weights = zip(shared.parameters(), alone.parameters(), strict=True)
    found["weights"] = max(
        float((full(a) - b).abs().max() / b.abs().max().clamp(min=1e-3)) for a, b in weights
    )
    counts = all(
        list(got.histograms[step]) == list(expected.histograms[step])
        and all(
            h.numel == expected.histograms[step][layer].numel
            and abs(h.norm() - expected.histograms[step][layer].norm()) < 0.02 * h.norm() + 1e-9
            for layer, h in got.histograms[step].items()
        )
        for step in expected.histogram_steps.tolist()
    ) and got.histogram_steps.tolist() == expected.histogram_steps.tolist()
    return {
        "case": f"{setup}, {name}",
        "differences": found,
        "fired": got.fired.tolist() == expected.fired.tolist(),
        "any fired": bool(expected.fired.any()),
        "counts": counts,
        "layers": list(got.layers) == list(expected.layers),
    }


def say(rank, line):
    if rank == 0:
        print(json.dumps(line), flush=True)


def compare(rank, world, *setups):
    for setup in setups:
        for name in RULES:
            say(rank, compared(setup, name, rank, world))


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    what, *arguments = sys.argv[1:]
    globals()[what](dist.get_rank(), dist.get_world_size(), *arguments)
    dist.barrier()
    dist.destroy_process_group()
