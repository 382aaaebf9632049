"""Projections keep what they promise, and agree with numpy, scikit-learn and closed forms."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

from gradlab import compress, data, models
from gradlab.compress import PCA


def cloud(n=200, d=12, seed=0):
    """Vectors that vary differently in each direction, away from the origin."""
    generator = torch.Generator().manual_seed(seed)
    turned, _ = torch.linalg.qr(torch.randn(d, d, generator=generator))
    stretched = torch.randn(n, d, generator=generator) * torch.linspace(3, 0.1, d)
    return stretched @ turned + 5


def groups(n=300, d=14, classes=3, seed=0):
    """Vectors around one centre for each class, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    centres = 2 * torch.randn(classes, d, generator=generator)
    return centres[labels] + torch.randn(n, d, generator=generator), labels


# Unit length


@given(st.integers(1, 5), st.integers(1, 6), st.floats(0.01, 100))
def test_unit_length_keeps_directions_and_is_idempotent(n, d, factor):
    vectors = torch.randn(n, d, generator=torch.Generator().manual_seed(n * 10 + d))
    unit = compress.unit_length(vectors)
    assert torch.allclose(unit.norm(dim=1), torch.ones(n))
    assert torch.allclose(compress.unit_length(unit), unit, atol=1e-6)
    assert torch.allclose(compress.unit_length(factor * vectors), unit, atol=1e-5)
    assert torch.allclose(nn.functional.normalize(vectors), unit, atol=1e-6)


