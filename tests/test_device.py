"""Laws of the device room: which device, how much to run, seeds, and what a container may use."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from gradlab.course import device, lessons
from gradlab.course.lessons import detection, scenes
from gradlab.course.lessons.thresholds import live as thresholds_live


def test_the_best_device_is_one_that_can_compute():
    x = torch.ones(2, device=device.best())
    assert (x + x).sum().item() == 4


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_cuda_comes_before_mps_and_mps_before_the_cpu(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert device.best() == torch.device(expected)


def test_budgets_grow_from_ci_to_gpu_and_only_the_gpu_takes_full_size():
    ci, cpu, gpu = (device.budget(name) for name in ("ci", "cpu", "gpu"))
    assert [b.name for b in (ci, cpu, gpu)] == ["ci", "cpu", "gpu"]
    for small, large in ((ci, cpu), (cpu, gpu)):
        assert small.width < large.width
        assert small.batch_size <= large.batch_size
        assert small.steps < large.steps
    assert [b.full_size for b in (ci, cpu, gpu)] == [False, False, True]


def test_the_argument_goes_before_the_environment_and_the_environment_before_the_machine(
    monkeypatch,
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("GRADLAB_BUDGET", raising=False)
    assert device.budget().name == "gpu"
    monkeypatch.setenv("GRADLAB_BUDGET", "cpu")
    assert device.budget().name == "cpu"
    assert device.budget("ci").name == "ci"
    monkeypatch.setenv("GRADLAB_BUDGET", "")  # as good as not set
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.budget().name == "cpu"


def test_an_unknown_budget_is_refused_with_its_origin_and_the_names_allowed(monkeypatch):
    with pytest.raises(ValueError, match="name must be one of 'ci', 'cpu', 'gpu', got 'tpu'"):
        device.budget("tpu")
    with pytest.raises(ValueError, match="name must be"):
        device.budget("")
    monkeypatch.setenv("GRADLAB_BUDGET", "GPU")
    with pytest.raises(
        ValueError, match="GRADLAB_BUDGET must be one of 'ci', 'cpu', 'gpu', got 'GPU'"
    ):
        device.budget()


def test_a_seed_fixes_python_numpy_torch_and_the_returned_generator():
    def draws(n):
        generator = device.seed(n)
        drawn = torch.rand(3, generator=generator).tolist()
        return drawn, random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    first, again, other = draws(7), draws(7), draws(8)
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_the_generator_and_torch_do_not_share_a_state():
    generator = device.seed(3)
    torch.rand(1000)
    late = torch.rand(3, generator=generator)
    assert torch.equal(late, torch.rand(3, generator=device.seed(3)))


@pytest.mark.parametrize("n", [-1, 2**32, 1.0, "1", None, True])
def test_a_seed_that_numpy_would_refuse_is_refused(n):
    with pytest.raises(ValueError, match="n must be a whole number from 0 to 4294967295"):
        device.seed(n)


def test_the_machine_is_described_in_plain_numbers():
    machine = device.describe()
    assert machine.torch == torch.__version__
    assert 0 < machine.cores <= os.cpu_count()
    assert machine.device
    assert (machine.gpu_memory is None) == (not torch.cuda.is_available())
    if machine.memory_total is not None and machine.memory_available is not None:
        assert 0 < machine.memory_available <= machine.memory_total


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


HOST = {"proc/meminfo": "MemTotal: 4000 kB\nMemFree: 1 kB\nMemAvailable: 3000 kB\n"}
K = 1024


def test_without_a_control_group_the_system_says_how_much_memory_there_is(tmp_path):
    assert device._memory(write(tmp_path, HOST)) == (4000 * K, 3000 * K)


def test_a_container_has_the_memory_of_its_control_group_version_2(tmp_path):
    root = write(
        tmp_path,
        HOST
        | {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{2000 * K}\n",
            "sys/fs/cgroup/memory.current": f"{1500 * K}\n",
            "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {300 * K}\n",
        },
    )
    assert device._memory(root) == (2000 * K, 800 * K)  # cached files can be given up


def test_a_container_has_the_memory_of_its_control_group_version_1(tmp_path):
    # Without a namespace the process sees the host's path, but the container's own mount.
    root = write(
        tmp_path,
        HOST
        | {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2000 * K}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{1500 * K}\n",
            "sys/fs/cgroup/memory/memory.stat": f"cache 1\ntotal_inactive_file {100 * K}\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert device._memory(root) == (2000 * K, 600 * K)
    assert device._cores(root) == 0.5


def test_the_tightest_of_nested_control_groups_counts(tmp_path):
    root = write(
        tmp_path,
        HOST
        | {
            "proc/self/cgroup": "0::/user/job\n",
            "sys/fs/cgroup/user/memory.max": f"{1000 * K}\n",
            "sys/fs/cgroup/user/memory.current": f"{900 * K}\n",
            "sys/fs/cgroup/user/job/memory.max": f"{3000 * K}\n",
            "sys/fs/cgroup/user/job/memory.current": f"{10 * K}\n",
            "sys/fs/cgroup/user/job/cpu.max": "max 100000\n",
            "sys/fs/cgroup/user/cpu.max": "25000 100000\n",
        },
    )
    assert device._memory(root) == (1000 * K, 100 * K)
    assert device._cores(root) == 0.25


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_an_unlimited_control_group_changes_nothing(tmp_path, limit):
    root = write(
        tmp_path,
        HOST
        | {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": limit,
            "sys/fs/cgroup/memory.current": f"{1500 * K}",
            "sys/fs/cgroup/cpu.max": "max 100000",
        },
    )
    assert device._memory(root) == (4000 * K, 3000 * K)
    assert device._cores(root) == device._cores(tmp_path / "nowhere")


def streams():
    """Where Python's, numpy's and torch's random numbers stand."""
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002


def test_what_is_seeded_inside_leaves_all_streams_as_they_were():
    before = streams()
    with device.seeded(3):
        inside = torch.rand(2), np.random.rand(), random.random()  # noqa: NPY002
    assert streams() == before
    with pytest.raises(RuntimeError, match="lost"), device.seeded(3):
        raise RuntimeError("lost")
    assert streams() == before
    device.seed(3)
    again = torch.rand(2), np.random.rand(), random.random()  # noqa: NPY002
    assert torch.equal(inside[0], again[0])
    assert inside[1:] == again[1:]


def test_a_run_that_a_panel_trains_leaves_all_streams_as_they_were():
    grids = {name: lessons.experiments()[name].cells("ci") for name in ("thresholds", "detection")}
    first = {name: cells[0] for name, cells in grids.items()}
    before = streams()
    next(thresholds_live.train(first["thresholds"]))
    next(detection.live({**first["detection"], "steps": 1}))
    scenes.watch("order", "RNN", lr=0.01, steps=1, every=1)
    assert streams() == before
