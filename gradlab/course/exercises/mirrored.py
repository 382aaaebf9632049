"""Which pictures may be mirrored, and what are they called then?"""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law

Pair = tuple[torch.Tensor, torch.Tensor]


def spec(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    new_images, new_labels = images.clone(), labels.clone()
    for n in range(len(images)):
        partner = int(partners[int(labels[n])])
        if bool(chosen[n]) and partner >= 0:
            for x in range(images.shape[-1]):
                new_images[n, :, x] = images[n, :, images.shape[-1] - 1 - x]
            new_labels[n] = partner
    return new_images, new_labels


def mirror_labelled(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    mirrored = chosen & (partners[labels] >= 0)
    new_images = torch.where(mirrored[:, None, None], images.flip(-1), images)
    return new_images, torch.where(mirrored, partners[labels], labels)


def _rows(
    images: torch.Tensor, labels: torch.Tensor, which: torch.Tensor, answer: Pair
) -> tuple[Pair, Pair]:
    return (images[which], labels[which]), (answer[0][which], answer[1][which])


def _alike(before: Pair, after: Pair) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


LEAVES = Law(
    "leaves pictures that are not chosen, and their labels, as they are",
    "Training is to see both kinds: originals and mirror images.",
    lambda images, labels, chosen, partners, answer: _alike(
        *_rows(images, labels, ~chosen, answer)
    ),
)
MEANS = Law(
    "leaves a picture whose mirror image means nothing as it is",
    "No label is right for a mirrored 2: the only right thing is not to mirror it.",
    lambda images, labels, chosen, partners, answer: _alike(
        *_rows(images, labels, partners[labels] < 0, answer)
    ),
)
WAY = Law(
    "mirrors the other chosen pictures left to right",
    "The last dimension goes from left to right, the one before it from above to below.",
    lambda images, labels, chosen, partners, answer: torch.equal(
        images[chosen & (partners[labels] >= 0)].flip(-1),
        answer[0][chosen & (partners[labels] >= 0)],
    ),
)
FOLLOWS = Law(
    "gives a mirrored picture the label of its mirror image",
    "A left hand in the mirror is a right hand. With its old label it would teach the network that "
    "left and right are the same.",
    lambda images, labels, chosen, partners, answer: torch.equal(
        partners[labels][chosen & (partners[labels] >= 0)],
        answer[1][chosen & (partners[labels] >= 0)],
    ),
)


def mirrors_all(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> Pair:
    return mirror_labelled(images, labels, torch.ones_like(chosen), partners)


def keeps_the_labels(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> Pair:
    return mirror_labelled(images, labels, chosen, partners)[0], labels.clone()


def mirrors_what_means_nothing(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> Pair:
    new_labels = mirror_labelled(images, labels, chosen, partners)[1]
    return torch.where(chosen[:, None, None], images.flip(-1), images), new_labels


def invents_a_label(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> Pair:
    mirrored = torch.where(chosen[:, None, None], images.flip(-1), images)
    return mirrored, torch.where(chosen, partners[labels], labels)


def turns_upside_down(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> Pair:
    mirrored = chosen & (partners[labels] >= 0)
    new_images = torch.where(mirrored[:, None, None], images.flip(-2), images)
    return new_images, mirror_labelled(images, labels, chosen, partners)[1]


def forgets_the_pictures(
    images: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor, partners: torch.Tensor
) -> Pair:
    return images.clone(), mirror_labelled(images, labels, chosen, partners)[1]


exercise = Exercise(
    task="Mirror the pictures that are `chosen` left to right, and label them anew: "
    "`partners[label]` is the class of the mirror image, -1 where it means nothing; such a picture "
    "stays as it is. Return images (n, h, w) and labels (n,).",
    lines=3,
    spec=spec,
    answer=mirror_labelled,
    cases=samples.labelled,
    laws=(LEAVES, MEANS, WAY, FOLLOWS),
    hints=(
        "Which of the chosen pictures may be mirrored at all?",
        "partners[labels] is the partner of each picture's class; a picture is mirrored if it is "
        "chosen and that is 0 or more.",
        "torch.where(mirrored[:, None, None], images.flip(-1), images), and the labels likewise.",
    ),
    mistakes={
        mirrors_all: LEAVES,
        mirrors_what_means_nothing: MEANS,
        invents_a_label: MEANS,
        turns_upside_down: WAY,
        forgets_the_pictures: WAY,
        keeps_the_labels: FOLLOWS,
    },
)
