"""The recorder in Trainer, Lightning and Accelerate on two ranks: as without it."""

from pathlib import Path

import numpy as np
import pytest
from test_recording_ranks import launched, lines_of, pytestmark  # noqa: F401 - it marks these too

SCRIPT = Path(__file__).with_name("framework_ranks.py")
DDP = "DistributedDataParallel"


@pytest.mark.parametrize(
    ("framework", "others", "kinds"),
    [
        ("transformers", [], [DDP]),
        ("lightning", [], ["DDPStrategy"]),
        ("accelerate", ["sharded"], [DDP, "FSDPNet"]),
    ],
    ids=["transformers", "lightning", "accelerate"],
)
def test_two_ranks_train_as_without_it(framework, others, kinds, tmp_path):
    pytest.importorskip(framework)
    lines = lines_of(launched(SCRIPT, tmp_path, framework, *others))
    assert [line["kind"] for line in lines] == kinds
    for line in lines:
        one, other = line["ranks"]
        assert one == other
        # Of shards, torch 2.7 adds up the norms in another order: the last bit may differ.
        assert line["apart"] <= (1e-7 if line["kind"] == "FSDPNet" else 0)
        assert one["steps"] == one["fired"] == 6
        assert one["clip"] == "ByNorm(0.5, nonfinite='allow')"
        assert one["histograms"] == [24, 6, 12, 2]
        assert np.isfinite(one["norms"]).all()
