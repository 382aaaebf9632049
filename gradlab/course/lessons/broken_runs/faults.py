"""The faults, as data: which lines go wrong, what gives them away, and where to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradlab.course.lessons.broken_runs import scripts, signs
from gradlab.course.lessons.broken_runs.running import Edits, Run, Script, edited

RATE = "rate too large"
BATCH = "one bad batch"
FROZEN = "a frozen layer"
APART = "images and labels shuffled apart"
GAIN = "gain too small"
DEAD = "dead ReLUs"
UNSCALED = "clipped before unscaling"
PILED = "zero_grad forgotten"
SOFTMAX = "softmax twice"
SORTED = "batches not shuffled"
BF16 = "weights in bfloat16"
DECAY = "weight decay on the gains"
HEALTHY = "nothing: a healthy run"

_MODEL = "    model = network()\n"
_START = "                optimizer.zero_grad()\n"


@dataclass(frozen=True, eq=False)
class Fault:
    """One thing that goes wrong in training.

    Args:
        name: what the menu calls it.
        script: the script that it befalls, unbroken.
        edits: (right, wrong) pieces of its code.
        sign: what the picture shows, in one or two sentences.
        why: how that comes about.
        look: where to look for it; does not name it.
        measure: of a run: the sign as a number.
        bound: above it, the sign shows.
    """

    name: str
    script: Script
    edits: Edits
    sign: str
    why: str
    look: str
    measure: Callable[[Run], float]
    bound: float

    @property
    def broken(self) -> Script:
        """The script with the fault."""
        return edited(self.script, self.edits)

    def shows(self, run: Run) -> bool:
        """Whether a run has the sign of this fault."""
        return self.measure(run) > self.bound


FAULTS = (
    Fault(
        RATE,
        scripts.plain,
        (("lr=0.05", "lr=0.6"),),
        "All layers' norms rise together, from step to step, before numbers stop being finite; "
        "each step moves a weight by a tenth of its norm, or by more than all of it.",
        "A step that is too long ends where the gradient is larger, so the next one is longer.",
        "Go to the first steps: how far does one step move a weight, and what does the norm do?",
        signs.rise,
        3.0,
    ),
    Fault(
        BATCH,
        scripts.plain,
        (("(images.std(1, keepdim=True) + 1e-6)", "images.std(1, keepdim=True)"),),
        "Everything is ordinary, and the next step is NaN in all layers: no norm rose before.",
        "One image is blank. Its deviation is 0, and 0 / 0 is NaN; one NaN in the loss is enough.",
        "Compare the last steps before the crosses with those of a healthy run.",
        signs.sudden,
        0.2,
    ),
    Fault(
        FROZEN,
        scripts.plain,
        ((_MODEL, _MODEL + "    model.linear3.requires_grad_(False)\n"),),
        "A layer has no gradient at all (grey in the left map), and never moves (white in the "
        "right one). The losses are those of a healthy run.",
        "The other layers learn around it. Such a line is left over from fine-tuning.",
        "Does every row of the left map have a colour?",
        signs.without_gradient,
        0.5,
    ),
    Fault(
        APART,
        scripts.plain,
        ((_START, "                images = images[torch.randperm(len(images))]\n" + _START),),
        "The loss goes to ln 10 = 2.30, chance for ten classes, and stays. All layers have "
        "gradients of ordinary size and move; the norm falls as the network learns to say nothing.",
        "Nothing can be learned but how often each class occurs; that is all it learns.",
        "All layers move. What do they reach, and where does the loss come to rest?",
        signs.unlearnable,
        1.4,
    ),
    Fault(
        GAIN,
        scripts.plain,
        (("network()", "network(gain=0.3)"),),
        "The loss starts at ln 10 = 2.30 and stays. At the first step already, the gradients of "
        "the biases fade from the last layer to the first, by powers of ten, and those of all "
        "weights are tiny, but not zero.",
        "Each layer shrinks what goes forward and what comes back. A bias's gradient is what comes "
        "back; a weight's is that times what came in, so all weights are about equally short.",
        "Compare the rows of the biases in the left map, the first layer's with the last one's.",
        signs.faded,
        1.0,
    ),
    Fault(
        DEAD,
        scripts.plain,
        ((_MODEL, _MODEL + "    nn.init.constant_(model.linear3.bias, -10.0)\n"),),
        "Whole rows of the left map are white: gradients of exactly zero. Only the last bias has "
        "one; the loss stays at ln 10 = 2.30.",
        "Every unit of one layer is below zero for every image: nothing passes, forward or back.",
        "What share of the elements is exactly zero? The picture says it above the histogram.",
        signs.dead,
        0.3,
    ),
    Fault(
        UNSCALED,
        scripts.scaled,
        (("                scaler.unscale_(optimizer)\n", ""),),
        "The norm is the same at every step, and tiny: max_norm / scale = 5 / 65,536. The weights "
        "do not move, and the loss stays where it started.",
        "Gradients that are 65,536 times too long were clipped to 5; then the scaler divided.",
        "Look at the height of the curve of the norm, and at its shape.",
        signs.starved,
        3.0,
    ),
    Fault(
        PILED,
        scripts.normed,
        ((_START, ""),),
        "The norm climbs to several times that of the first step, and the curve is smooth: each "
        "step has nearly the gradient of the one before. The loss turns back up.",
        "Every backward pass adds to the old gradients: the step goes where all batches of the "
        "past pointed, with all their length.",
        "Is the norm's curve as rough as that of a healthy run? Where does it go?",
        signs.piled_up,
        5.0,
    ),
    Fault(
        SOFTMAX,
        scripts.plain,
        ((_MODEL, _MODEL + '    model.add_module("softmax", nn.Softmax(1))\n'),),
        "The loss falls, but slowly and never below 1.46; train and test agree. The gradients are "
        "small from the first step on.",
        "cross_entropy takes logits. Of probabilities, its lowest value is ln(e + 9) - 1 = 1.46.",
        "What is the lowest value that the loss comes to? Would a healthy run stop there?",
        signs.floored,
        1.0,
    ),
    Fault(
        SORTED,
        scripts.plain,
        (("shuffle=True", "shuffle=False"),),
        "The loss of the batch is a saw: near zero, a jump, near zero again, at equal distances. "
        "The test loss stays high.",
        "The images are sorted by class: the network learns one class and forgets the others.",
        "Compare the two losses. What happens at equal distances?",
        signs.forgotten,
        2.0,
    ),
    Fault(
        BF16,
        scripts.normed,
        (
            ("network(norm=True)", "network(norm=True).bfloat16()"),
            ("model(images)", "model(images.bfloat16())"),
        ),
        "The gains (norm….weight) are white in the map of update / weight: they never move, though "
        "they have a gradient. The losses hardly show it.",
        "A gain is 1; the next numbers of bfloat16 are 1.0078 and 0.9961. A step of 0.001 is "
        "rounded away, every time.",
        "Which rows have a gradient in the left map, and are white in the right one?",
        signs.stuck,
        0.5,
    ),
    Fault(
        DECAY,
        scripts.normed,
        (('vectors, "weight_decay": 0.0', 'vectors, "weight_decay": 5.0'),),
        "With the map 'norm of the weight', the gains (norm….weight) fall from step to step, all "
        "alike; and the loss stops too high.",
        "In front of a norm, decay of a matrix changes nothing that it says; a gain's size is what "
        "the norm lets through.",
        "Choose the other maps. Which rows change, and by how much?",
        signs.shrunk,
        1.5,
    ),
)

NAMES = (HEALTHY, *sorted(fault.name for fault in FAULTS))
"""All diagnoses, as the menu lists them."""


def fault(name: str) -> Fault:
    """The fault of that name.

    Raises:
        ValueError: there is none.
    """
    for one in FAULTS:
        if one.name == name:
            return one
    raise ValueError(f"name must be one of {[one.name for one in FAULTS]}, got {name!r}")


def found(run: Run) -> tuple[str, ...]:
    """The names of all faults whose sign a run has."""
    return tuple(one.name for one in FAULTS if one.shows(run))
