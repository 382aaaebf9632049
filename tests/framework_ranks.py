"""Two ranks in a framework, with and without the recorder: `framework_ranks.py FOLDER NAME ...`.

Rank 0 prints one line of JSON for each. It is imported once, and the ranks are forked.
"""

import importlib
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.distributed as dist
from ranks import forked, full, say
from test_frameworks import Net, TestLightning, TestTransformers, examples
from torch.distributed.fsdp import fully_shard


def transformers(folder, callbacks):
    """Trained by Trainer, which wraps the model in DDP by itself."""
    trainer = TestTransformers().trained(folder, callbacks, ddp_backend="gloo")
    return trainer.model, type(trainer.model_wrapped).__name__


def lightning(folder, callbacks):
    """Trained by Lightning's strategy for DDP."""
    how = {"strategy": "ddp", "devices": 2, "num_nodes": 1}
    trainer, module = TestLightning().trained(callbacks, **how)
    return module, type(trainer.strategy).__name__


def accelerate(folder, callbacks, share=None):
    """Trained by a loop that Accelerate prepared."""
    from accelerate import Accelerator

    from gradlab.frameworks.accelerate import record

    accelerator = Accelerator(cpu=True)
    model = share(Net()) if share else accelerator.prepare(Net())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loader = torch.utils.data.DataLoader(examples(), batch_size=2)
    optimizer, loader = accelerator.prepare(optimizer, loader)
    recorded = record(accelerator, model, optimizer) if callbacks else nullcontext()
    with recorded as recorder:
        for batch in loader:
            accelerator.backward(model(**batch)["loss"])
            accelerator.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
    for held in callbacks:
        held.recording = recorder.recording
    return model, type(model).__name__


def sharded(folder, callbacks):
    """The same for FSDP2, by hand: on a CPU Accelerate itself knows DDP only."""
    return accelerate(folder, callbacks, fully_shard)


def callback(name):
    if name in ("accelerate", "sharded"):
        return SimpleNamespace()  # for the loop, which needs no callback
    return importlib.import_module(f"gradlab.frameworks.{name}").RecorderCallback()


def compare(rank, world, name, folder):
    """How far the weights are from those of the framework's own clip; what each rank recorded."""
    train = globals()[name]
    alone, kind = train(Path(folder), [])
    held = callback(name)
    model, _ = train(Path(folder), [held])
    recording = held.recording
    here = {
        "steps": len(recording),
        "clip": repr(recording.clip),
        "layers": list(recording.layers),
        "fired": int(recording.fired.sum()),
        "norms": recording.total_norm.tolist(),
        "histograms": [h.numel for h in recording.histograms[0].values()],
    }
    every = [None] * world
    dist.all_gather_object(every, here)
    pairs = zip(alone.parameters(), model.parameters(), strict=True)
    apart = max(float(abs(full(one) - full(other)).max()) for one, other in pairs)
    say(rank, {"kind": kind, "apart": apart, "ranks": every})


def run(folder, *names):
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    os.environ["LOCAL_RANK"] = str(rank)
    for name in names:
        compare(rank, world, name, folder)


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ |= {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    importlib.import_module(sys.argv[2])
    sys.exit(not forked(2, *sys.argv[1:], target=run))
