"""A step that reports nothing reads nothing back: on a GPU, nobody waits for it."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gradlab import clip
from gradlab.recording.record import record


class NoReading(TorchDispatchMode):
    """Refuses what brings a number from the device to Python."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ("_local_scalar_dense", "nonzero", "equal", "is_nonzero"):
            raise AssertionError(f"{name} waits for the device")
        return func(*args, **(kwargs or {}))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(300, 200), nn.ReLU(), nn.Linear(200, 3))


RULES = [
    clip.ByNorm(0.1, nonfinite="allow"),
    clip.PerLayer(0.1, nonfinite="allow"),
    clip.ByValue(1e-3, nonfinite="allow"),
    None,
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_step_that_reports_nothing_reads_nothing_back(rule, monkeypatch):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, clip=rule, every=16) as recorder:
        for step in range(12):
            optimizer.zero_grad()
            model(torch.randn(8, 300)).square().sum().backward()
            if step == 0:  # it has histograms; on a CPU they are counted at once
                optimizer.step()
                continue
            with monkeypatch.context() as patch, NoReading():
                patch.setattr(torch.Tensor, "is_cuda", True)
                optimizer.step()
    assert len(recorder.recording) == 12


def test_the_mode_notices_a_number_that_is_read():
    with NoReading(), pytest.raises(AssertionError, match="_local_scalar_dense"):
        torch.ones(1).item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_cuda_does_not_wait_for_a_step_that_reports_nothing(rule):
    model = network().cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs = torch.randn(8, 300, device="cuda")
    with record(model, optimizer, clip=rule, every=16) as recorder:
        try:
            for step in range(12):
                optimizer.zero_grad()
                model(inputs).square().sum().backward()
                torch.cuda.set_sync_debug_mode("error" if step else "default")
                optimizer.step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert len(recorder.recording) == 12
