"""A run on several ranks is clipped and recorded as the same run in one process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist

import gradlab

SCRIPT = Path(__file__).with_name("ranks.py")

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="needs gloo"
)


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def launched(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def lines_of(done):
    """The lines that rank 0 printed."""
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """Everything that is asked of two ranks, in one launch; and the folder that they wrote to."""
    folder = tmp_path_factory.mktemp("ranks")
    return lines_of(launched(*TORCHRUN, SCRIPT, "everything", folder)), folder


def hold(lines):
    for line in lines:
        far = {what: by for what, by in line["differences"].items() if not by < 1e-5}
        assert not far, (line["case"], far)
        assert line["fired"], line["case"]
        assert line["any fired"] == line["may fire"], line["case"]
        assert line["counts"], line["case"]
        assert line["layers"], line["case"]


def test_two_ranks_clip_and_record_as_one_process(two_ranks):
    lines, _ = two_ranks
    assert len(lines) == 10 + 5 + 5 + 1
    hold(lines[:-1])


def test_four_ranks_do_so_too_where_one_holds_nothing_and_in_two_dimensions():
    lines = lines_of(launched(SCRIPT, 4, "compare", "fsdp", "both"))
    assert len(lines) == 10
    hold(lines)


def test_what_ranks_do_not_agree_on_is_refused_on_all_and_one_rank_writes(two_ranks):
    (*_, line), folder = two_ranks
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
    assert sorted(path.name for path in folder.iterdir()) == ["rank-0", "rank-0.png"]


def test_a_rank_that_dies_leaves_a_recording_that_can_be_read(tmp_path):
    assert launched(SCRIPT, 2, "die", tmp_path).returncode  # it fails on both
    recording = gradlab.load(tmp_path)
    assert len(recording) == 3
    assert recording.histogram_steps.tolist() == [0, 1, 2]
    assert [h.numel for h in recording.histograms[2].values()] == recording.sizes.tolist()
    assert np.isfinite(recording.total_norm).all()
    assert recording.judge()
