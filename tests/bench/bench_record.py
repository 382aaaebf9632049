"""What recording costs beside a bare training step, beside one that clips, and beside the peers.

`python tests/bench/bench_record.py [rounds] [model ...]` (wandb, trainscope: extra `bench`)
"""

import gc
import importlib.util
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
import torchvision
from timing import machine, table
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.utils.tensorboard import SummaryWriter

import gradlab
from gradlab import clip
from gradlab.histogram.counting import count
from gradlab.recording.counterfactual import Norms, by_norms
from gradlab.recording.journal import ByLayer, Journal, Sizes

MAX_NORM = 1.0
STEPS = 16  # in a block, so that each has as many detailed steps
PEER_STEPS = 4
LOOKS = 8  # detailed steps that are read back together
HEADER = ("a / b", "a", "b", "ratio", "middle half", "target")


class Letters(nn.Module):
    """An LSTM that names the next of 64 letters."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, 64)
        self.lstm = nn.LSTM(64, 256, batch_first=True)
        self.head = nn.Linear(256, 64)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embed(text))[0]).flatten(0, 1)


def mlp() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    layers = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)]
    return nn.Sequential(*layers), torch.randn(128, 784), torch.randint(0, 10, (128,))


def lstm() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    text = torch.randint(0, 64, (32, 64))
    return Letters(), text, text.roll(-1, 1).flatten()


def resnet() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    model = torchvision.models.resnet18(num_classes=10)
    return model, torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))


MODELS = {
    "mlp": ("MLP, batch 128", mlp, 1.15),
    "lstm": ("LSTM, batch 32", lstm, 1.08),
    "resnet": ("ResNet-18, 32 px, batch 64", resnet, 1.10),
}


@dataclass
class Loop:
    """One model in training; every way to watch it takes turns at it."""

    model: nn.Module
    inputs: torch.Tensor | None = None
    targets: torch.Tensor | None = None

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9)
        self.read_back: Callable[[], object] = lambda: None

    def seconds(self, steps: int, before_step: Callable[[torch.Tensor], object] | None) -> float:
        """Of one step, in a block of some."""
        _finish()
        start = _clock()
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            if before_step:
                before_step(loss)
            self.optimizer.step()
        self.read_back()  # what waits belongs to these steps
        _finish()
        return (_clock() - start) / steps

    def loss(self) -> torch.Tensor:
        return F.cross_entropy(self.model(self.inputs), self.targets)

    def torch_clips(self, loss: torch.Tensor) -> None:
        clip_grad_norm_(self.model.parameters(), MAX_NORM)

    @contextmanager
    def recorded(self, every: int) -> Iterator[None]:
        rule = clip.ByNorm(MAX_NORM)
        recorder = gradlab.record(self.model, self.optimizer, clip=rule, every=every)
        with recorder:
            self.read_back = recorder._read_back
            yield None
            self.read_back = lambda: None
            self.optimizer.zero_grad()  # no look at the last step, which no block has to pay for

    @contextmanager
    def tensorboard(self) -> Iterator[Callable[[torch.Tensor], None]]:
        with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:

            def write(loss: torch.Tensor) -> None:
                for name, parameter in self.model.named_parameters():
                    writer.add_histogram(name, parameter.grad)

            yield write

    @contextmanager
    def wandb(self) -> Iterator[Callable[[torch.Tensor], None]]:
        import wandb

        with tempfile.TemporaryDirectory() as folder:
            settings = wandb.Settings(silent=True, console="off")
            run = wandb.init(mode="offline", dir=folder, settings=settings)
            run.watch(self.model, log="gradients", log_freq=1)
            yield lambda loss: run.log({"step": 1})
            run.unwatch(self.model)
            run.finish()

    @contextmanager
    def trainscope(self) -> Iterator[Callable[[torch.Tensor], None]]:
        """As it comes: norms at each step, weights (not gradients) counted at every 50th."""
        from trainscope import TrainScope, TrainScopeConfig

        with tempfile.TemporaryDirectory() as folder:
            scope = TrainScope(self.model, self.optimizer, TrainScopeConfig(run_dir=folder))
            scope.attach()
            yield lambda loss: scope.step(loss.item())
            scope.detach()


class ManyTensors(Loop):
    """A model that is nothing but parameters."""

    def loss(self) -> torch.Tensor:
        return torch.stack([parameter.sum() for parameter in self.model]).square().sum()


def ratios(loop: Loop, rounds: int) -> dict[str, list[float]]:
    """Seconds of a step, by way and round; the ways take turns, and each round turns them round."""
    ways = {
        "bare": (STEPS, lambda: nullcontext(None)),
        "torch clips": (STEPS, lambda: nullcontext(loop.torch_clips)),
        "norms and clip": (STEPS, lambda: loop.recorded(10**9)),
        "every=16": (STEPS, lambda: loop.recorded(16)),
        "every=1": (STEPS, lambda: loop.recorded(1)),
        "TensorBoard": (PEER_STEPS, loop.tensorboard),
    }
    for peer in ("wandb", "trainscope"):
        if importlib.util.find_spec(peer):
            ways[peer] = (PEER_STEPS, getattr(loop, peer))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    loop.seconds(STEPS, None)
    for turn in range(rounds):
        order = list(ways.items())
        for name, (steps, way) in order[:: 1 if turn % 2 else -1]:
            gc.collect()
            with way() as before_step:
                seconds[name].append(loop.seconds(steps, before_step))
    return seconds


def row(title: str, a: list[float], b: list[float], target: str) -> tuple[str, ...]:
    """A row under `HEADER`."""
    each = [x / y for x, y in zip(a, b, strict=True)]
    low, _, high = statistics.quantiles(each, n=4, method="inclusive")
    return (
        title,
        f"{1e3 * statistics.median(a):.2f} ms",
        f"{1e3 * statistics.median(b):.2f} ms",
        f"{statistics.median(each):.3f}",
        f"{low:.3f} to {high:.3f}",
        target,
    )


def rows(name: str, rounds: int) -> list[tuple[str, ...]]:
    """The rows of one model."""
    title, make, full = MODELS[name]
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    took = ratios(Loop(*(part.to(device) for part in make())), rounds)
    clips, bare = took["torch clips"], took["bare"]
    found = [
        row(f"{title}: torch clips / bare", clips, bare, ""),
        row(f"{title}: norms and clip / torch clips", took["norms and clip"], clips, "<= 1.05"),
        row(f"{title}: every=16 / bare", took["every=16"], bare, "<= 1.03"),
        row(f"{title}: every=1 / bare", took["every=1"], bare, f"<= {full}"),
    ]
    found.append(row(f"{title}: every=1 / torch clips", took["every=1"], clips, ""))
    peers = [peer for peer in ("TensorBoard", "wandb", "trainscope") if peer in took]
    return found + [
        row(f"{title}: {peer}, each step / bare", took[peer], bare, "") for peer in peers
    ]


def many_tensors(rounds: int, tensors: int = 5000) -> tuple[str, ...]:
    """The row of a model of many small tensors, beside the same loop with torch's clip."""
    torch.manual_seed(0)
    loop = ManyTensors(nn.ParameterList([torch.randn(64) / 100 for _ in range(tensors)]))
    seconds: dict[str, list[float]] = {"torch clips": [], "every=1": []}
    loop.seconds(2, loop.torch_clips)
    for _ in range(rounds):
        gc.collect()
        seconds["torch clips"].append(loop.seconds(LOOKS, loop.torch_clips))
        with loop.recorded(1):
            seconds["every=1"].append(loop.seconds(LOOKS, None))
    title = f"{tensors:,} tensors of 64: every=1 / torch clips"
    return row(title, seconds["every=1"], seconds["torch clips"], "<= 1.3")


