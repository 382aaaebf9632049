"""Other tools read the same numbers."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from gradlab import clip
from gradlab.recording.record import record


@pytest.fixture(scope="module")
def recording():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    rule = clip.ByNorm(0.5, nonfinite="allow")
    with record(model, optimizer, clip=rule, every=2) as recorder:
        for step in range(5):
            optimizer.zero_grad()
            model(torch.randn(4, 5)).square().sum().backward()
            if step == 1:
                model[2].bias.grad = None
            if step == 3:
                model[0].weight.grad[0, 0] = float("nan")
            optimizer.step()
            if step == 3:
                break
    return recorder.recording


def test_a_frame_has_a_row_for_each_step_and_layer_with_a_gradient(recording):
    frame = recording.to_frame()
    assert len(frame) == 4 * 4 - 1
    assert list(frame.columns) == [
        "step",
        "layer",
        "size",
        "norm",
        "share",
        "weight_norm",
        "norm_after",
        "update_norm",
        "moment_ratio",
        "total_norm",
        "coefficient",
        "fired",
        "learning_rate",
    ]
    for row in frame.itertuples():
        column = recording.layers.index(row.layer)
        np.testing.assert_equal(row.norm, recording.layer_norms[row.step, column])
        np.testing.assert_equal(row.total_norm, recording.total_norm[row.step])
        assert row.size == recording.sizes[column]
        np.testing.assert_equal(row.share, recording.shares()[row.step, column])
        assert row.fired == recording.fired[row.step]
        assert row.learning_rate == 0.01
    looked = frame[frame.step == 2]
    np.testing.assert_array_equal(looked.weight_norm, recording.weight_norms[1])
    np.testing.assert_array_equal(looked.norm_after, recording.norms_after[1])
    assert frame[frame.step == 1].weight_norm.isna().all()
    assert sorted(frame[frame.step == 1].layer) == ["0.bias", "0.weight", "2.weight"]
    assert "0.weight" in set(frame[frame.step == 3].layer)  # its NaN is a measured one


def test_tensorboard_reads_back_what_was_written(recording, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recording.to_tensorboard(tmp_path)
    events = EventAccumulator(str(tmp_path), size_guidance={"histograms": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()
    assert set(tags["histograms"]) == {f"gradient/{name}" for name in recording.layers}
    totals = {e.step: e.value for e in events.Scalars("gradient/total_norm")}
    assert totals == {s: pytest.approx(recording.total_norm[s], rel=1e-6) for s in (0, 1, 2)}
    norms = [e.step for e in events.Scalars("norm/2.bias")]
    assert norms == [0, 2, 3]
    for name in recording.layers:
        column = recording.layers.index(name)
        for event in events.Histograms(f"gradient/{name}"):
            found, histogram = event.histogram_value, recording.histograms[event.step][name]
            assert found.num == sum(found.bucket) == histogram.finite
            assert np.all(np.diff(found.bucket_limit) > 0)
            if np.isfinite(recording.layer_norms[event.step, column]):
                norm = recording.layer_norms[event.step, column]
                assert found.sum_squares**0.5 == pytest.approx(norm, rel=0.016)
            limits, filled = np.array(found.bucket_limit), np.array(found.bucket)
            negative = filled[limits <= 0].sum()
            assert negative == histogram.bins()[1].sum()


def test_a_missing_library_is_named_with_the_extra_that_brings_it(recording, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"pandas is needed .* the extra 'export'"):
        recording.to_frame()
    with pytest.raises(ImportError, match=r"tensorboard is needed .* the extra 'export'"):
        recording.to_tensorboard(tmp_path)
