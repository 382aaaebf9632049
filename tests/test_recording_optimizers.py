"""What is said of a threshold under an optimizer, against training with that optimizer."""

import math

import numpy as np
import pytest
import torch
from timm.optim import Lion
from torch import nn

import gradlab
from gradlab import clip
from gradlab.recording.suggestion import judge, suggest

OPTIM = torch.optim
STEPS = 120


class SignSGD(OPTIM.Optimizer):
    """Plain sign descent."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad.sign()


class Unheard(OPTIM.SGD):
    """One that nobody knows."""


MADE = {
    "SGD": lambda p, lr=0.02: OPTIM.SGD(p, lr),
    "SGD, momentum": lambda p, lr=0.004: OPTIM.SGD(p, lr, momentum=0.9, nesterov=True),
    "SGD, decay": lambda p, lr=0.02: OPTIM.SGD(p, lr, weight_decay=0.3),
    "ASGD": lambda p, lr=0.02: OPTIM.ASGD(p, lr),
    "Adam": lambda p: OPTIM.Adam(p, 0.01),
    "Adam, decay": lambda p: OPTIM.Adam(p, 0.01, weight_decay=0.3),
    "AdamW": lambda p: OPTIM.AdamW(p, 0.01, weight_decay=0.3),
    "AMSGrad": lambda p: OPTIM.Adam(p, 0.01, amsgrad=True),
    "Adam, large eps": lambda p: OPTIM.Adam(p, 0.01, eps=1e-2),
    "NAdam": lambda p: OPTIM.NAdam(p, 0.01),
    "NAdam, decay apart": lambda p: OPTIM.NAdam(
        p, 0.01, weight_decay=0.3, decoupled_weight_decay=True
    ),
    "RAdam": lambda p: OPTIM.RAdam(p, 0.01),
    "Adamax": lambda p: OPTIM.Adamax(p, 0.01),
    "Adagrad": lambda p: OPTIM.Adagrad(p, 0.05),
    "Adadelta": lambda p: OPTIM.Adadelta(p, 1.0),
    "Adafactor": lambda p: OPTIM.Adafactor(p, 0.01),
    "RMSprop": lambda p: OPTIM.RMSprop(p, 0.01, momentum=0.5, centered=True),
    "RMSprop, decay": lambda p: OPTIM.RMSprop(p, 0.01, weight_decay=0.3),
    "Rprop": lambda p: OPTIM.Rprop(p, 0.01),
    "Lion": lambda p: Lion(p, 0.003, weight_decay=0.3),
    "SignSGD": lambda p: SignSGD(p, 0.003),
    "Unheard": lambda p: Unheard(p, 0.02),
}
if hasattr(OPTIM, "Muon"):  # since torch 2.9
    MADE["Muon"] = lambda p: OPTIM.Muon(p, 0.01, weight_decay=0.3)
ROLES = {
    "scales the step": ["SGD", "SGD, momentum"],
    "scales the gradient's part": ["SGD, decay", "ASGD"],
    "weighs against weight decay": ["Adam, decay", "RMSprop, decay"],
    "depends on eps": ["Adam, large eps", "Adadelta"],
    "cannot say": ["Unheard"],
}
ROLE = {name: role for role, names in ROLES.items() for name in names}
INERT = [name for name in MADE if name not in ROLE]


def trained(name, max_norm, **settings):
    """The weights before and after training on noisy batches, and the recording."""
    torch.manual_seed(0)
    model = nn.Linear(12, 8, bias=False)
    start = model.weight.detach().clone()
    target, draw = torch.randn(8, 12), torch.Generator().manual_seed(1)
    optimizer = MADE[name](model.parameters(), **settings)
    with gradlab.record(model, optimizer, clip=clip.ByNorm(max_norm), every=1000) as recorder:
        for _ in range(STEPS):
            inputs = torch.randn(16, 12, generator=draw)
            optimizer.zero_grad()
            (30 * (model(inputs) - inputs @ target.T).square().mean()).backward()
            optimizer.step()
    return start, model.weight.detach().clone(), recorder.recording


def shift(name, max_norm, other):
    """Distance travelled with another threshold, and how far apart both end, to the first's."""
    (start, one, run), (_, two, _) = trained(name, max_norm), trained(name, other)
    assert run.judge().word == "step-size limiter"
    far = (one - start).norm()
    return float((two - start).norm() / far), float((two - one).norm() / far), run.judge()


@pytest.mark.parametrize("name", MADE)
def test_each_optimizer_gets_the_role_that_follows_from_its_update(name):
    judged = trained(name, 0.5)[2].judge()
    assert judged.role == ROLE.get(name, "inert")
    assert f"{name.split(',')[0].replace('AMSGrad', 'Adam')}" in judged.because


@pytest.mark.parametrize("name", INERT)
def test_where_the_threshold_is_inert_a_hundredth_of_it_leads_to_the_same_weights(name):
    travelled, apart, judged = shift(name, 0.5, 0.005)
    assert judged.role == "inert"
    assert "max_norm is inert" in judged.because
    assert travelled == pytest.approx(1, abs=0.02)  # RAdam does not divide its first five steps
    assert apart < 0.05


