"""The panels on pruning show what pruning does and what was recorded, and say it."""

import re
import threading

import numpy as np
import pytest
import torch
from torch import nn

from gradlab import panels, prune, training
from gradlab.course import data, models
from gradlab.course.lessons import pruning
from gradlab.course.lessons.pruning import experiment, questions
from gradlab.course.sweep.records import Records, Row
from gradlab.draw.sparsity import LEAST_LEFT, on_sparsity_axis
from gradlab.panels.panel import percent
from gradlab.prune.masks import masks_in


@pytest.fixture(scope="module")
def images():
    return data.load("patches", "test")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    net = models.pruning_cnn(width=4)
    batches = data.load("patches").batches(32, seed=0, steps=20)
    for _ in training.steps(net, torch.optim.Adam(net.parameters(), lr=0.01), batches):
        pass
    return net


@pytest.fixture(scope="module")
def batches():
    return list(data.load("patches").batches(32, seed=1, steps=2))


@pytest.fixture(scope="module")
def panel(model, batches, images):
    return panels.sparsity(model, batches, images.accuracy)


def ranking_by(importance, model, batches):
    """What the panel should have ranked."""
    if importance == "largest first":
        return prune.rank(prune.score(model).reversed())
    return prune.rank(prune.score(model, importance, batches))


@pytest.fixture(autouse=True)
def fresh(panel):
    panel.reset()
    panel.measure()


def test_the_accuracy_is_that_of_a_model_pruned_by_torch_itself(panel, model, images):
    panel.amount.value = 0.7
    panel.measure()
    net = models.pruning_cnn(width=4)
    net.load_state_dict(model.state_dict())
    layers = [(m, "weight") for m in net if isinstance(m, (nn.Conv2d, nn.Linear))]
    torch.nn.utils.prune.global_unstructured(
        layers, pruning_method=torch.nn.utils.prune.L1Unstructured, amount=0.7
    )
    accuracy = images.accuracy(net)
    assert f"accuracy {percent(accuracy)}, " in panel.readout
    assert panel.dot.get_data()[1] == [accuracy]
    shares = [1 - float(m.weight.count_nonzero()) / m.weight.numel() for m, _ in layers]
    assert [bar.get_width() for bar in panel.shares.bars] == pytest.approx(shares)


def test_a_second_panel_on_the_network_measures_nothing_twice(model, batches, images):
    counted = []
    panel = panels.sparsity(model, batches, lambda net: counted.append(net) or images.accuracy(net))
    before = len(counted)
    other = panel.again(amount=0.4)
    assert len(counted) == before
    assert "40% by magnitude" in other.readout
    other.amount.value = 0.33
    found = other.measure()
    assert len(counted) == before + 1
    panel.amount.value = 0.33
    assert panel.measure() == found
    assert panel.readout == other.readout
    assert len(counted) == before + 1
    with pytest.raises(ValueError, match="amount must be"):
        panel.again(amount=2)


def test_the_panel_leaves_the_model_as_it_was(panel, model):
    before = [p.clone() for p in model.parameters()]
    panel.amount.value = 0.9
    panel.measure()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert not masks_in(model.state_dict())


def test_a_move_waits_for_no_measurement_and_the_measurement_follows_by_itself(panel):
    panel.amount.value = 0.33
    assert "measured when the slider rests" in panel.readout
    assert not panel.dot.get_visible()
    assert panel.measuring.wait(30)
    assert " unpruned." in panel.readout
    assert panel.dot.get_visible()


def test_a_measurement_that_fails_is_said_and_logged_and_the_next_move_measures_again(
    model, batches, monkeypatch
):
    logged, errors = [], []
    monkeypatch.setattr(threading, "excepthook", lambda args: logged.append(args.exc_value))

    def accuracy(pruned):
        if errors:
            raise errors.pop()
        return 0.5

    panel = panels.sparsity(model, batches, accuracy)
    errors.append(OSError("no such images"))
    panel.amount.value = 0.41
    assert panel.measuring.wait(30)
    assert isinstance(logged[0], OSError)
    assert panel.readout.startswith("This panel failed. OSError: no such images.")
    panel.amount.value = 0.42
    assert panel.measuring.wait(30)
    assert " unpruned." in panel.readout


def test_a_closed_panel_measures_nothing(model, batches, images):
    panel = panels.sparsity(model, batches, images.accuracy)
    panel.amount.value = 0.43
    measuring = panel.measuring
    panel.close()
    assert measuring.wait(0)
    assert not measuring.going


