"""A steered run is the textbook loop; going back and on again gives the same bits."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from gradlab import training
from gradlab.clip import AdaGC, ByNorm, ByValue, Percentile, SkipSpikes, ZClip
from gradlab.course import data, models
from gradlab.histogram import LogHistogram
from gradlab.training import Steered


def noise(count=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(8, 5, generator=generator), torch.randint(0, 3, (8,), generator=generator))
        for _ in range(count)
    ]


def network():
    """Dropout draws random numbers, batch norm has state beside its weights."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3)
    )


OPTIMIZERS = {
    "SGD with momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "AdamW, two groups": lambda p: torch.optim.AdamW(
        [{"params": (p := list(p))[:2]}, {"params": p[2:], "lr": 0.002}], lr=0.01
    ),
}


def steered(optimizer="SGD with momentum", batches=noise, **options):
    model = network()
    options = {"clip": ByNorm(0.5), "every": 1} | options
    return Steered(model, OPTIMIZERS[optimizer](model.parameters()), batches, **options)


def weights(run):
    return copy.deepcopy(run.model.state_dict())


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_steered_run_is_the_plain_loop_bit_for_bit(optimizer):
    run, model = steered(optimizer), network()
    plain = OPTIMIZERS[optimizer](model.parameters())
    torch.set_rng_state(run.random.state[0])
    expected = training.train(model, plain, [*noise(), *noise()], clip=ByNorm(0.5))
    run.step(14)
    assert same(weights(run), model.state_dict())
    branch = run.branch
    for ours, theirs in (
        (branch.loss, expected.loss),
        (branch.total_norm, expected.total_norm),
        (branch.coefficient, expected.coefficient),
        (branch.fired, expected.fired),
    ):
        assert np.array_equal(ours, theirs)
    assert branch.fired.sum() > 0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "rule",
    [
        None,
        ByNorm(0.5),
        Percentile(50.0),
        ZClip(0.5, warmup_steps=3),
        AdaGC(warmup_steps=3),
        SkipSpikes(0.01, window=20),
    ],
    ids=repr,
)
@pytest.mark.parametrize("back_to", [0, 4, 9])
def test_going_back_and_on_with_the_same_settings_gives_the_same_bits(optimizer, rule, back_to):
    run = steered(optimizer, clip=copy.deepcopy(rule))
    run.step(12)
    before = weights(run)
    run.rewind(back_to)
    assert (run.position, run.ahead) == (back_to, 12 - back_to)
    torch.rand(3)  # what others draw meanwhile does not matter
    for _ in range(12 - back_to):
        run.step()
    old, new = run.branches
    assert (new.parent, new.forked_at) == (0, back_to)
    assert [step._replace(clip=None) for step in new.steps] == [
        step._replace(clip=None) for step in old.steps
    ]
    assert same(weights(run), before)


def test_a_rule_that_was_not_there_then_has_seen_nothing_after_going_back():
    run = steered(clip=Percentile(50.0))
    run.step(6)
    run.clip = ZClip(warmup_steps=3)
    run.step(6)
    run.rewind(9)
    assert run.clip.state_dict()["steps"] == 3
    run.rewind(3)
    assert run.clip.state_dict()["steps"] == 0
    run.clip = Percentile(20.0)
    run.rewind(0)
    run.rewind(3)
    assert run.clip.state_dict()["counts"].sum() == 3


def test_a_skipped_step_leaves_nothing_of_its_gradient():
    run = steered(clip=SkipSpikes(1e-3, window=20))
    while not run.branch.fired.any():
        run.step()
    assert run.branch.coefficient[-1] == 0
    before, after = run.gradient.shares([0, 1e-3, 1e3])
    assert before.sum() > 0.9
    assert not after.any()


def test_a_run_goes_back_and_on_where_its_model_is(device):
    model = network().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    run = Steered(model, optimizer, lambda: ((x.to(device), y.to(device)) for x, y in noise()))
    run.step(12)
    run.rewind(5)
    run.step(7)
    assert np.allclose(*(branch.loss for branch in run.branches))
    assert run.gradient.before.numel == sum(p.numel() for p in model.parameters())


def test_a_run_takes_no_random_numbers_from_others():
    run = steered()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    run.step(5)
    assert torch.equal(torch.rand(4), expected)


