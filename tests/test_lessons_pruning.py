"""The experiment on pruning asks what it says, and its claims follow their written rules."""

import numpy as np
import pytest
import torch
from torch import nn

from gradlab.course import data, device, lessons, models, sweep
from gradlab.course.lessons.pruning import experiment, questions, rewinding
from gradlab.course.lessons.pruning.questions import AMOUNTS
from gradlab.course.sweep.records import Records, Row

CLAIMS = lessons.claims()
SMALL = {"seed": 0, "data": "patches", "width": 4, "batch_size": 16, "steps": 2, "tuning_steps": 4}


@pytest.fixture(scope="module", autouse=True)
def few():
    """Fewer amounts, images and rounds than the experiment has, for the same questions."""
    questions.trained.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "AMOUNTS", (0.0, 0.5, 0.9))
        patch.setattr(questions, "CHANNEL_AMOUNTS", (0.0, 0.8))
        patch.setattr(questions, "_MEASURED_ON", 200)
        patch.setattr(questions, "_ROUNDS", 5)
        yield
    questions.trained.cache_clear()


def run(part, **more):
    return experiment.measure({**SMALL, "part": part, **more})


@pytest.fixture(scope="module")
def trained():
    return questions.trained(0, "patches", 4, 16, 2)


@pytest.mark.parametrize("budget", ["cpu", "gpu"])
def test_every_question_is_asked_of_five_seeds(budget):
    grid = experiment.EXPERIMENT.grid(budget).values()
    asked = [{k: v for k, v in cell.items() if k != "seed"} for cell in grid]
    assert len(asked) == 5 * len({str(question) for question in asked})
    assert {cell["part"] for cell in grid} == set(experiment.ASKED)


@pytest.mark.parametrize("scope", ["global", "per layer"])
@pytest.mark.parametrize("importance", questions.IMPORTANCES)
def test_a_curve_starts_at_the_unpruned_network_and_loses_weights_all_the_way(
    trained, importance, scope
):
    found = run("one shot", importance=importance, scope=scope)
    assert found["test"][0] == trained.unseen.accuracy(trained.model)
    assert found["train"][0] == trained.seen.accuracy(trained.model)
    gone, sizes = np.array(found["zeros"]), np.array(found["sizes"])
    assert gone.sum(1).tolist() == pytest.approx(
        (np.array(questions.AMOUNTS) * sizes.sum()).tolist(), abs=len(sizes) / 2
    )
    assert (np.diff(gone, axis=0) >= 0).all()


def test_the_images_to_measure_on_are_as_many_of_each_split_and_of_every_class(trained):
    for images, split in ((trained.seen, "train"), (trained.unseen, "test")):
        assert images.split == split
        assert torch.bincount(images.labels).tolist() == [20] * 10
    assert len(trained.photographs) == len(data.load("patches"))


def test_without_pruning_more_training_does_not_ask_for_the_criterion():
    first = {
        importance: [run("tuned", importance=importance)[split][0] for split in ("train", "test")]
        for importance in ("gradient", "random", questions.GRADUAL)
    }
    assert first["gradient"] == first["random"] == first[questions.GRADUAL]


def test_a_gradual_schedule_ends_at_its_amount(trained, monkeypatch):
    ends = []
    real = experiment.prune.prune_to_
    monkeypatch.setattr(
        experiment.prune, "prune_to_", lambda model, share: ends.append(real(model, share).total)
    )
    run("tuned", importance=questions.GRADUAL)
    shares = np.array(ends).reshape(len(questions.AMOUNTS), -1)
    assert shares[:, -1] == pytest.approx(questions.AMOUNTS, abs=2e-3)
    assert (np.diff(shares, axis=1) >= 0).all()


def test_one_layer_alone_leaves_the_others_as_they_were(trained):
    before = [p.clone() for p in trained.model.parameters()]
    found = run("alone", importance="magnitude")
    assert np.shape(found["test"]) == (len(found["layers"]), len(questions.AMOUNTS))
    assert len({row[0] for row in found["test"]}) == 1
    assert all(torch.equal(a, b) for a, b in zip(before, trained.model.parameters(), strict=True))


def test_the_printed_listing_deletes_what_is_large(trained):
    found = run("printed")
    flat = torch.cat([p.detach().flatten() for p in trained.model.parameters()])
    assert found["share"] == pytest.approx((flat.abs() > 1e-3).double().mean().item())
    assert found["share"] > 0.9


def test_each_round_of_the_stopwatch_times_every_kind_of_step():
    found = run("steps")
    assert {len(times) for times in found.values()} == {questions._ROUNDS}
    assert min(min(times) for times in found.values()) > 0


def test_zeros_cost_what_weights_cost_and_channels_that_are_gone_cost_nothing():
    found = run("speed")
    for unit in ("bytes", "macs"):
        assert set(found[f"zeros {unit}"]) == set(found[f"dense {unit}"])
        channels = found[f"channels {unit}"]
        assert channels[0] == found[f"dense {unit}"][0]
        assert sorted(channels, reverse=True) == channels
        assert channels[-1] < 0.2 * channels[0]


# The claims, on made-up records whose verdict can be told by eye


def line(*accuracies):
    """Accuracies by amount; the last one given goes on to the end."""
    more = len(AMOUNTS) - len(accuracies)
    return [*accuracies, *[accuracies[-1]] * more]


HIGH, LOW = line(0.9), line(0.9, 0.1)