@pytest.mark.parametrize("name", ROLES["scales the step"])
def test_where_it_scales_the_step_a_hundredth_of_it_leads_a_hundredth_as_far(name):
    travelled, _, judged = shift(name, 0.5, 0.005)
    assert "learning rate and max_norm act as one" in judged.because
    assert travelled == pytest.approx(0.01, rel=0.5)


@pytest.mark.parametrize("name", [*ROLES["scales the step"], "SGD, decay"])
def test_learning_rate_and_max_norm_act_as_one_but_not_on_weight_decay(name):
    rate = {"SGD": 0.02, "SGD, momentum": 0.004, "SGD, decay": 0.02}[name]
    start, one, run = trained(name, 0.5, lr=rate)
    _, two, _ = trained(name, 0.25, lr=2 * rate)
    apart = float((two - one).norm() / (one - start).norm())
    if name == "SGD, decay":
        assert run.judge().because.endswith("and weight decay goes by the learning rate alone")
        assert apart > 0.1
    else:
        assert apart < 1e-4


@pytest.mark.parametrize("name", [*ROLES["weighs against weight decay"], *ROLES["depends on eps"]])
def test_where_more_than_the_gradient_counts_the_threshold_matters(name):
    _, apart, judged = shift(name, 0.5, 0.005)
    assert apart > 0.2
    assert "inert" not in judged.because


def test_of_an_unknown_optimizer_nothing_is_said():
    judged = trained("Unheard", 0.5)[2].judge()
    assert "cannot be said: the update rule of Unheard is not known here" in judged.because
    assert judge(np.ones(9), np.ones(9, bool), clip.ByNorm(0.5)).role == "cannot say"
    assert "cannot be said" in suggest(np.ones(9), None).under


@pytest.mark.parametrize("name", ["Rprop", "SignSGD"])
def test_where_only_signs_count_clipping_now_and_then_changes_nothing(name):
    _, one, run = trained(name, 70.0)
    assert 0 < run.judge().fraction < 1
    assert f"Under {name} clipping the whole gradient changes nothing" in run.judge().because
    assert torch.equal(one, trained(name, math.inf)[1])


@pytest.mark.parametrize("name", [name for name in ("AdamW", "Lion", "Muon") if name in MADE])
def test_clipping_now_and_then_weighs_in_the_averages(name):
    _, one, run = trained(name, 70.0)
    assert 0 < run.judge().fraction < 1
    assert "it weighs less than the others in the averages" in run.suggest().under
    assert not torch.equal(one, trained(name, math.inf)[1])


def test_a_rule_whose_threshold_is_none_for_everything_has_no_role():
    for rule in (clip.PerLayer(0.5), clip.Percentile(50.0), clip.ByNorm(math.inf)):
        fired = np.full(9, rule.limits)
        assert judge(np.ones(9), fired, rule, {"name": "SGD", "groups": []}).role is None


# What is kept of the optimizer.


def test_settings_and_learning_rates_are_kept_and_come_back_from_disk(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    groups = [
        {"params": model[0].parameters(), "weight_decay": 0.0},
        {"params": model[1].parameters()},
    ]
    optimizer = OPTIM.AdamW(groups, lr=0.1, betas=(0.8, 0.99), fused=False)
    schedule = OPTIM.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with gradlab.record(model, optimizer) as recorder:
        for _ in range(3):
            model(torch.ones(1, 4)).sum().backward()
            optimizer.step()
            schedule.step()
    run = recorder.recording
    assert run.learning_rate.tolist() == [0.1, 0.05, 0.025]
    assert run.optimizer["name"] == "AdamW"
    first, second = run.optimizer["groups"]
    assert (first["weight_decay"], second["weight_decay"]) == (0.0, 0.01)
    assert (first["betas"], first["lr"], first["parameters"]) == ([0.8, 0.99], 0.1, 2)
    assert not {"params", "fused", "foreach"} & set(first)
    run.save(tmp_path)
    again = gradlab.load(tmp_path)
    assert again.optimizer == run.optimizer
    assert again.learning_rate.tolist() == run.learning_rate.tolist()
    assert again.judge() == run.judge()


def test_a_learning_rate_that_is_a_tensor_is_read_back_with_the_rest(monkeypatch):
    model, read = nn.Linear(3, 2), []
    optimizer = OPTIM.Adam(model.parameters(), lr=torch.tensor(0.5), capturable=False)
    recorder = gradlab.record(model, optimizer, every=64)
    with recorder:
        for step in range(5):
            model(torch.ones(1, 3)).sum().backward()
            optimizer.param_groups[0]["lr"].fill_(0.5 + step)
            with monkeypatch.context() as patched:
                for name in ("item", "tolist", "__float__", "cpu"):
                    real = getattr(torch.Tensor, name)

                    def watched(tensor, *args, real=real):
                        read.append(tensor)
                        return real(tensor, *args)

                    patched.setattr(torch.Tensor, name, watched)
                with torch.no_grad():
                    recorder._meet(optimizer)
            assert not any(t.data_ptr() == optimizer.param_groups[0]["lr"].data_ptr() for t in read)
    assert recorder.recording.learning_rate.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert recorder.recording.optimizer["groups"][0]["lr"] == 0.5