def test_the_same_batches_come_again_after_a_rewind():
    photos = data.load("faces", "train")
    model = models.mlp(1, 4, inputs=25 * 25, outputs=2)
    run = Steered(
        model, torch.optim.SGD(model.parameters(), lr=0.0001), lambda: photos.batches(16, seed=3)
    )
    run.learning_rate = 0  # so that the loss tells the batch
    run.step(8)
    run.rewind(5)
    run.step(3)
    assert np.array_equal(*(branch.loss for branch in run.branches))
    assert len(set(run.branch.loss)) == 8


def test_a_fork_leaves_both_futures_and_the_common_past():
    run = steered()
    run.step(6)
    run.rewind(2)
    run.clip, run.learning_rate = ByNorm(0.01), 0.2
    run.step(3)
    old, new = run.branches
    assert new.steps[:2] == old.steps[:2]
    assert (len(old), len(new)) == (6, 5)
    assert new.loss[2] == old.loss[2]  # same weights, same batch, other step
    assert new.loss[3] != old.loss[3]
    assert np.array_equal(new.max_norm, [0.5, 0.5, 0.01, 0.01, 0.01])
    assert np.array_equal(new.learning_rate, [0.1, 0.1, 0.2, 0.2, 0.2])


def test_going_back_and_forward_loses_nothing():
    run = steered()
    run.step(5)
    there = weights(run)
    run.rewind(1)
    run.rewind(5)
    assert same(weights(run), there)
    run.step()
    assert len(run.branches) == 1


def test_a_branch_may_leave_a_branch():
    run = steered()
    run.step(6)
    run.rewind(4)
    run.step(2)
    run.rewind(2)
    run.step(1)
    assert [(b.parent, b.forked_at, len(b)) for b in run.branches] == [
        (None, 0, 6),
        (0, 4, 6),
        (1, 2, 3),
    ]


def test_forking_twice_in_one_place_makes_one_branch():
    run = steered()
    run.step(3)
    run.fork()
    run.fork()
    assert len(run.branches) == 2
    run.step()
    assert [len(branch) for branch in run.branches] == [3, 4]


def test_all_groups_of_the_optimizer_keep_their_ratio():
    run = steered("AdamW, two groups")
    run.learning_rate = 0.05
    run.step()
    assert [group["lr"] for group in run.optimizer.param_groups] == [0.05, pytest.approx(0.01)]


def test_states_are_thinned_to_the_memory_that_there_is():
    one = steered()
    one.step(2)  # before the first step there is no momentum to keep
    size = one._kept[1].nbytes
    run = steered(memory=5 * size)
    for position in range(1, 60):
        run.step()
        assert 0 in run.kept
        assert position in run.kept
        assert sum(kept.nbytes for kept in run._kept.values()) <= 5 * size
    assert run.every == 16
    assert run.kept == (0, 16, 32, 48, 59)
    run.rewind(32)
    run.rewind(59)
    assert run.position == 59


def test_only_kept_steps_can_be_rewound_to():
    run = steered(memory=1)
    run.step(7)
    with pytest.raises(ValueError, match=r"step must be one of 0, .*7, got 3"):
        run.rewind(3)


def diverging():
    run = steered(clip=None)
    run.step(3)
    run.learning_rate = 1e12
    run.step(40)
    return run


def test_divergence_ends_the_branch_and_is_said():
    run = diverging()
    branch = run.branch
    assert run.ended
    assert branch.diverged
    assert len(branch) < 43
    assert np.isfinite(branch.loss).all()
    assert np.isfinite(branch.total_norm).all()
    run.step(2)
    assert run.branch is branch


def test_one_can_come_back_from_divergence():
    run = diverging()
    run.rewind(3)
    assert not run.ended
    run.learning_rate = 0.1
    run.step(20)
    assert run.branch.diverged is None
    assert len(run.branch) == 23
    run.rewind(0)
    run.rewind(23)
    assert run.branches[0].diverged


def test_an_infinite_loss_with_a_finite_gradient_ends_the_branch_too():
    model = nn.Linear(1, 1, bias=False)
    batch = torch.ones(1, 1), torch.zeros(1, 1)
    run = Steered(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        lambda: [batch],
        loss=lambda out, _: out.sum() * 0 + out.detach().sum() * math.inf + out.sum(),
    )
    run.step(3)
    assert run.branch.diverged == "the loss"
    assert len(run.branch) == 1