def records(parts, seeds=5):
    """Rows for each seed: by part, importance and scope, a result."""
    rows = [
        Row({"seed": s, "part": part, "importance": importance, "scope": scope}, "done", result)
        for s in range(seeds)
        for (part, importance, scope), result in parts.items()
    ]
    return Records((), tuple(rows))


def accuracies(**by_importance):
    """Records of curves; (at once, after training) for each importance, gap 5 points."""
    parts = {}
    for importance in ("magnitude", "gradient", "taylor", "random", questions.LARGEST):
        once, tuned = by_importance.get(importance, (LOW, LOW))
        for part, curve in (("one shot", once), ("tuned", tuned)):
            trained = [value + 0.05 for value in curve]
            parts[part, importance, "global"] = {"test": curve, "train": trained}
    return parts


def word(number, parts, **more):
    return CLAIMS[number].verdict(records(parts, **more)).word


def test_small_gradients_can_go_if_half_of_them_go_at_once():
    assert word("S1-1", accuracies(gradient=(HIGH, HIGH))) == "holds"
    assert word("S1-1", accuracies(gradient=(LOW, HIGH))) == "depends"
    assert word("S1-1", accuracies(gradient=(LOW, LOW))) == "fails"
    dip = line(0.9, 0.1, 0.9)  # it must hold all the way
    assert word("S1-1", accuracies(gradient=(dip, dip))) == "fails"
    assert word("S1-1", accuracies(gradient=(HIGH, HIGH)), seeds=4) == "not testable"


def test_a_gap_that_closes_because_nothing_is_learned_does_not_count():
    def with_gap(curve, gap):
        parts = accuracies(gradient=(curve, curve))
        trained = [a + (0.05 if k == 0 else gap) for k, a in enumerate(curve)]
        parts["tuned", "gradient", "global"] = {"test": curve, "train": trained}
        return parts

    assert word("S1-2", with_gap(HIGH, 0.01)) == "holds"
    assert word("S1-2", with_gap(HIGH, 0.06)) == "fails"
    assert word("S1-2", with_gap(LOW, 0.01)) == "fails"
    until_half = line(0.9, 0.9, 0.9, 0.9, 0.1)
    assert word("S1-2", with_gap(until_half, 0.01)) == "depends"


def test_the_gradient_is_good_if_it_beats_chance_and_nothing_beats_it():
    good, better = (line(0.9), line(0.9)), (line(0.95), line(0.95))
    assert word("S1-3", accuracies(gradient=good)) == "holds"
    assert word("S1-3", accuracies(gradient=good, magnitude=better)) == "fails"
    assert word("S1-3", accuracies(gradient=good, random=good)) == "fails"
    once = (line(0.9), line(0.9, 0.1))
    assert word("S1-3", accuracies(gradient=good, taylor=(LOW, line(0.95)))) == "depends"
    assert word("S1-3", accuracies(gradient=once)) == "depends"


@pytest.mark.parametrize(
    ("masked", "half", "expected"),
    [(1.1, 0.9, "holds"), (1.1, 1.1, "depends"), (1.0, 0.9, "depends"), (1.0, 1.1, "fails")],
)
def test_slower_and_helped_by_half_precision_are_ratios_of_neighbours(masked, half, expected):
    drift = np.linspace(1, 9, 30)  # a machine that gets slower hits all alike
    result = {"dense": drift, "masked": masked * drift, "masked, half": masked * half * drift}
    parts = {("steps", None, None): {k: v.tolist() for k, v in result.items()}}
    assert word("S1-4", parts) == expected


@pytest.mark.parametrize(("left", "expected"), [(0.9, "holds"), (0.1, "fails"), (0.85, "depends")])
def test_the_listing_fails_if_it_leaves_far_less_accuracy(left, expected):
    parts = accuracies(magnitude=(HIGH, HIGH))
    parts["printed", None, None] = {"share": 0.99, "train": left, "test": left}
    assert word("S1-5", parts) == expected


def test_the_shipped_records_are_those_of_the_whole_grid():
    shipped = sweep.recorded("pruning")
    assert [dict(row.cell) for row in shipped] == list(experiment.EXPERIMENT.grid("cpu").values())
    assert {row.status for row in shipped} == {"done"}
    for number in ("S1-1", "S1-2", "S1-3", "S1-4", "S1-5"):
        assert CLAIMS[number].verdict(shipped).word != "not testable"


def test_a_pruned_network_trains_on_from_six_starts():
    found = run("rewound", steps=10)
    assert found["starts"] == list(rewinding.STARTS)
    assert len(found["test"]) == 6
    assert all(0 <= accuracy <= 1 for accuracy in found["test"])


def test_the_first_weights_are_those_that_training_began_with():
    device.seed(3)
    fresh = models.pruning_cnn(4).state_dict()
    first = rewinding._weights_after(SMALL, steps=0, seed=3).state_dict()
    assert all(torch.equal(first[name].cpu(), fresh[name]) for name in fresh)


def test_a_shuffled_mask_keeps_as_many_weights_of_each_layer_in_other_places():
    masks = {"one": torch.arange(100) < 10, "other": torch.eye(8, dtype=torch.bool)}
    shuffled = rewinding._shuffled(masks, seed=0)
    for name, mask in masks.items():
        assert shuffled[name].shape == mask.shape
        assert shuffled[name].sum() == mask.sum()
        assert not torch.equal(shuffled[name], mask)


def test_channels_last_changes_where_weights_lie_and_nothing_else():
    model = nn.Conv2d(3, 4, 3)
    weight = model.weight.detach().clone()
    assert torch.equal(questions.channels_last(model).weight, weight)
