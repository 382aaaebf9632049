"""A run on several ranks is clipped and recorded as the same run in one process."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist

import gradlab

SCRIPT = Path(__file__).with_name("ranks.py")

pytestmark = [
    pytest.mark.skipif(not dist.is_gloo_available(), reason="needs gloo, and this torch has none"),
]


def launched(ranks, *arguments):
    """The lines that rank 0 prints."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(ranks), str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def hold(lines):
    for line in lines:
        far = {what: by for what, by in line["differences"].items() if not by < 1e-5}
        assert not far, (line["case"], far)
        assert line["fired"], line["case"]
        assert line["any fired"] == line["may fire"], line["case"]
        assert line["counts"], line["case"]
        assert line["layers"], line["case"]


def test_two_ranks_clip_and_record_as_one_process():
    lines = launched(2, "compare", "ddp", "fsdp", "tp")
    assert len(lines) == 23
    hold(lines)


@pytest.mark.slow
def test_four_ranks_do_so_too_where_one_holds_nothing_and_in_two_dimensions():
    lines = launched(4, "compare", "fsdp", "both")
    assert len(lines) == 20
    hold(lines)


def test_what_ranks_do_not_agree_on_is_refused_on_all_and_one_rank_writes(tmp_path):
    (line,) = launched(2, "refuse", str(tmp_path))
    one, other = line["said"]
    assert one == other
    assert one["clip"] == (
        "ValueError: clip must be the same on every rank, got ByNorm(1.0) on rank 0 and "
        "ByNorm(2.0) on rank 1"
    )
    assert one["every"].startswith("ValueError: every must be the same on every rank, got 1 on")
    assert one["layers"].startswith("ValueError: layers must be the same on every rank, got [(")
    assert one["scaler"].startswith("ValueError: scaler must be None where parameters are sharded")
    assert one["flat"].startswith("TypeError: model must be sharded by fully_shard (FSDP2), got")
    assert one["step"] is None
    assert one["nan"].startswith("NonFiniteGradient: the gradient of last.bias, shape (3,), is")
    assert "1 NaN and 0 infinite of 3 values" in one["nan"]
    assert line["steps"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rank-0", "rank-0.png"]


def test_a_rank_that_dies_leaves_a_recording_that_can_be_read(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    known = os.environ | {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), "die", str(tmp_path)],
            env=known | {"RANK": str(rank)},
            stderr=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]
    assert all(process.wait(120) for process in ranks)  # both fail
    recording = gradlab.load(tmp_path)
    assert len(recording) == 3
    assert recording.histogram_steps.tolist() == [0, 1, 2]
    assert [h.numel for h in recording.histograms[2].values()] == recording.sizes.tolist()
    assert np.isfinite(recording.total_norm).all()
    assert recording.judge()
