"""The same training shared out among ranks and in one process: `torchrun ranks.py WHAT ...`.

Prints, from rank 0, one line of JSON for each case: the largest difference of each recorded number,
relative to the largest of its kind, and what else the tests ask for. `ranks.py N WHAT ...` forks N
ranks by itself, which imports torch once.
"""

import json
import multiprocessing
import os
import socket
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor import DTensor, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

import gradlab
from gradlab import clip

RULES = {
    "none": lambda: None,
    "ByNorm": lambda: clip.ByNorm(0.5),
    "ByNorm by maximum": lambda: clip.ByNorm(0.1, norm_type=float("inf")),
    "PerLayer": lambda: clip.PerLayer(0.2, norm_type=1.0),
    "ByValue": lambda: clip.ByValue(0.05),
    "Adaptive": lambda: clip.Adaptive(0.05),
    "Percentile": lambda: clip.Percentile(40.0),
    "ZClip": lambda: clip.ZClip(0.5, warmup_steps=2),
    "AdaGC": lambda: clip.AdaGC(warmup_steps=3, lambda_abs=0.5),
    "SkipSpikes": lambda: clip.SkipSpikes(3.0, window=20),
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
    return kind().double()


def ddp(model, _):
    return nn.parallel.DistributedDataParallel(model)


def fsdp(model, world):
    mesh = init_device_mesh("cpu", (world,), mesh_dim_names=("dp",))
    for layer in model.children():
        fully_shard(layer, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def tp(model, world):
    return _parallel(model, init_device_mesh("cpu", (world,), mesh_dim_names=("tp",)))


def both(model, world):
    mesh = init_device_mesh("cpu", (2, world // 2), mesh_dim_names=("dp", "tp"))
    return fully_shard(_parallel(model, mesh["tp"]), mesh=mesh["dp"])


def _parallel(model, mesh):
    plan = {
        "norm": SequenceParallel(),
        "up": ColwiseParallel(input_layouts=Shard(1)),
        "down": RowwiseParallel(output_layouts=Shard(1)),
    }
    return parallelize_module(model, mesh, plan)


SETUPS = {"ddp": (ddp, Net), "fsdp": (fsdp, Net), "tp": (tp, Even), "both": (both, Even)}


def parts_of(setup, rank, world):
    """How many parts the batch is cut into, and this rank's; likewise the sequence."""
    ranks = {"tp": world, "both": world // 2}.get(setup, 1)
    return (world // ranks, rank // ranks), (ranks, rank % ranks)


def batches(setup, steps):
    """The same global batches on every rank; the last but one has a large loss."""
    torch.manual_seed(1)
    shape = (8, 5) if SETUPS[setup][1] is Net else (4, 4, 8)
    for step in range(steps):
        x, y = torch.randn(shape).double(), torch.randn(*shape[:-1], 3 if len(shape) == 2 else 8)
        yield x, y.double() * (20 if step == steps - 2 else 1)


def trained(model, rule, data, cut=lambda x: x, ranks=1):
    """The recording of a short training; `cut` takes a rank's part of inputs and targets."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    with gradlab.record(model, optimizer, clip=rule, every=2, updates=True) as recorder:
        for x, y in data:
            optimizer.zero_grad()
            loss = (model(cut(x)) - cut(y)).square().mean() / ranks
            loss.backward()
            optimizer.step()
    return recorder.recording


def full(weight):
    return (weight.full_tensor() if isinstance(weight, DTensor) else weight).detach().numpy()


def difference(one, other):
    """The largest difference, relative to the largest number; NaN must stand beside NaN."""
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    scale = np.nanmax(np.abs(other), initial=1e-9)
    return float(np.nanmax(np.abs(one - other), initial=0.0) / scale)


def same_counts(one, other):
    """Whether they counted the same elements; rounding may move one into the next bin."""
    return list(one.histograms) == list(other.histograms) and all(
        list(layers) == list(other.histograms[step])
        and all(
            (h.numel, h.zeros) == (alone.numel, alone.zeros)
            and np.isclose(h.norm(), alone.norm(), rtol=1e-3)
            for h, alone in zip(layers.values(), other.histograms[step].values(), strict=True)
        )
        for step, layers in one.histograms.items()
    )


def compared(setup, name, rank, world):
    share, kind = SETUPS[setup]
    alone, shared = made(kind), share(made(kind), world)
    data = list(batches(setup, 24 if name == "SkipSpikes" else 5))
    (rows, row), (lengths, length) = parts_of(setup, rank, world)

    def cut(x):
        mine = x.chunk(rows)[row]
        return mine if lengths == 1 else mine.chunk(lengths, dim=1)[length]

    expected = trained(alone, RULES[name](), data)
    got = trained(shared, RULES[name](), data, cut, lengths)
    weights = zip(shared.parameters(), alone.parameters(), strict=True)
    return {
        "case": f"{setup}, {name}",
        "differences": {
            field: difference(getattr(got, field), getattr(expected, field)) for field in NUMBERS
        }
        | {"weights": max(difference(full(a), full(b)) for a, b in weights)},
        "fired": got.fired.tolist() == expected.fired.tolist(),
        "may fire": name != "none",
        "any fired": bool(expected.fired.any()),
        "counts": same_counts(got, expected),
        "layers": (got.layers, got.sizes.tolist()) == (expected.layers, expected.sizes.tolist()),
    }


def say(rank, line):
    if rank == 0:
        print(json.dumps(line), flush=True)


FEW = ("none", "ByNorm", "ByNorm by maximum", "ByValue", "Adaptive")


def compare(rank, world, *setups, rules=FEW):
    for setup in setups:
        for name in rules:
            say(rank, compared(setup, name, rank, world))


def everything(rank, world, folder):
    compare(rank, world, "fsdp", rules=RULES)
    compare(rank, world, "ddp", "tp")
    refuse(rank, world, folder)


def refuse(rank, world, folder):
    """What is refused, and is so on every rank; and who writes."""
    from gradlab import report

    said = {}
    model = fsdp(made(Net), world)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for name, how in {
        "clip": {"clip": clip.ByNorm(1.0 + rank)},
        "every": {"every": 1 + rank},
        "scaler": {"scaler": torch.amp.GradScaler("cpu")},
    }.items():
        said[name] = complaint(lambda how=how: gradlab.record(model, optimizer, **how).__enter__())
    other = nn.Linear(2, 1 + rank)
    said["layers"] = complaint(
        lambda: gradlab.record(other, torch.optim.SGD(other.parameters())).__enter__()
    )
    flat = FullyShardedDataParallel(made(Net), device_id=torch.device("cpu"))
    said["flat"] = complaint(lambda: gradlab.record(flat, torch.optim.SGD(flat.parameters())))
    with gradlab.record(model, optimizer, clip=clip.ByNorm(1.0), every=1) as recorder:
        for bad in (False, True):
            optimizer.zero_grad()
            model(torch.ones(2, 5).double() * (float("nan") if bad else 1)).sum().backward()
            if bad and rank == 0:  # one number, on one rank
                for weight in model.parameters():
                    weight.grad.to_local().zero_()
                model.last.bias.grad.to_local()[0] = torch.nan
            elif bad:
                for weight in model.parameters():
                    weight.grad.to_local().zero_()
            said["nan" if bad else "step"] = complaint(optimizer.step)
    mine = Path(folder) / f"rank-{rank}"
    recorder.recording.save(mine)
    report.save(recorder.recording, Path(folder) / f"rank-{rank}.png")
    every = [None] * world
    dist.all_gather_object(every, said)
    say(rank, {"said": every, "steps": len(recorder.recording)})


def complaint(act):
    try:
        act()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def die(rank, world, folder):
    """The last rank goes at the fourth step; the others save what they have."""
    model = fsdp(made(Net), world)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = gradlab.record(model, optimizer, clip=clip.ByNorm(1.0), every=1)
    try:
        with recorder:
            for step in range(100):
                if step == 3 and rank == world - 1:
                    os._exit(1)
                optimizer.zero_grad()
                model(torch.ones(2, 5).double()).sum().backward()
                optimizer.step()
    finally:
        recorder.recording.save(folder)


def run(what, *arguments):
    dist.init_process_group("gloo")
    globals()[what](dist.get_rank(), dist.get_world_size(), *arguments)
    dist.barrier()
    dist.destroy_process_group()


def forked(ranks, *arguments, target=run):
    """Whether every rank ended well."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free.getsockname()[1])}
    os.environ["WORLD_SIZE"] = str(ranks)
    children = []
    for rank in range(ranks):
        os.environ["RANK"] = str(rank)
        fork = multiprocessing.get_context("fork").Process(target=target, args=arguments)
        fork.start()
        children.append(fork)
    for child in children:
        child.join()
    return not any(child.exitcode for child in children)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1].isdigit():
        sys.exit(not forked(int(sys.argv[1]), *sys.argv[2:]))
    run(*sys.argv[1:])