@pytest.mark.parametrize("importance", [*prune.IMPORTANCES, "largest first"])
@pytest.mark.parametrize("scope", ["all layers together", "each layer alone"])
def test_the_bars_hold_every_weight_once_and_those_that_go_are_those_of_the_cut(
    panel, model, batches, importance, scope
):
    panel.importance.value, panel.scope.value = importance, scope
    ranking = ranking_by(importance, model, batches)
    for amount in (0.0, 0.37, 0.99):
        panel.amount.value = amount
        cut = ranking.cut(amount, per_layer=scope != "all layers together")
        going = panel.scores.going.get_data().values
        counts = panel.scores.staying.get_data().values
        assert going.sum() == cut.zeros.sum()
        assert counts.sum() == len(ranking)
        assert (going <= counts).all()
        if scope == "all layers together":  # one threshold parts those that go from the others
            both = (going > 0) & (going < counts)
            assert both.sum() <= 1


def test_holes_are_where_the_first_layer_has_lost_its_weights(panel, model, batches):
    panel.amount.value = 0.6
    mask = ranking_by("magnitude", model, batches).cut(0.6).masks()["conv1.weight"]
    shown = np.ma.masked_invalid(panel.holes.image.get_array())
    assert shown.mask.sum() == int((~mask).sum())
    kept = model.conv1.weight.detach()[mask].double().numpy()
    inside = shown.compressed()
    inside = inside[inside <= panel.holes.image.get_clim()[1]]
    assert np.sort(inside) == pytest.approx(np.sort(kept))


def test_a_panel_may_start_elsewhere_and_has_measured_its_start(model, batches, images):
    panel = panels.sparsity(model, batches, images.accuracy, importance="largest first", amount=0.2)
    assert panel.readout.startswith("20% by largest first")
    assert panel.dot.get_visible()
    assert not np.isnan(panel.curve.line.get_ydata()).any()


def test_layers_of_which_nothing_is_left_are_crossed_and_named(panel, model, batches):
    panel.importance.value, panel.amount.value = "gradient", 0.99
    emptied = ranking_by("gradient", model, batches).cut(0.99).emptied
    assert len(panel.shares.gone.get_xdata()) == len(emptied)
    assert ("Nothing is left of" in panel.readout) == bool(emptied)
    panel.amount.value = 0.0
    assert "Nothing is left of" not in panel.readout


def test_at_both_ends_of_the_slider_picture_and_words_differ(panel):
    seen = []
    for amount in (panel.amount.min, panel.amount.max, panel.amount.min):
        panel.amount.value = amount
        panel.measure()
        seen.append((panel.picture.png, panel.readout))
    assert seen[0] == seen[2]
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ({"importance": "weight"}, "importance must be one of 'magnitude', .* got 'weight'"),
        ({"amount": 1.0}, "amount must be a number from 0 to 0.99, got 1.0"),
    ],
)
def test_a_start_that_no_control_offers_is_refused(model, batches, images, start, said):
    with pytest.raises(ValueError, match=said):
        panels.sparsity(model, batches, images.accuracy, **start)


def test_a_model_without_anything_to_prune_is_refused(batches, images):
    with pytest.raises(ValueError, match="model must have a weight"):
        panels.sparsity(nn.Sequential(nn.Flatten(), nn.ReLU()), batches, images.accuracy)


def test_a_model_with_masks_is_refused_and_keeps_them(batches, images):
    net = models.pruning_cnn(width=4)
    prune.prune_to_(net, 0.5)
    with pytest.raises(ValueError, match=r"model must have no masks .*'conv1.weight'"):
        panels.sparsity(net, batches, images.accuracy)
    assert prune.sparsity(net).total == pytest.approx(0.5, abs=0.001)


def test_dense_layers_are_shown_as_they_are(images, batches):
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    panel = panels.sparsity(net, batches, images.accuracy)
    assert panel.holes.image.get_array().shape == (10, 3072)
    panel.amount.value = 0.9
    assert "of 30,720 weights are zero" in panel.readout


def test_the_axis_of_sparsity_ends_before_nothing_is_left():
    assert on_sparsity_axis(0.5) == 0.5
    assert on_sparsity_axis(1.0) == LEAST_LEFT


# On recorded runs

LAYERS = ["conv1.weight", "fc1.weight"]


def made_up(cell):
    """A result that tells where it came from: accuracy falls from 0.9, for each importance."""
    noise = np.random.default_rng([cell["seed"], len(str(cell))]).uniform(0, 0.05)
    fall = [0.9 - noise - a * (0.5 + noise) for a in questions.AMOUNTS]
    if cell["part"] == "alone":
        return {"layers": LAYERS, "test": [fall, [a - 0.1 for a in fall]]}
    if cell["part"] == "speed":
        share = {"dense": 1, "zeros": 1, "channels": 0.5}
        return {
            f"{name} {unit}": [size * share[name]] * len(questions.CHANNEL_AMOUNTS)
            for name in share
            for unit, size in (("bytes", 1e5), ("macs", 1e6), ("ms", 4 + noise), ("time", 1))
        } | {f"{name} test": [0.8] * len(questions.CHANNEL_AMOUNTS) for name in share}
    return {"test": fall, "train": [a + 0.05 for a in fall]}


