"""Averages of kept weights are torch's own; augmented pictures and gains are what is drawn."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gradlab import training
from gradlab.course import data, lessons, models, sweep
from gradlab.course.lessons import averaging
from gradlab.course.lessons.averaging import experiment
from gradlab.course.lessons.averaging.experiment import AUGMENTS, DECAYS, MAX_NORMS, SCHEDULES
from gradlab.course.lessons.averaging.gains import SERIES
from gradlab.course.lessons.averaging.kept import Kept, keep, shares
from gradlab.course.sweep.records import Records, Row

CLAIMS = lessons.claims()


# Weights that were kept, and their averages


@given(st.integers(1, 60), st.floats(0, 1))
def test_shares_are_those_of_the_recursion_and_sum_to_one(count, decay):
    average = np.eye(count)[0]
    for unit in np.eye(count)[1:]:
        average = decay * average + (1 - decay) * unit
    assert shares(count, decay).numpy() == pytest.approx(average, abs=1e-12)
    assert shares(count, decay).sum().item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("count", "decay", "said"), [(0, 0.5, "count"), (3, -0.1, "decay"), (3, 1.1, "decay")]
)
def test_shares_refuse_what_is_no_count_and_no_share(count, decay, said):
    with pytest.raises(ValueError, match=f"{said} must be"):
        shares(count, decay)


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_an_average_of_kept_weights_is_that_of_torch_updated_when_they_were_kept(decay):
    torch.manual_seed(0)
    model = models.vgg(11, 1).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def steps():
        batches = data.load("patches").batches(4, seed=0, steps=7)
        for step in training.steps(model, optimizer, batches):
            yield step
            if (step.number + 1) % 2 == 0:
                theirs.update_parameters(model)

    kept = keep(model, steps(), every=2)
    assert kept.steps == (2, 4, 6)
    assert torch.allclose(kept.average(decay, 3), flat(theirs.module), atol=1e-7)
    assert torch.equal(flat(kept.load_(decay, 3)), kept.average(decay, 3))
    inputs = torch.rand(2, 3, 32, 32)
    assert torch.allclose(model(inputs), theirs(inputs), atol=1e-5)


def test_weights_are_kept_as_they_were_while_training_goes_on():
    model = nn.Linear(1, 1, bias=False)

    def steps():
        for value in range(1, 5):
            nn.init.constant_(model.weight, value)
            yield value

    assert keep(model, steps(), every=1).weights.flatten().tolist() == [1, 2, 3, 4]


def test_what_cannot_be_averaged_is_refused():
    with pytest.raises(ValueError, match="model must have no buffers, got 'running_mean'"):
        keep(nn.BatchNorm1d(2), [], every=1)
    with pytest.raises(ValueError, match="every must be at most the number of steps, got 5"):
        keep(nn.Linear(1, 1), range(4), every=5)
    broken = nn.Linear(1, 1)
    nn.init.constant_(broken.weight, math.nan)
    with pytest.raises(ValueError, match="must stay finite, got NaN or inf by step 2"):
        keep(broken, range(4), every=2)


# The panel on averages: the "accuracy" of a model of one weight is that weight


def one_weight(*values, steps=None):
    steps = steps or tuple(range(10, 10 * len(values) + 1, 10))
    return Kept(nn.Linear(1, 1, bias=False), steps, torch.tensor(values)[:, None])


def weight(model):
    return model.weight.item()


@pytest.fixture
def panel():
    falls = one_weight(*np.linspace(0.8, 0.1, 8).tolist())
    made = averaging.averages_panel({"rises": one_weight(*[0.1, 0.5] * 4), "falls": falls}, weight)
    yield made
    made.close()


def test_every_move_measures_the_average_that_the_sliders_say(panel):
    for run, decay, step in itertools.product(("rises", "falls"), (0.0, 0.37, 0.99), (10, 50, 80)):
        panel.run.value, panel.decay.value, panel.step.value = run, decay, step
        values = {"rises": [0.1, 0.5] * 4, "falls": np.linspace(0.8, 0.1, 8)}[run]
        mix = shares(step // 10, decay).numpy()
        assert panel.track.dot.get_ydata()[0] == pytest.approx(mix @ values[: step // 10], abs=1e-6)
        assert panel.shares.get_ydata() == pytest.approx(np.maximum(mix, 1e-4))
        assert f"after step {step}" in panel.readout


def test_once_the_sliders_rest_the_whole_curve_is_measured(panel):
    panel.decay.value = 0.5
    assert panel.measuring.wait(20)
    values, expected = [0.1, 0.5] * 4, []
    for value in values:
        expected.append(0.5 * expected[-1] + 0.5 * value if expected else value)
    assert panel.track.average.get_ydata() == pytest.approx(expected, abs=1e-6)
    assert panel.track.weights.get_ydata() == pytest.approx(values, abs=1e-6)


def test_the_panel_leaves_the_models_to_whoever_made_them():
    run = one_weight(0.25, 0.75)
    made = averaging.averages_panel({"a": run}, weight)
    before = weight(run.model)
    made.decay.value = 0.3
    assert made.measuring.wait(20)
    assert weight(run.model) == before
    made.close()


def test_runs_kept_at_different_steps_are_refused():
    for runs in ({}, {"a": one_weight(1.0), "b": one_weight(1.0, steps=(5,))}):
        with pytest.raises(ValueError, match="runs must be one or more, all kept at the same"):
            averaging.averages_panel(runs, weight)


# The preview


@pytest.fixture(scope="module")
def preview():
    made = averaging.preview_panel(torch.rand(4, 3, 16, 16, generator=torch.manual_seed(0)))
    yield made
    made.close()


def drawn(preview):
    """The pictures below the originals, (rows, n, h, w, c)."""
    rows = preview.sheet.images
    return np.array([[np.asarray(image.get_array()) for image in row] for row in rows])


def test_a_preview_without_strength_shows_the_pictures_themselves(preview):
    preview.p.value, preview.padding.value = 0, 0
    still = drawn(preview)
    assert (still == still[:1]).all()
    preview.p.value = 1
    assert (drawn(preview) == still[..., ::-1, :]).all()
    assert "12 of 12 pictures below the originals are mirrored; 0 %" in preview.readout


def test_a_preview_that_flips_more_flips_the_same_pictures_and_others(preview):
    preview.p.value, preview.padding.value = 0, 0
    still, before = drawn(preview), np.zeros((3, 4), bool)
    for p in (0.25, 0.5, 0.75):
        preview.p.value = p
        flipped = (drawn(preview) != still).any((2, 3, 4))
        assert (flipped >= before).all()
        assert f"{flipped.sum()} of 12 pictures" in preview.readout
        before = flipped


def test_a_preview_shows_what_training_would_see(preview):
    preview.p.value, preview.padding.value, preview.seed.value = 0.5, 3, 7
    images = preview._images.repeat(3, 1, 1, 1)
    generator = torch.Generator().manual_seed(7)
    expected = data.random_crop(data.flip(images, generator), generator, 3)
    assert (drawn(preview).reshape(12, 16, 16, 3) == expected.permute(0, 2, 3, 1).numpy()).all()


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 2, 8, 8), (2, 3, 8, 9)])
def test_pictures_that_cannot_be_shown_are_refused(shape):
    with pytest.raises(ValueError, match=r"images must have shape \(n, 1 or 3, side, side\)"):
        averaging.preview_panel(torch.rand(shape))


# The experiment


def test_every_setting_is_run_with_five_seeds_and_differs_from_its_control_in_one_thing():
    grid = list(experiment.EXPERIMENT.grid("cpu").values())
    settings = [{k: v for k, v in cell.items() if k != "seed"} for cell in grid]
    assert all(settings.count(setting) == 5 for setting in settings)
    for setting in settings:
        assert {**setting, "max_norm": None} in settings
        assert {**setting, "augment": "none"} in settings
        if setting["augment"] == "none" and setting["model"] != "CNN":
            assert {**setting, "schedule": "constant"} in settings


TINY = {"data": "patches", "model": "VGG", "schedule": "constant", "augment": "none", "seed": 3}
TINY |= {"lr": 0.01, "max_norm": 1.0, "width": 1, "batch_size": 4, "steps": 5}


@pytest.fixture(scope="module", autouse=True)
def few():
    """Fewer pictures than the experiment has, for the same questions."""
    from makers import fewer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "_pictures", lambda *of: fewer(data.load(*of), 20))
        yield


def test_a_run_tells_the_averages_of_every_decay():
    found = experiment.measure(TINY)
    assert found["steps"] == [1, 2, 3, 4, 5]
    assert len(found["accuracy_curve"]) == len(found["average_curve"]) == 5
    assert found["accuracy"] == found["accuracy_curve"][-1]
    shown = found["averages"][DECAYS.index(experiment.SHOWN)]
    assert len(found["averages"]) == len(DECAYS)
    assert shown == found["average_curve"][-1]
    assert found["clipped"] == 1
    assert found["diverged"] is None


def test_a_run_that_diverges_returns_what_it_has():
    found = experiment.measure({**TINY, "lr": 1e9, "max_norm": None})
    assert found["diverged"] == len(found["steps"]) < 5


@pytest.mark.parametrize("name", AUGMENTS)
def test_a_run_sees_augmented_pictures_and_is_tested_on_originals(name, monkeypatch):
    seen = []
    real = training.step
    monkeypatch.setattr(
        "gradlab.training.loop.step",
        lambda model, optimizer, batch, **how: (
            seen.append(batch) or real(model, optimizer, batch, **how)
        ),
    )
    experiment.measure({**TINY, "augment": name})
    plain = experiment._pictures("patches", "train").batches(4, seed=3, steps=5)
    for (images, labels), (original, same) in zip(seen, plain, strict=True):
        assert torch.equal(labels, same)
        assert torch.equal(images, original) == (name == "none")


# Gains and claims, on made-up records whose verdict can be told by eye


def made(average=0.0, flips=0.0, crops=0.0, seeds=5, **instead):
    """Records with these gains everywhere; ``instead`` maps a model to other gains."""
    rows = []
    arms = [(m, s, "none") for m in ("AlexNet", "VGG") for s in SCHEDULES]
    arms += [(m, "cosine", a) for a in AUGMENTS for m in ("AlexNet", "CNN")]
    for (model, schedule, augment), norm, seed in itertools.product(
        dict.fromkeys(arms), MAX_NORMS, range(seeds)
    ):
        gains = {"average": average, "flips": flips, "crops": crops} | instead.get(model, {})
        accuracy = 0.6 + 0.01 * seed + gains.get(augment, 0.0)
        cell = {"model": model, "schedule": schedule, "augment": augment}
        result = {"accuracy": accuracy, "accuracy_curve": [0.2, accuracy], "steps": [1, 2]}
        if augment == "none":
            result["averages"] = [accuracy + gains["average"]] * len(DECAYS)
        rows.append(Row(cell | {"max_norm": norm, "seed": seed}, "done", result))
    return Records((), tuple(rows))


def word(number, **gains):
    return CLAIMS[number].verdict(made(**gains)).word


@pytest.mark.parametrize(
    ("number", "name", "other"),
    [("S3-8", "average", "VGG"), ("S3-9", "flips", "CNN"), ("S3-10", "crops", "CNN")],
)
def test_a_claim_holds_if_all_settings_gain_and_depends_if_some_do(number, name, other):
    assert word(number, **{name: 0.01}) == "holds"
    assert word(number, **{name: 0.004}) == "fails"
    assert word(number, **{name: -0.1}) == "fails"
    assert word(number, **{name: 0.01, other: {name: -0.01}}) == "depends"
    assert word(number, **{name: 0.01}, seeds=4) == "not testable"


def test_a_network_that_has_learned_nothing_decides_nothing():
    assert word("S3-9", flips=-0.5) == "not testable"


def test_gains_are_differences_to_the_same_seed():
    panel = averaging.average_gains_panel(made(average=0.03, VGG={"average": -0.02}))
    for dots, mean in zip(panel.gains.dots, panel.gains.means, strict=True):
        assert dots.get_xdata() == pytest.approx([3.0] * 10 + [-2.0] * 10)
        assert mean.get_xdata() == pytest.approx([3, 3, -2, -2])
    assert f"VGG, cosine rate, {SERIES[1]}: -2.0 (-2.0 to -2.0)" in panel.readout
    panel.close()
    panel = averaging.augmentation_gains_panel(made(flips=0.01, crops=-0.05))
    assert panel.gains.means[0].get_xdata() == pytest.approx([0, 0, 0, 0])
    assert panel.readout.startswith("At step 1; points")
    panel.position.value = 1
    assert panel.gains.means[1].get_xdata() == pytest.approx([1, -5, 1, -5])
    panel.close()


def test_a_panel_with_a_hole_or_a_diverged_run_is_refused():
    rows = made().rows
    hole = [row for row in rows if (row.cell["seed"], row.cell["max_norm"]) != (2, None)]
    place = next(k for k, row in enumerate(rows) if row.cell["schedule"] == "cosine")
    lost = replace(rows[place], result={**rows[place].result, "diverged": 1})
    for show in (averaging.average_gains_panel, averaging.augmentation_gains_panel):
        for broken in (hole, [*rows[:place], lost, *rows[place + 1 :]]):
            with pytest.raises(ValueError, match="records must hold every run"):
                show(Records((), tuple(broken)))


def test_the_shipped_records_are_those_of_the_whole_grid():
    shipped = sweep.recorded("averaging")
    assert [dict(row.cell) for row in shipped] == list(experiment.EXPERIMENT.grid("cpu").values())
    assert {row.status for row in shipped} == {"done"}
    assert {row.result["diverged"] for row in shipped} == {None}
    for number in ("S3-8", "S3-9", "S3-10"):
        assert CLAIMS[number].verdict(shipped).word != "not testable"
