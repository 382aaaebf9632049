"""Maps to short vectors keep what they promise, and agree with numpy, torch and closed forms."""

import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

from gradlab.course import data, models
from gradlab.course.lessons import features
from gradlab.course.lessons.features import maps, reading
from gradlab.course.lessons.features.lengths import shorten
from gradlab.course.lessons.features.vectors import Vectors


def cloud(n=200, d=12, seed=0):
    """Vectors that vary differently in each direction, away from the origin."""
    generator = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(generator.normal(size=(d, d)))
    stretched = generator.normal(size=(n, d)) * np.linspace(3, 0.1, d)
    return (stretched @ turned + 5).astype(np.float32)


def groups(n=300, d=14, classes=3, seed=0):
    """Vectors around one centre for each class, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = 2 * generator.normal(size=(classes, d))
    return (centres[labels] + generator.normal(size=(n, d))).astype(np.float32), labels


def mapped(by, vectors, k, labels=None, seed=0):
    labels = np.zeros(len(vectors), int) if labels is None else labels
    return maps.fit(by, vectors, labels, k, seed=seed).transform(vectors)


def svd(vectors):
    """Singular values and right singular vectors, as rows, about the mean."""
    centred = vectors.astype(float) - vectors.mean(0, dtype=float)
    return centred, *np.linalg.svd(centred, full_matrices=False)[1:]


# Feature vectors


def test_features_are_what_the_front_of_the_network_makes_of_the_pictures():
    digits, network = data.load("digits", "test"), models.clipping_cnn(2, channels=1, size=28)
    network.train()
    vectors = features.extract(network, digits)
    assert vectors.shape == (1000, 196)
    assert vectors.dtype == np.float32
    assert network.training
    rest = network[7:](torch.from_numpy(vectors[:5]))
    assert torch.allclose(rest, network(digits.standardise(digits.images[:5])), atol=1e-5)
    with pytest.raises(ValueError, match=r"layer must be one of 'conv1', .*, got 'nose'"):
        features.extract(network, digits, layer="nose")


@given(st.integers(1, 5), st.integers(1, 6), st.floats(0.01, 100))
def test_unit_length_keeps_directions_and_is_idempotent(n, d, factor):
    def unit(table):
        return Vectors(table, np.zeros(n, int), table, np.zeros(n, int)).unit_length().train

    table = cloud(n, d)
    wanted = nn.functional.normalize(torch.from_numpy(table)).numpy()
    assert unit(table) == pytest.approx(wanted, abs=1e-6)
    assert unit(unit(table)) == pytest.approx(wanted, abs=1e-6)
    assert unit(np.float32(factor) * table) == pytest.approx(wanted, abs=1e-5)
    assert unit(0 * table).tolist() == (0 * table).tolist()  # it has no direction, and stays


@pytest.mark.parametrize("size", [1, 5])
def test_distortion_is_the_ratio_of_squared_distances(size):
    before, after = cloud(6, 4), size * cloud(6, 3, seed=1)
    apart, mapped = (((t[:, None] - t) ** 2).sum(2)[np.triu_indices(6, 1)] for t in (before, after))
    assert features.distortion(before, after) == pytest.approx(mapped / apart, rel=1e-4)


def test_pairs_of_equal_vectors_have_no_distortion():
    vectors = np.float32([[0, 1], [0, 1], [1, 0]])
    assert features.distortion(vectors, vectors).tolist() == [1.0, 1.0]


# Principal components


def test_principal_components_are_numpys_svd():
    vectors = cloud()
    centred, _, rows = svd(vectors)
    for k in (1, 5, 12):
        short = mapped("pca", vectors, k)
        assert np.abs(short) == pytest.approx(np.abs(centred @ rows[:k].T), abs=1e-3)


def test_all_components_lose_nothing_and_keep_all_distances():
    vectors = cloud()
    short = mapped("pca", vectors, 12)
    assert reading.guess(short, vectors, short) == pytest.approx(vectors, abs=1e-3)
    assert features.distortion(vectors, short) == pytest.approx(1, rel=1e-3)


def test_principal_components_explain_their_share_of_variance_and_no_other_map_as_much():
    vectors = cloud()
    _, lengths, _ = svd(vectors)
    for k in (1, 3, 6):
        best = reading.explained(mapped("pca", vectors, k), vectors)
        assert best == pytest.approx((lengths[:k] ** 2).sum() / (lengths**2).sum(), abs=1e-5)
        for seed in range(5):
            assert reading.explained(mapped("random", vectors, k, seed=seed), vectors) < best


# Random projections


def test_a_random_projection_keeps_squared_lengths_on_average_as_closely_as_chi_square_says():
    pair = np.stack([np.zeros(50), np.arange(50)]).astype(np.float32)
    ratios = np.concatenate(
        [features.distortion(pair, mapped("random", pair, 10, seed=seed)) for seed in range(400)]
    )
    # chi-square with 10 degrees of freedom, over 10: mean 1, deviation sqrt(2 / 10)
    assert ratios.mean() == pytest.approx(1, abs=4 * (0.2 / 400) ** 0.5)
    assert ratios.std() == pytest.approx(0.2**0.5, rel=0.15)


# What is learned


def test_a_learned_bottleneck_finds_the_classes_where_pca_finds_only_variance():
    vectors, labels = groups(classes=2)
    loud = 20 * cloud(300, 14, seed=1)  # and no clue
    vectors = np.hstack([vectors, loud - loud.mean(0)])
    short = {by: mapped(by, vectors, 1, labels) for by in ("linear", "pca")}
    read = {by: reading.classifier(z, labels).score(z, labels) for by, z in short.items()}
    assert read["linear"] > 0.95
    assert read["pca"] < 0.65


@pytest.mark.parametrize("by", ["random", "linear", "relu", "lstm"])
def test_a_map_is_its_seed_and_leaves_the_streams_of_the_process_alone(by):
    vectors, labels = groups()
    state, numpys = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first, again, other = (mapped(by, vectors, 2, labels, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.random.get_state()[1].tolist() == numpys  # noqa: NPY002
    assert first.shape == (300, 2)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("by", "parameters"),
    [
        ("none", 0),
        ("pca", 15 * 2),
        ("random", 14 * 2),
        ("linear", 15 * 2),
        ("relu", 15 * 64 + 65 * 2),
        ("lstm", 4 * 64 * (2 + 64 + 2) + 65 * 2),
    ],
)
def test_the_parameters_of_a_map_are_counted(by, parameters):
    vectors, labels = groups()
    k = 14 if by == "none" else 2
    assert maps.fit(by, vectors, labels, k, seed=0).parameters == parameters


# What is read from short vectors


def test_the_guess_is_numpys_least_squares():
    short, targets, others = cloud(d=4), cloud(d=7, seed=1), cloud(9, 4, seed=2)
    table, asked = (np.column_stack([z, np.ones(len(z))]).astype(float) for z in (short, others))
    wanted = asked @ np.linalg.lstsq(table, targets.astype(float))[0]
    assert reading.guess(short, targets, others) == pytest.approx(wanted, abs=1e-3)


def test_the_guess_from_principal_components_is_pcas_own_reconstruction():
    vectors = cloud()
    centred, _, rows = svd(vectors)
    back = centred @ rows[:3].T @ rows[:3] + vectors.mean(0)
    short = mapped("pca", vectors, 3)
    assert reading.guess(short, vectors, short) == pytest.approx(back, abs=1e-3)


def test_at_the_classifier_the_gradient_of_the_regularised_cross_entropy_is_zero():
    vectors, labels = groups()
    centred = torch.from_numpy(vectors - vectors.mean(0)).double()
    length = centred.square().sum(1).mean().sqrt()
    found = reading.classifier(vectors, labels)
    weight = (torch.from_numpy(found.coef_).double() * length).requires_grad_()
    bias = torch.from_numpy(found.intercept_ + found.coef_ @ vectors.mean(0)).double()

    def gradient(weight):
        logits = centred / length @ weight.T + bias
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels))
        loss = loss + reading.WEIGHT_DECAY * weight.square().sum()
        return torch.autograd.grad(loss, weight)[0].abs().max()

    assert gradient(weight) < 1e-3
    assert gradient(torch.zeros_like(weight, requires_grad=True)) > 0.1


def test_the_classifier_does_not_depend_on_scale_or_origin():
    vectors, labels = groups()
    here, there = (
        reading.classifier(v, labels).decision_function(v) for v in (vectors, 100 * vectors + 7)
    )
    assert here == pytest.approx(there, abs=0.1)


# From vectors to numbers


def test_the_pipeline_maps_reads_and_counts():
    (train, labels), (test, test_labels) = groups(), groups(90)
    short = shorten(Vectors(train, labels, test, test_labels), "pca", 2)
    assert short.k == 2
    assert short.accuracy == (short.named == test_labels).mean() > 0.8
    assert (short.map_parameters, short.classifier_parameters) == (30, 9)
    _, lengths, _ = svd(train)
    wanted = (lengths[:2] ** 2).sum() / (lengths**2).sum()
    assert short.explained == pytest.approx(wanted, abs=1e-5)
    assert short.map_seconds > 0 < short.classifier_seconds


def test_no_map_leaves_the_vectors_as_they_are():
    train, labels = groups()
    short = shorten(Vectors(train, labels, train, labels), "none", 14)
    assert short.train is train
    assert short.explained == 1
    assert short.accuracy == short.train_accuracy


def test_the_lesson_loads_without_scikit_learn_and_starts_no_graphics():
    code = "import sys; from gradlab.course.lessons import features; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "gradlab.course.lessons.features" in loaded.split()
    assert not {"sklearn", "scipy", "matplotlib.pyplot"} & set(loaded.split())


# Bad input


VECTORS, LABELS = groups()
EQUAL = np.ones((5, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mapped("dice", VECTORS, 2), "by must be one of 'none', 'pca', .*, got 'dice'"),
        (lambda: mapped("pca", VECTORS, 15), "k .* from 1 to 14, got 15"),
        (lambda: mapped("random", VECTORS, 0), "k .* from 1 to 14, got 0"),
        (lambda: mapped("none", VECTORS, 2), "k .* from 14 to 14, got 2"),
        (lambda: mapped("lstm", VECTORS[:, :9], 2), "must have a multiple of 7 numbers, got 9"),
        (lambda: mapped("linear", EQUAL, 2), "vectors must differ, got 5 equal ones"),
        (lambda: reading.classifier(EQUAL, LABELS[:5]), "vectors must differ, got 5 equal ones"),
        (lambda: features.distortion(EQUAL, EQUAL), "before .* got 5 equal ones"),
        (lambda: features.distortion(EQUAL, VECTORS), "after must hold 5 vectors"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