def recorded(change=lambda row: row):
    rows = [Row(c, "done", made_up(c)) for c in experiment.EXPERIMENT.grid("cpu").values()]
    return Records((), tuple(change(row) for row in rows))


@pytest.fixture(scope="module")
def records():
    return recorded()


def test_the_criteria_panel_draws_every_seed_and_their_mean(records):
    panel = pruning.importance_panel(records)
    runs = records.where(part="one shot", scope="global", importance="taylor").values("test")
    curve = panel.curves["taylor"]
    assert curve.line.get_ydata() == pytest.approx(runs.mean(0))
    assert panel.means["taylor"].line.get_ydata() == pytest.approx(runs.mean(0))
    for run, line in zip(runs, curve.runs.get_segments(), strict=True):
        assert line[:, 1] == pytest.approx(run)


def test_the_criteria_panel_says_the_order_and_the_gradient_beside_the_weight(records):
    panel = pruning.importance_panel(records)
    for view in panel.view.options:
        panel.view.value = view
        for _, amount in panel.amount.options:
            panel.amount.value = amount
            told = re.findall(r"([a-z][a-z, ]*?) (\d+\.?\d*) % \(", panel.readout.split(":")[1])
            means = [float(mean) for _, mean in told]
            assert means == sorted(means, reverse=True)
            assert {name.lstrip(", ") for name, _ in told} == set(panel.views[view])
    assert "Gradient minus magnitude, seed by seed:" in panel.readout


def test_a_criterion_that_was_not_trained_further_has_no_curve_there(records):
    panel = pruning.importance_panel(records)
    assert len(panel.curves[questions.LARGEST].line.get_xdata()) == len(questions.AMOUNTS)
    panel.view.value = panel.view.options[2]
    assert len(panel.curves[questions.LARGEST].line.get_xdata()) == 0
    assert questions.LARGEST not in panel.readout
    assert questions.GRADUAL in panel.readout


def test_the_sensitivity_panel_has_a_curve_for_each_layer_alone(records):
    panel = pruning.sensitivity_panel(records)
    runs = records.where(part="alone", importance="magnitude").values("test")
    for k, name in enumerate(("conv1", "fc1")):
        assert panel.curves[name].line.get_ydata() == pytest.approx(runs[:, k].mean(0))
    assert panel.readout.index("conv1") < panel.readout.index("fc1")  # best first


def test_the_gap_panel_says_how_far_training_images_are_ahead(records):
    panel = pruning.gap_panel(records)
    for curve in panel.curves.values():
        assert len(curve.line.get_xdata()) == len(questions.AMOUNTS)
    assert "Gap, seed by seed: +5.0 points (+5.0 to +5.0)." in panel.readout


def test_the_speed_panel_compares_with_the_same_training_unpruned(records):
    panel = pruning.speed_panel(records)
    assert panel.readout.startswith("50% of the weights zero")  # at 0 % all bars are equal
    same, half = (f"{n} % of the size, {n} % of the multiplications" for n in (100, 50))
    assert f"50% of the weights zero: {same}" in panel.readout
    assert f"50% of the channels out: {half}" in panel.readout
    assert "+0.0 points" in panel.readout
    sizes = [bar.get_width() for bar in panel.costs["bytes"].bars]
    assert sizes == pytest.approx([100, 100, 50])


@pytest.mark.parametrize("name", ["importance", "gap", "sensitivity", "speed"])
def test_a_run_that_failed_is_not_hidden(name):
    failed = recorded(
        lambda row: Row(row.cell, "error", error="lost") if row.cell["seed"] == 2 else row
    )
    with pytest.raises(ValueError, match="records must hold every run of the panel"):
        getattr(pruning, f"{name}_panel")(failed)


@pytest.mark.once
@pytest.mark.parametrize("name", ["importance", "gap", "sensitivity", "speed"])
def test_a_panel_on_records_comes_back_to_its_start(records, name):
    panel = getattr(pruning, f"{name}_panel")(records)
    start = panel.picture.png, panel.readout
    for _, amount in panel.amount.options:
        panel.amount.value = amount
    for control in panel.controls[:-1]:
        control.value = control.options[-1]
    assert panel.readout != start[1]
    panel.reset()
    assert (panel.picture.png, panel.readout) == start
