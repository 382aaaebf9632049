"""Ranking: every look-up is what torch's own pruning would do, and amounts are nested."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from gradlab import prune
from gradlab.prune.scores import Scores

SIZES = ((1, 1), (2, 3), (4, 1), (3, 3))


def network(values) -> nn.Sequential:
    """Linear layers without biases that hold these values, in order."""
    model = nn.Sequential(*(nn.Linear(n, m, bias=False) for m, n in SIZES))
    flat = torch.tensor(values, dtype=torch.float32)
    for layer, part in zip(model, flat.split([m * n for m, n in SIZES]), strict=True):
        layer.weight.data.copy_(part.view_as(layer.weight))
    return model


count = sum(m * n for m, n in SIZES)
unlike = st.permutations([(-1) ** n * (n + 1) / 7 for n in range(count)])
alike = st.lists(st.sampled_from([0.0, 0.5, -0.5, 1.0, -2.0]), min_size=count, max_size=count)
amounts = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 0.25, 1e-9, 1 - 1e-9]))


def torchs_masks(model, amount, per_layer):
    """The masks that torch itself makes, by name, as bool."""
    layers = [(layer, "weight") for layer in model]
    if per_layer:
        for layer, name in layers:
            torch_prune.l1_unstructured(layer, name, amount=amount)
    else:
        torch_prune.global_unstructured(layers, torch_prune.L1Unstructured, amount=amount)
    return {f"{n}.weight": layer.weight_mask.bool() for n, layer in enumerate(model)}


@given(unlike, amounts, st.booleans())
def test_masks_equal_torchs_to_the_element(values, amount, per_layer):
    model = network(values)
    ours = prune.rank(prune.score(model)).cut(amount, per_layer=per_layer).masks()
    theirs = torchs_masks(model, amount, per_layer)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@given(alike, amounts, st.booleans())
def test_with_ties_masks_equal_torchs_wherever_the_score_decides(values, amount, per_layer):
    """Torch leaves open which of equals goes; how many go, and everything else, it does not."""
    model = network(values)
    scores = prune.score(model).values
    cut = prune.rank(prune.score(model)).cut(amount, per_layer=per_layer)
    ours, theirs = cut.masks(), torchs_masks(model, amount, per_layer)
    for name, threshold in zip(cut.layers, cut.thresholds, strict=True):
        decided = scores[name] != threshold
        assert torch.equal(ours[name][decided], theirs[name][decided])
        if per_layer:
            assert ours[name].sum() == theirs[name].sum()
    assert sum(m.sum() for m in ours.values()) == sum(m.sum() for m in theirs.values())


@given(alike, amounts, st.booleans())
def test_counts_are_those_of_the_masks(values, amount, per_layer):
    cut = prune.rank(prune.score(network(values))).cut(amount, per_layer=per_layer)
    masks = cut.masks()
    gone = [int((~mask).sum()) for mask in masks.values()]
    assert cut.zeros.tolist() == gone
    assert cut.total == sum(gone) / count
    assert cut.per_layer.tolist() == [
        g / m.numel() for g, m in zip(gone, masks.values(), strict=True)
    ]
    assert list(cut.emptied) == [name for name, mask in masks.items() if not mask.any()]


@given(alike, amounts, amounts, st.booleans())
def test_a_larger_amount_takes_all_that_a_smaller_one_takes(values, one, other, per_layer):
    ranking = prune.rank(prune.score(network(values)))
    fewer, more = (ranking.cut(a, per_layer=per_layer).masks() for a in sorted((one, other)))
    assert all((fewer[name] >= more[name]).all() for name in fewer)


@given(alike, st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0]))
def test_a_threshold_takes_exactly_what_lies_below_it(values, threshold):
    scores = prune.score(network(values))
    cut = prune.rank(scores).cut_below(threshold)
    masks = cut.masks()
    assert all(torch.equal(masks[n], scores.values[n] >= threshold) for n in masks)
    kept = [v for v in map(abs, values) if v >= threshold]
    assert cut.thresholds.tolist() == [min(kept, default=math.inf)] * len(SIZES)


@given(unlike, amounts, st.booleans())
def test_the_threshold_of_an_amount_gives_the_amount_back_where_no_scores_are_equal(
    values, amount, per_layer
):
    scores = prune.score(network(values))
    cut = prune.rank(scores).cut(amount, per_layer=per_layer)
    for name, threshold in zip(cut.layers, cut.thresholds, strict=True):
        assert torch.equal(cut.masks()[name], scores.values[name].double() >= threshold)


@pytest.mark.parametrize(("threshold", "gone"), [(0.7, 0), (0.1, 0), (1e300, 1), (-1e300, 0)])
def test_a_threshold_is_read_in_the_precision_of_the_scores(threshold, gone):
    """As in torch: float32's 0.7 is a little below 0.7, and yet it is not smaller than it."""
    scores = torch.tensor([threshold if abs(threshold) < 1 else 0.0])
    cut = prune.rank(Scores("own", {"a": scores}, {})).cut_below(threshold)
    assert cut.zeros.tolist() == [gone] == [int((scores < threshold).sum())]


def test_reversed_scores_take_the_largest_first():
    model = network(np.arange(count))
    scores = prune.score(model)
    masks = prune.rank(scores.reversed()).cut(0.5).masks()
    flat = torch.cat([mask.flatten() for mask in masks.values()])
    assert flat.tolist() == [True] * (count - count // 2) + [False] * (count // 2)


@pytest.mark.parametrize("amount", [-0.1, 1.1, math.nan, math.inf, "half", True, None])
def test_an_amount_outside_0_and_1_is_refused(amount):
    ranking = prune.rank(prune.score(network(np.arange(count))))
    with pytest.raises(ValueError, match=r"amount must be a number from 0 to 1, got"):
        ranking.cut(amount)


def test_a_threshold_that_is_no_number_is_refused():
    ranking = prune.rank(prune.score(network(np.arange(count))))
    with pytest.raises(ValueError, match="threshold must be a number"):
        ranking.cut_below(math.nan)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_that_are_not_finite_are_refused_by_name(bad):
    scores = Scores("own", {"a": torch.ones(2), "b": torch.tensor([1.0, bad])}, {})
    with pytest.raises(ValueError, match="scores must be finite, got inf or NaN in b"):
        prune.rank(scores)


def test_no_scores_cannot_be_ranked():
    with pytest.raises(ValueError, match="scores must hold one weight or more, got none"):
        prune.rank(Scores("own", {}, {}))


def test_a_layer_that_would_be_emptied_is_named():
    values = np.concatenate([[0.1], np.arange(count - 1) + 1.0])
    cut = prune.rank(prune.score(network(values))).cut(2 / count)
    assert cut.emptied == ("0.weight",)
    assert "nothing is left of 0.weight" in repr(cut)


def test_a_layer_that_is_not_there_has_no_mask():
    scores = Scores("own", {"fc.weight": torch.tensor([[0.3, 0.1]])}, {})
    with pytest.raises(ValueError, match=r"layer must be one of 'fc\.weight', got 'fc'"):
        prune.rank(scores).cut(0.5).mask("fc")
