"""Principal components by singular value decomposition, with the mean taken out and put back.

Source: Pearson 1901, "On lines and planes of closest fit to systems of points in space"; that the
first k lose least, Eckart & Young 1936, "The approximation of one matrix by another of lower rank".
"""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree

Kept = tuple[torch.Tensor, float]


def spec(features: torch.Tensor, k: int) -> tuple[torch.Tensor, float]:
    n = len(features)
    mean = features.double().sum(0) / n
    covariance = sum(torch.outer(row - mean, row - mean) for row in features.double()) / n
    variances, directions = torch.linalg.eigh(covariance)  # rising
    kept = directions[:, -k:]
    back = [mean + kept @ (kept.T @ (row - mean)) for row in features.double()]
    return torch.stack(back).float(), float(variances[-k:].sum() / variances.sum())


def pca_by_svd(features: torch.Tensor, k: int) -> tuple[torch.Tensor, float]:
    mean = features.mean(0)
    _, lengths, rows = torch.linalg.svd(features - mean, full_matrices=False)
    back = (features - mean) @ rows[:k].T @ rows[:k] + mean
    return back, float((lengths[:k] ** 2).sum() / (lengths**2).sum())


def lost(features: torch.Tensor, back: torch.Tensor) -> float:
    """The squared error of a reconstruction, as a share of the squared distance from the mean."""
    return float((features - back).square().sum() / (features - features.mean(0)).square().sum())


MEAN = Law(
    "keeps the mean of the vectors",
    "The components describe how the vectors differ from their mean: take it away first, and add "
    "it again in the end.",
    lambda features, k, kept: agree(features.mean(0), kept[0].mean(0)),
)
FLAT = Law(
    "leaves differences in k directions at most",
    "Two vectors that agree in their first k components are the same after the reconstruction.",
    lambda features, k, kept: (
        k >= min(features.shape)
        or float(torch.linalg.svdvals(kept[0] - kept[0].mean(0))[k:].sum()) < 1e-3
    ),
)
CLOSEST = Law(
    "comes as close to the vectors as any k directions can",
    "The first rows of V transposed are the directions of the largest singular values; keep those.",
    lambda features, k, kept: lost(features, kept[0]) <= 1 - spec(features, k)[1] + 1e-3,
)
SHARE = Law(
    "gives the share of the variance that is kept",
    "Variance is a mean of squares, so that singular values enter squared; what is kept and what "
    "is lost are together all of it.",
    lambda features, k, kept: agree(spec(features, k)[1], kept[1]),
)


def forgets_the_mean(features: torch.Tensor, k: int) -> Kept:
    _, lengths, rows = torch.linalg.svd(features, full_matrices=False)
    return features @ rows[:k].T @ rows[:k], float((lengths[:k] ** 2).sum() / (lengths**2).sum())


def does_not_add_the_mean_again(features: torch.Tensor, k: int) -> Kept:
    back, share = pca_by_svd(features, k)
    return back - features.mean(0), share


def takes_one_mean_of_all_numbers(features: torch.Tensor, k: int) -> Kept:
    mean = features.mean()
    back, share = forgets_the_mean(features - mean, k)
    return back + mean, share


def keeps_all(features: torch.Tensor, k: int) -> Kept:
    return features.clone(), pca_by_svd(features, k)[1]


def keeps_one_too_many(features: torch.Tensor, k: int) -> Kept:
    return pca_by_svd(features, k + 1)[0], pca_by_svd(features, k)[1]


def keeps_the_smallest(features: torch.Tensor, k: int) -> Kept:
    mean = features.mean(0)
    _, _, rows = torch.linalg.svd(features - mean, full_matrices=False)
    return (features - mean) @ rows[-k:].T @ rows[-k:] + mean, pca_by_svd(features, k)[1]


def keeps_the_first_features(features: torch.Tensor, k: int) -> Kept:
    back = features.mean(0).repeat(len(features), 1)
    back[:, :k] = features[:, :k]
    return back, pca_by_svd(features, k)[1]


def does_not_square(features: torch.Tensor, k: int) -> Kept:
    lengths = torch.linalg.svdvals(features - features.mean(0))
    return pca_by_svd(features, k)[0], float(lengths[:k].sum() / lengths.sum())


def gives_what_is_lost(features: torch.Tensor, k: int) -> Kept:
    back, share = pca_by_svd(features, k)
    return back, 1 - share


def centres_in_place(features: torch.Tensor, k: int) -> Kept:
    mean = features.mean(0)
    back, share = pca_by_svd(features.sub_(mean), k)
    return back + mean, share


exercise = Exercise(
    task="Return `features`, a vector per row, rebuilt from their first `k` principal components, "
    "and the share of the variance that these explain.",
    lines=4,
    spec=spec,
    answer=pca_by_svd,
    cases=samples.clouds,
    laws=(MEAN, FLAT, CLOSEST, SHARE),
    hints=(
        "Subtract the mean vector. What is left is U diag(s) V^T: coordinates U s, times "
        "directions V^T.",
        "torch.linalg.svd(centred, full_matrices=False) gives U, s and V^T; the first k rows of "
        "V^T are the directions to keep.",
        "The coordinates are centred @ rows[:k].T; multiply by rows[:k] and add the mean. The "
        "share is that of the first k squares of s among all.",
    ),
    mistakes={
        forgets_the_mean: MEAN,
        does_not_add_the_mean_again: MEAN,
        takes_one_mean_of_all_numbers: MEAN,
        keeps_all: FLAT,
        keeps_one_too_many: FLAT,
        keeps_the_smallest: CLOSEST,
        keeps_the_first_features: CLOSEST,
        does_not_square: SHARE,
        gives_what_is_lost: SHARE,
        centres_in_place: UNTOUCHED,
    },
)
