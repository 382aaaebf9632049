"""A new rule is one file: whatever records, asks, saves, draws and steers knows it by itself."""

import gc
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

import gradlab
from gradlab import clip, panels, report, training
from gradlab.clip.norm import bounding, scale_all_
from gradlab.clip.rule import Rule


@pytest.fixture(scope="module", autouse=True)
def _gone():
    """Begins before all others and ends after them: no other file finds the rule in its menus."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def halving():
    """All that somebody has to write: the norm of everything is brought to half of the bound."""

    @dataclass(frozen=True, repr=False)
    class Halving(Rule):
        label: ClassVar[str] = "by half a norm"
        part: ClassVar[str] = "everything"
        bound_name: ClassVar[str] = "twice"
        usual: ClassVar[float] = 2.0

        twice: float

        def _act_(self, layers, measured, look):
            return scale_all_(layers, measured.total_norm, self.twice / 2, look)

        def factors(self, total, layers):
            return bounding(total[:, None], self.twice / 2)

    return Halving


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def batches():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(12, 4, 6, generator=generator)
    return [(batch, torch.arange(4) % 3) for batch in inputs]


def recorded(rule):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gradlab.record(model, optimizer, clip=rule) as recorder:
        training.train(model, optimizer, batches())
    return recorder.recording


def test_it_clips_as_the_rule_that_it_is_half_of(halving):
    ours, theirs = (recorded(rule) for rule in (halving(0.6), clip.ByNorm(0.3)))
    assert ours.total_norm.tolist() == theirs.total_norm.tolist()
    assert ours.coefficient.tolist() == theirs.coefficient.tolist()
    assert ours.histograms.nbytes == theirs.histograms.nbytes


def test_what_it_would_have_done_is_answered_and_judged(halving):
    run = recorded(halving(0.6))
    would, alike = run.what_if(halving(1.0)), run.what_if(clip.ByNorm(0.5))
    assert would.coefficient.tolist() == alike.coefficient.tolist()
    assert "Halving(0.6) fired in 100.0%" in run.judge().because
    assert "act as one" in run.judge().because


def test_it_is_saved_and_read(halving, tmp_path):
    run = recorded(halving(0.6, nonfinite="raise"))
    run.save(tmp_path / "run")
    assert gradlab.load(tmp_path / "run").clip == halving(0.6)


def test_it_stands_in_tables_figures_and_menus_under_its_own_name(halving):
    run = recorded(halving(0.6))
    assert "| by half a norm, twice = 0.6 (the run) |" in report.table(run)
    assert report.figure(run).axes
    panel = panels.threshold(run, clip=halving)
    assert panel.clip.value == "by half a norm"
    panel.threshold.value = 10**panel.threshold.max
    assert panel.readout.startswith("twice = ")
    assert "would have clipped none" in panel.readout
    panel.close()


def test_it_is_steered(halving):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    panel = panels.steer(training.Steered(model, optimizer, batches, clip=halving(0.6)))
    assert panel.clip.value == "by half a norm"
    panel.thresholds["twice"].value = 0.1
    panel.step(2)
    assert "clipped by half a norm, twice 0.100" in panel.readout
    panel.close()


def test_a_rule_that_is_not_defined_here_is_named():
    with pytest.raises(ValueError, match=r"rule must be one of .*ByNorm.*, got 'Unheard': import"):
        Rule.from_dict({"rule": "Unheard", "bound": 1.0})


@pytest.mark.parametrize(
    "rule",
    [
        clip.ByNorm(1.0, 3.0, nonfinite="skip"),
        clip.PerLayer(0.5),
        clip.ByValue(0.1, nonfinite="allow"),
        clip.Adaptive(0.02, 1e-4),
        clip.Percentile(20.0),
    ],
)
def test_plain_data_make_the_same_rule_again(rule):
    again = Rule.from_dict(rule.to_dict())
    assert type(again) is type(rule)
    assert again.to_dict() == rule.to_dict()
    assert repr(again) == repr(rule)