def memory(steps: int = 10_000, every: int = 16) -> str:
    """What the recording of a long run of ResNet-18 holds, and what the process grew by."""
    model, inputs, targets = resnet()
    F.cross_entropy(model(inputs), targets).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    found = count(list(gradients.values()))()
    norms = ByLayer(list(gradients), np.array([float(g.norm()) for g in gradients.values()]))
    journal = Journal(
        every, gradlab.recording.record.MEMORY, {n: g.numel() for n, g in gradients.items()}
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for step in range(steps):
        journal.add(1.0, 1.0, False, norms, 0.1)
        if step % journal.every == 0:  # copies, as a run would bring them
            fresh = replace(found, codes=found.codes.copy(), counts=found.counts.copy())
            journal.look(ByLayer(norms.names, fresh), Sizes(norms, norms))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    recording = journal.recording(None)
    arrays = (recording.layer_norms, recording.total_norm, recording.weight_norms)
    held = recording.histograms.nbytes + sum(array.nbytes for array in arrays)
    return (
        f"{steps:,} steps of ResNet-18: the recording holds {held / 1e6:.0f} MB (target <= 200), "
        f"histograms at {len(recording.histograms)} steps, every {recording.every}; "
        f"the process grew by {grown / 1e6:.0f} MB while recording"
    )


def slide(moves: int = 60) -> str:
    """What a slider over `ByValue` waits for, with 300 detailed steps of 20 layers behind it."""
    model = nn.Sequential(*(nn.Linear(447, 447) for _ in range(10)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with gradlab.record(model, optimizer, every=1) as recorder:
        for parameter in model.parameters():
            parameter.grad = 1e-3 * torch.randn_like(parameter)
        for _ in range(300):
            torch._foreach_mul_([p.grad for p in model.parameters()], 1.01)
            optimizer.step()
    recording, took = recorder.recording, []
    for clip_value in np.geomspace(1e-5, 1e-1, moves + 1):
        start = time.perf_counter()
        recording.what_if(clip.ByValue(clip_value))
        took.append(time.perf_counter() - start)
    first, *others = took
    return (
        f"what_if(ByValue), 300 steps x 20 layers: median {1e3 * statistics.median(others):.1f} ms "
        f"(target <= 10), most {1e3 * max(others):.1f} ms; the first {1e3 * first:.0f} ms"
    )


def replays(steps: int = 10_000, layers: int = 100, rounds: int = 5) -> str:
    """What a slider over a rule waits for whose threshold moves: a run of many steps, replayed."""
    draw = np.random.default_rng(0)
    norms = np.exp(0.3 * draw.normal(size=(steps, layers))).astype(np.float32).astype(np.float64)
    norms[draw.random(steps) < 0.02] *= 10
    names = tuple(f"layer{k}" for k in range(layers))
    run = Norms(names, np.arange(steps), np.linalg.norm(norms, axis=1), norms)
    took: dict[str, list[float]] = {}
    for _ in range(rounds):
        for rule in (
            clip.ByNorm(5.0),
            clip.Percentile(),
            clip.SkipSpikes(),
            clip.ZClip(),
            clip.AdaGC(),
        ):
            start = time.thread_time()
            by_norms(rule, run)
            took.setdefault(type(rule).__name__, []).append(time.thread_time() - start)
    each = ", ".join(f"{name} {1e3 * statistics.median(some):.0f}" for name, some in took.items())
    return (
        f"what_if, {steps:,} steps x {layers} layers, ms of one processor (target <= 100): {each}"
    )


def _clock() -> float:
    """On one CPU thread its own time, which other processes disturb less; what peers do in threads
    of their own is then not counted.
    """
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.thread_time() if alone else time.perf_counter()


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main(rounds: int, names: list[str]) -> None:
    """Print the tables."""
    print(f"{machine()}; {rounds} rounds; blocks of {STEPS} steps, peers of {PEER_STEPS}\n")
    lines = [line for name in names for line in rows(name, rounds)]
    print(table([*lines, many_tensors(rounds)], HEADER), "\n")
    print(memory(), slide(), replays(), sep="\n")


if __name__ == "__main__":
    os.environ.setdefault("WANDB_SILENT", "true")
    main(int(sys.argv[1]) if sys.argv[1:] else 10, sys.argv[2:] or list(MODELS))