def test_a_vector_of_zeros_has_no_direction_and_stays():
    assert compress.unit_length(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2


# Principal components


def test_pca_agrees_with_numpys_svd_and_with_the_covariance():
    vectors = cloud()
    pca, centred = PCA.fit(vectors), (vectors - vectors.mean(0)).double().numpy()
    _, lengths, rows = np.linalg.svd(centred, full_matrices=False)
    assert pca.explained_variance.numpy() == pytest.approx(lengths**2 / 199, rel=1e-4)
    assert np.abs(np.sum(rows * pca.components.numpy(), 1)) == pytest.approx(1, abs=1e-4)
    short = pca.project(vectors, 5).double().numpy()
    assert np.abs(short) == pytest.approx(np.abs(centred @ rows[:5].T), abs=1e-3)
    eigenvalues = np.linalg.eigvalsh(np.cov(vectors.double().numpy().T))[::-1]
    assert pca.explained_variance.numpy() == pytest.approx(eigenvalues, rel=1e-4)


def test_pca_agrees_with_scikit_learn_signs_and_all():
    decomposition = pytest.importorskip("sklearn.decomposition")
    vectors = cloud()
    theirs = decomposition.PCA(5).fit(vectors.double().numpy())
    ours = PCA.fit(vectors)
    assert ours.components[:5].numpy() == pytest.approx(theirs.components_, abs=1e-3)
    ratios = ours.explained_variance_ratio[:5].numpy()
    assert ratios == pytest.approx(theirs.explained_variance_ratio_, rel=1e-4)


@given(st.integers(2, 20), st.integers(1, 10), st.integers(0, 100))
def test_what_k_components_lose_is_the_variance_of_the_others(n, d, seed):
    vectors = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    pca, total = PCA.fit(vectors), float((vectors - vectors.mean(0)).square().sum())
    for k in range(1, len(pca.components) + 1):
        short = pca.project(vectors, k)
        lost = float((vectors - pca.reconstruct(short)).square().sum())
        kept = float(pca.explained_variance_ratio[:k].sum())
        assert lost / total == pytest.approx(1 - kept, abs=1e-4)
        assert torch.allclose(pca.project(pca.reconstruct(short), k), short, atol=1e-4)


def test_all_components_lose_nothing_and_keep_all_distances():
    vectors = cloud()
    pca = PCA.fit(vectors)
    short = pca.project(vectors, 12)
    assert torch.allclose(pca.reconstruct(short), vectors, atol=1e-4)
    assert torch.allclose(compress.distortion(vectors, short), torch.tensor(1.0), rtol=1e-3)


def test_no_projection_of_the_same_length_explains_more_than_pca():
    vectors = cloud()
    pca = PCA.fit(vectors)
    for k in (1, 3, 6):
        best = compress.explained(pca.project(vectors, k), vectors)
        assert best == pytest.approx(float(pca.explained_variance_ratio[:k].sum()), abs=1e-4)
        for seed in range(5):
            short = compress.random_projection(12, k, seed=seed)(vectors)
            assert compress.explained(short, vectors) < best


def test_fewer_vectors_than_features_span_one_direction_less_than_there_are_vectors():
    pca = PCA.fit(cloud(n=4))
    assert pca.components.shape == (3, 12)
    with pytest.raises(ValueError, match="k must be a whole number from 1 to 3, got 4"):
        pca.project(cloud(), 4)


# Random projections


def test_a_random_projection_keeps_squared_lengths_on_average_as_closely_as_chi_square_says():
    vector = torch.randn(1, 50)
    maps = [compress.random_projection(50, 10, seed=seed) for seed in range(400)]
    ratios = torch.stack([each(vector).square().sum() for each in maps]) / vector.square().sum()
    # chi-square with 10 degrees of freedom, over 10: mean 1, deviation sqrt(2 / 10)
    assert float(ratios.mean()) == pytest.approx(1, abs=4 * (0.2 / 400) ** 0.5)
    assert float(ratios.std()) == pytest.approx(0.2**0.5, rel=0.15)


def test_a_random_projection_is_its_seed():
    one, same, other = (compress.random_projection(9, 3, seed=s).weight for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("points", "epsilon"), [(2, 0.9), (300, 0.5), (10**6, 0.1)])
def test_enough_dimensions_agree_with_scikit_learn(points, epsilon):
    theirs = pytest.importorskip("sklearn.random_projection").johnson_lindenstrauss_min_dim
    assert compress.enough(points, epsilon) == theirs(points, eps=epsilon) + 1  # which rounds down


def test_with_enough_dimensions_no_distance_is_off_by_more_than_promised():
    vectors = torch.randn(60, 2000)
    k = compress.enough(60, 0.5)
    ratios = compress.distortion(vectors, compress.random_projection(2000, k)(vectors))
    assert len(ratios) == 60 * 59 // 2
    assert float((ratios - 1).abs().max()) < 0.5


def test_pairs_of_equal_vectors_have_no_distortion():
    vectors = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert compress.distortion(vectors, vectors).tolist() == [1.0, 1.0]


# What is read from short vectors


def test_the_decoder_of_principal_components_is_pcas_own_reconstruction():
    vectors = cloud()
    pca = PCA.fit(vectors)
    short = pca.project(vectors, 3)
    drawn = compress.decoder(short, vectors)(short)
    assert torch.allclose(drawn, pca.reconstruct(short), atol=1e-3)


def test_the_decoder_is_numpys_least_squares():
    short, targets = cloud(d=4), cloud(d=7, seed=1)
    table = np.column_stack([short, np.ones(len(short))]).astype(np.float64)
    theirs = np.linalg.lstsq(table, targets.double().numpy())[0]
    ours = compress.decoder(short, targets)
    assert ours.weight.numpy() == pytest.approx(theirs[:-1], abs=1e-3)
    assert ours.bias.numpy() == pytest.approx(theirs[-1], abs=1e-2)
    assert ours.parameters == 5 * 7


def test_the_classifier_agrees_with_scikit_learns_logistic_regression():
    linear_model = pytest.importorskip("sklearn.linear_model")
    vectors, labels = groups()
    length = float((vectors - vectors.mean(0)).square().sum(1).mean().sqrt())
    decay = 1e-3
    inputs = ((vectors - vectors.mean(0)) / length).double().numpy()
    theirs = linear_model.LogisticRegression(C=1 / (2 * decay * 300), tol=1e-8, max_iter=1000)
    wanted = theirs.fit(inputs, labels.numpy()).predict_proba(inputs)
    ours = compress.classifier(vectors, labels, weight_decay=decay, iterations=200)
    assert ours(vectors).softmax(1).numpy() == pytest.approx(wanted, abs=2e-3)


def test_the_classifier_does_not_depend_on_scale_or_origin():
    vectors, labels = groups()
    here, there = (compress.classifier(v, labels)(v) for v in (vectors, 100 * vectors + 7))
    assert torch.allclose(here, there, atol=0.05)


def test_a_learned_bottleneck_finds_the_classes_where_pca_finds_only_variance():
    vectors, labels = groups(classes=2)
    vectors = torch.cat([vectors, 20 * torch.randn(300, 14)], 1)  # loud, and no clue
    short = {
        "learned": compress.bottleneck(vectors, labels, 1, seed=0)(vectors),
        "pca": PCA.fit(vectors).project(vectors, 1),
    }
    read = {
        name: compress.accuracy(compress.classifier(z, labels), z, labels)
        for name, z in short.items()
    }
    assert read["learned"] > 0.95
    assert read["pca"] < 0.65


@pytest.mark.parametrize("kind", compress.MAPS)
def test_a_bottleneck_is_its_seed_and_leaves_torchs_own_stream_alone(kind):
    vectors, labels = groups()
    state = torch.random.get_rng_state()
    first, again, other = (
        compress.bottleneck(vectors, labels, 2, kind=kind, seed=seed, steps=3)(vectors)
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first, again)
    assert first.shape == (300, 2)
    assert not torch.equal(first, other)
    assert not first.requires_grad


def test_features_are_what_the_front_of_the_network_makes_of_the_pictures():
    digits, network = data.load("digits", "test"), models.clipping_cnn(2, channels=1, size=28)
    network.train()
    features = compress.features(network, digits)
    assert features.shape == (1000, 196)
    assert network.training
    rest = network[7:](features[:5])
    assert torch.allclose(rest, network(digits.standardise(digits.images[:5])), atol=1e-5)
    with pytest.raises(ValueError, match=r"layer must be one of 'conv1', .*, got 'nose'"):
        compress.features(network, digits, layer="nose")


# Bad input


VECTORS, LABELS = groups()
EQUAL = torch.ones(5, 3)
HOLE = torch.tensor([[1.0, float("nan")], [float("inf"), 0.0]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: PCA.fit([[1.0]]), TypeError, "features must be a floating-point tensor, got a l"),
        (lambda: PCA.fit(torch.ones(2, 2).int()), TypeError, "got a torch.int32 tensor"),
        (lambda: PCA.fit(torch.ones(3)), ValueError, r"features must have shape \(n, d\).*\(3,\)"),
        (lambda: PCA.fit(torch.ones(0, 3)), ValueError, r"got \(0, 3\)"),
        (lambda: PCA.fit(HOLE), ValueError, "features must be finite, got 2 infinite or NaN of 4"),
        (lambda: PCA.fit(VECTORS[:1]), ValueError, "two vectors or more, got 1"),
        (lambda: PCA.fit(EQUAL), ValueError, "features must differ, got 5 equal vectors"),
        (lambda: PCA.fit(VECTORS).project(VECTORS, 0), ValueError, "k .* from 1 to 14, got 0"),
        (lambda: PCA.fit(VECTORS).project(EQUAL, 1), ValueError, r"shape \(n, 14\), got \(n, 3\)"),
        (lambda: PCA.fit(VECTORS).reconstruct(cloud(d=15)), ValueError, "1 to 14, got 15"),
        (lambda: compress.unit_length(HOLE), ValueError, "must be finite"),
        (lambda: compress.random_projection(4, 5), ValueError, "k .* from 1 to 4, got 5"),
        (lambda: compress.random_projection(4, 2, seed=-1), ValueError, "seed .*, got -1"),
        (lambda: compress.enough(1, 0.5), ValueError, "points .* 2 or more, got 1"),
        (lambda: compress.enough(9, 1.0), ValueError, r"epsilon .* in \(0, 1\), got 1.0"),
        (lambda: compress.distortion(EQUAL, EQUAL), ValueError, "before .* got 5 equal ones"),
        (lambda: compress.distortion(EQUAL, VECTORS), ValueError, "after must hold 5 vectors"),
        (lambda: compress.decoder(VECTORS[:9], VECTORS[:9]), ValueError, "more vectors than"),
        (lambda: compress.decoder(VECTORS, EQUAL), ValueError, "targets must hold 300 vectors"),
        (lambda: compress.classifier(EQUAL, LABELS[:5]), ValueError, "features must differ"),
        (
            lambda: compress.classifier(VECTORS, LABELS[:5]),
            ValueError,
            r"labels must be .*\(300,\)",
        ),
        (lambda: compress.classifier(VECTORS, LABELS - 1), ValueError, "labels must .* from -1"),
        (lambda: compress.bottleneck(VECTORS, LABELS, 15, seed=0), ValueError, "1 to 14, got 15"),
        (
            lambda: compress.bottleneck(VECTORS, LABELS, 2, kind="gru", seed=0),
            ValueError,
            "kind must be one of 'linear', 'relu', 'lstm', got 'gru'",
        ),
        (
            lambda: compress.bottleneck(VECTORS[:, :9], LABELS, 2, kind="lstm", seed=0),
            ValueError,
            "features must have a multiple of 7 numbers, got 9",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
