"""Four strangers: what they send, what is asked about it, and what became of the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradlab.course.lessons.broken_runs import signs, tasks
from gradlab.course.lessons.broken_runs.faults import FROZEN, HEALTHY, PILED, RATE, SOFTMAX
from gradlab.course.lessons.broken_runs.faults import found as found_in_the_clinic
from gradlab.course.lessons.broken_runs.patients import Patient
from gradlab.course.lessons.broken_runs.running import Edits, Run
from gradlab.course.lessons.broken_runs.strangers import scripts

EXPLODES = "a gradient that explodes, and no clip"
LABELS = "some labels are wrong"
HALF = "half of the answer is not in the data"

_ZERO = "                optimizer.zero_grad()\n"
_CLIP = "            nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
_STEP = "            optimizer.step()\n"
_OPTIMIZER = "    optimizer ="
_WATCHED = "    with watch("


@dataclass(frozen=True)
class Question:
    """A question with a reply to each choice; that to the truth begins with "Right: "."""

    ask: str
    choices: Mapping[str, str]
    truth: str


@dataclass(frozen=True, eq=False)
class Stranger:
    """A run that somebody sends.

    Args:
        suspects: asked about the curves alone.
        decides: asked before the experiment is shown.
        change: the experiment, as (old, new) pieces of the code with its faults.
        outcome: what the experiment says.
        patient: asked about all that was recorded.
        faults: the signs that the run shows.
    """

    suspects: Question
    decides: Question
    change: Edits
    outcome: str
    patient: Patient
    faults: tuple[str, ...]


def found(run: Run) -> tuple[str, ...]:
    """All faults whose sign a run has: those of the clinic, and an explosion."""
    explodes = signs.thrown_back(run) > 5
    return (*found_in_the_clinic(run), *([EXPLODES] if explodes else []))


def _before(place: str, code: str) -> tuple[str, str]:
    return place, code + place


READER = Stranger(
    Question(
        "Run N. “A tanh RNN reads twenty letters and says in which order two markers stood: four "
        "answers. It had begun to learn, and then this.” Which two suspects remain?",
        {
            "rate too large, or a gradient that explodes": "Right: the loss falls, so the data can "
            "be learned. While it falls, the norm grows, over a dozen steps and more; then the "
            "loss is thrown back to ln 4 = 1.39, and rests. Steps that are too long do that: all "
            "of them (the rate), or a few (notebook 01's cliff).",
            "one bad batch, or a gradient that explodes": "A bad batch makes one step long, and "
            "those before it are ordinary. Here the norm grows step by step before the loss "
            "turns.",
            "images and labels shuffled apart, or gain too small": "Then the loss would rest at "
            "ln 4 from the first step on. This one has been far below.",
            "softmax twice, or batches not shuffled": "The floor of four probabilities taken for "
            "logits is 0.74; this loss rests at 1.39. And sorted batches would make a saw.",
        },
        "rate too large, or a gradient that explodes",
    ),
    Question(
        "The rate is too large for every step, or only for a few, whose gradients explode. What "
        "decides?",
        {
            "clip at 1, at the same rate": "Ordinary norms are below 1 here. A clip at 1 leaves "
            "those steps as long as they are.",
            "a tenth of the rate": "It would help in both cases: a treatment, and no test.",
            "the map of the gradients, where the norm is largest": "After a step that is too long, "
            "the gradients of all layers are long, whatever made the step too long.",
            "the batches in another order": "Both would come in any order, a few steps earlier or "
            "later.",
        },
        "clip at 1, at the same rate",
    ),
    (_before(_STEP, _CLIP),),
    "With the clip it learns everything, at the same rate. So the rate was right for the ordinary "
    "steps, and a few had to be bounded.",
    Patient(
        "Run N, all that was recorded. What is it?",
        {
            EXPLODES: "Right: a gradient that explodes, and no clip. What gives it away: in the "
            "left map every row grows darker as the loss falls, and the clip alone cured it. To "
            "carry a marker along for fifteen letters, the network learns to hand on what it "
            "holds without loss; the gradient goes the same way back, through the same matrix, "
            "and a small step too far makes it grow (notebook 01).",
            "rate too large": "Close: a smaller rate helps, too. But with the clip, this rate is "
            "right.",
            "one bad batch": "The norm grows over many batches before the loss turns.",
            "weights in bfloat16": "Then whole rows of the right map would be white. Every weight "
            "moves.",
            "nothing: a healthy run": "A healthy loss may jump and come back. This one does not.",
            "a gradient that explodes, and a frozen layer": "It explodes. But no row of the left "
            "map is grey.",
        },
        EXPLODES,
        scripts.letters,
        ((_CLIP, ""),),
        1,
        tasks.order,
    ),
    (EXPLODES,),
)

SHAPES = Stranger(
    Question(
        "Run O. “Convolutions and a GRU look at a red, a green and a blue shape, and say where the "
        "red one stands, seen from the blue one: four answers. It stops at 0.75, whatever I do.” "
        "Which two suspects remain?",
        {
            "softmax twice, or wrong labels": "Right: the loss comes down to a floor and stays "
            "there, train and test alike. Either this loss cannot be lower: of four probabilities "
            "taken for logits it is ln(e + 3) - 1 = 0.74 at least. Or these labels do not let it "
            "be lower.",
            "gain too small, or a rate too small": "Both make a run slow. This one falls until it "
            "meets its floor, and is level from there on.",
            "batches not shuffled, or one bad batch": "Sorted batches make a saw, a bad one makes "
            "a jump. This curve is smooth.",
            "images and labels shuffled apart, or dead ReLUs": "Then it would rest at ln 4 = 1.39, "
            "chance for four answers.",
        },
        "softmax twice, or wrong labels",
    ),
    Question(
        "The loss cannot be lower, or the labels do not let it be lower. What decides?",
        {
            "train on one batch, again and again": "32 pictures can be learned by heart, wrong "
            "labels and all: the loss goes to 0. Unless it cannot.",
            "train for longer": "A floor stays where it is, whatever made it.",
            "a tenth of the rate": "The run meets the same floor, later, whatever made it.",
            "the map of update / weight": "At a floor the gradient is short and the weights come "
            "to rest, whatever made it.",
        },
        "train on one batch, again and again",
    ),
    (
        (
            "    with watch(",
            "    loader = [next(iter(loader))] * 60\n    with watch(",
        ),
    ),
    "On its 32 pictures, too, it stops at 0.75: so it is the loss, and not the labels.",
    Patient(
        "Run O, all that was recorded. What is it?",
        {
            "softmax twice": "Right: softmax twice. What gives it away: the floor of 0.74, which "
            "is a number of four probabilities (of ten it was 1.46), on one batch, too; and the "
            "gradients, short from the first step on. Its answers are right all the same: nearly "
            "every picture of the test. It only cannot say that it is sure.",
            LABELS: "Wrong labels can be learned by heart, as long as they are few.",
            "gain too small": "The bias of the first convolution has a short gradient at the "
            "first step, compared with the last bias. But a gain that is too small leaves the loss "
            "at ln 4.",
            "weight decay too strong": "Then the norms of the weights would fall: choose that map.",
            "nothing: a healthy run": "A healthy loss has no floor at just this number.",
            "softmax twice, and a frozen layer": "The first is true. But no row of the left map "
            "is grey.",
        },
        "softmax twice",
        scripts.shapes,
        ((_OPTIMIZER, '    model.add_module("softmax", nn.Softmax(1))\n' + _OPTIMIZER),),
        1,
        tasks.places,
    ),
    (SOFTMAX,),
)

WARMED = Stranger(
    Question(
        "Run P. “The same pictures and the same question, for a transformer. I warmed the rate up, "
        "as one should. It came down to 0.7 at once, and rests there, train and test alike. I "
        "stopped it after 60 steps.” Which two suspects remain?",
        {
            "half is not learned yet, or half cannot be learned": "Right: ln 2 = 0.69. Of four "
            "answers it has ruled out two, and guesses between the others: left or right, but not "
            "above or below. That is what it knows so far, or all that its data say (if, for "
            "example, pictures were turned upside down and kept their answers).",
            "softmax twice, or dead ReLUs": "Four probabilities taken for logits cannot come below "
            "0.74. This loss lies lower. And with dead ReLUs it would be 1.39.",
            "images and labels shuffled apart, or gain too small": "Then nothing is learned, and "
            "the loss rests at ln 4 = 1.39.",
            "rate too large, or zero_grad forgotten": "Both make the norm climb. This one is rough "
            "and keeps its size.",
        },
        "half is not learned yet, or half cannot be learned",
    ),
    Question(
        "The other half is still to come, or it is not in the data. What decides?",
        {
            "let it run on, twice as long": "What is not in the data is not learned in any time.",
            "train on one batch, again and again": "32 pictures can be learned by heart, whether "
            "their answers can be seen in them or not.",
            "ten times the rate": "If the loss still rests, you do not know whether it is the data "
            "or the new rate.",
            "clip at 1": "The loss rests; no step throws it back. There is nothing to bound.",
        },
        "let it run on, twice as long",
    ),
    (("range(1)", "range(2)"),),
    "It goes on, and falls far below 0.69: nothing was wrong but the patience.",
    Patient(
        "Run P, all that was recorded until step 60. What is it?",
        {
            HEALTHY: "Right: nothing. Every row of the left map has a colour, every weight moves, "
            "the norm is rough and keeps its size, the rate climbs because it was asked to. A loss "
            "may rest where the easy half is learned and the other is not. Its height says which "
            "half.",
            HALF: "So it looked. But it was learned in the next 60 steps, from the same pictures.",
            "a frozen layer": "No row of the left map is grey.",
            "softmax twice": "Its floor for four answers is 0.74. This loss lies below.",
            "rate too small": "The weights move by 0.1 % and more in each step.",
            "half of the answer is not in the data, and a frozen layer": "Neither: the half was "
            "learned later, and no row of the left map is grey.",
        },
        HEALTHY,
        scripts.warmed,
        (),
        1,
        tasks.places,
    ),
    (),
)

FACES = Stranger(
    Question(
        "Run Q. “A small convolutional network: face, or no face? The loop is from one project, "
        "the network from another. It learns, but the loss jumps more and more.” Which two "
        "suspects remain?",
        {
            "zero_grad forgotten, or rate too large": "Right: the norm climbs through the whole "
            "run, to dozens of times its first value. Old gradients that pile up do that, and "
            "steps that are too long may.",
            "a gradient that explodes, or one bad batch": "An explosion takes a few steps, a bad "
            "batch takes one. This norm climbs from the first step to the last.",
            "nothing: the rate is warmed up, or the batches are small": "The rate is level. Small "
            "batches make a norm rough. This one is smooth, and climbs.",
            "softmax twice, or gain too small": "Both make gradients short. These are long.",
        },
        "zero_grad forgotten, or rate too large",
    ),
    Question(
        "Old gradients pile up, or the steps are too long. What decides?",
        {
            "a tenth of the rate": "It makes steps short enough. Old gradients pile up at any "
            "rate.",
            "clip at 1": "The norm would be 1 in either case: that hides the sign, and cures "
            "nothing.",
            "the batches in another order": "The norm climbs in any order, in either case.",
            "the histogram of the last step": "In either case the elements are large by then.",
        },
        "a tenth of the rate",
    ),
    (("lr=0.001", "lr=0.0001"),),
    "At a tenth of the rate the norm climbs as before, and as smoothly. So the steps were not too "
    "long: the gradients are old.",
    Patient(
        "Run Q, all that was recorded. What is it?",
        {
            "zero_grad forgotten, and a frozen layer": "Right: zero_grad forgotten, and a frozen "
            "layer. What gives them away: the norm, which climbs smoothly; and two grey rows of the "
            "left map. The first fault is loud, the second silent: with the first mended alone, "
            "the losses are those of a healthy run, and the layer never learns.",
            PILED: "That is one. Look at the left map, row by row: is it the only one?",
            "a frozen layer": "That is one. It makes no norm climb.",
            RATE: "A tenth of the rate did not change how the norm climbs.",
            "rate too large, and a frozen layer": "The second is true. But a tenth of the rate did "
            "not change how the norm climbs.",
            "nothing: a healthy run": "A healthy norm may rise, but it is rough, since every batch "
            "is another one.",
        },
        "zero_grad forgotten, and a frozen layer",
        scripts.faces,
        (
            (_OPTIMIZER, "    model.conv2.requires_grad_(False)\n" + _OPTIMIZER),
            (_ZERO, ""),
        ),
        1,
        tasks.faces,
    ),
    (FROZEN, PILED),
)

STRANGERS = {"N": READER, "O": SHAPES, "P": WARMED, "Q": FACES}
"""Who sends a run, from easy to nasty."""