def test_the_gradient_is_counted_before_and_after_clipping():
    run = steered(clip=ByValue(0.01))
    run.step(3)
    gradients = torch.cat([p.grad.flatten() for p in run.model.parameters()])
    assert np.array_equal(run.gradient.after.bins(), LogHistogram.of(gradients).bins())
    assert run.gradient.shares([0.009, 0.011])[1] > run.gradient.shares([0.009, 0.011])[0]
    assert run.gradient.before.norm() == pytest.approx(run.branch.total_norm[-1], rel=0.02)
    there = run.gradient
    run.rewind(1)
    assert run.gradient.before.norm() == pytest.approx(run.branch.total_norm[0], rel=0.02)
    run.rewind(3)
    assert run.gradient is there
    run.rewind(0)
    assert run.gradient is None


@pytest.mark.parametrize("rule", [ByNorm(0.01), ByNorm(100.0), Percentile(10.0)])
def test_where_all_elements_are_scaled_alike_the_shares_are_those_of_the_clipped_ones(rule):
    run = steered(clip=rule)
    run.step(4)
    gradients = torch.cat([p.grad.flatten() for p in run.model.parameters()])
    edges = np.geomspace(1e-6, 10, 30)
    expected = LogHistogram.of(gradients).shares(edges)
    assert run.gradient.after is None
    assert np.allclose(run.gradient.shares(edges)[1], expected, atol=0.02)


def test_reset_goes_back_to_the_beginning_or_to_a_bookmark():
    run = steered()
    beginning = weights(run)
    run.step(4)
    mark, there = run.bookmark(), weights(run)
    run.rewind(2)
    run.clip, run.learning_rate = None, 3.0
    run.step(9)
    run.reset(mark)
    assert (run.clip, run.learning_rate, len(run.branches)) == (ByNorm(0.5), 0.1, 1)
    assert same(weights(run), there)
    again = steered()
    again.step(6)
    run.step(2)
    assert run.branch.steps == again.branch.steps
    run.reset()
    assert same(weights(run), beginning)
    assert run.branch.steps == ()
    assert run.kept == (0,)


def test_an_error_in_a_step_leaves_the_run_where_it_was():
    fail = []

    def batches():
        for k, batch in enumerate(noise()):
            if fail and k == 3:
                raise OSError("the disk is gone")
            yield batch

    run, calm = steered(batches=batches), steered()
    run.step(2)
    fail.append(True)
    with pytest.raises(OSError, match="gone"):
        run.step(5)
    assert run.position == 3
    fail.clear()
    run.step(4)
    calm.step(7)
    assert run.branch.steps == calm.branch.steps


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"batches": noise()}, TypeError, "batches must be a function .* got list"),
        ({"batches": (lambda s: lambda: s)(iter(noise()))}, TypeError, "anew.* got one stream"),
        ({"memory": 0}, ValueError, "memory"),
        ({"every": 0}, ValueError, "every"),
        ({"clip": ByNorm(1.0, nonfinite="skip")}, ValueError, "nonfinite='raise', got 'skip'"),
    ],
)
def test_bad_arguments_are_named(options, error, match):
    with pytest.raises(error, match=match):
        steered(**options)


def test_a_stream_without_batches_is_no_endless_wait():
    with pytest.raises(ValueError, match="one batch or more"):
        steered(batches=list).step()


@pytest.mark.parametrize("skipped", [range(3, 5), range(2), range(6, 30)])
def test_skipped_batches_are_left_out_and_the_others_move_up(skipped):
    batches = noise(40)
    run = steered(batches=lambda: batches)
    run.skipped = skipped
    run.step(8)
    left = [batch for place, batch in enumerate(batches) if place not in skipped]
    other = steered(batches=lambda: left)
    other.step(8)
    assert np.array_equal(run.branch.loss, other.branch.loss)
    assert same(weights(run), weights(other))


def test_what_is_skipped_is_a_setting_that_stays_and_that_a_bookmark_keeps():
    run = steered()
    run.step(4)
    mark = run.bookmark()
    run.skipped = range(2, 5)
    run.rewind(2)
    assert run.skipped == range(2, 5)
    run.reset(mark)
    assert run.skipped == range(0)


@pytest.mark.parametrize("skipped", [3, [1, 2], range(0, 9, 2), range(-1, 3)])
def test_what_is_no_range_of_places_cannot_be_skipped(skipped):
    with pytest.raises(ValueError, match="skipped must be a range"):
        steered().skipped = skipped
