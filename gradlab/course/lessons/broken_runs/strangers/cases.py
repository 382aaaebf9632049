"""Four strangers: what they send, what is asked about it, and what the experiment says."""

from __future__ import annotations

from gradlab.course.lessons.broken_runs import tasks
from gradlab.course.lessons.broken_runs.faults import FROZEN, HEALTHY, PILED, RATE, SOFTMAX
from gradlab.course.lessons.broken_runs.patients import Patient
from gradlab.course.lessons.broken_runs.strangers import scripts
from gradlab.course.lessons.broken_runs.strangers.stranger import EXPLODES, Question, Stranger

LABELS = "some labels are wrong"
HALF = "half of the answer is not in the data"

_ZERO = "                optimizer.zero_grad()\n"
_CLIP = "            nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
_STEP = "            optimizer.step()\n"
_OPTIMIZER = "    optimizer ="
_WATCHED = "    with watch("

READER = Stranger(
    Question(
        "Run N. “A tanh RNN reads twenty letters and says in which order two markers stood: four "
        "answers. It had begun to learn, and then this.” Which two suspects remain?",
        {
            "one bad batch, or a gradient that explodes": "A bad batch makes one step long; those "
            "before it are ordinary. Here the norm grows for ten steps before the loss turns.",
            "rate too large, or a gradient that explodes": "Right: the loss falls, so there is "
            "something to learn. While it falls, the norm grows, to ten times its size and more; "
            "then the loss is thrown back to ln 4 = 1.39, and rests. Steps that are too long do "
            "that: every step (the rate), or those with a long gradient (the cliff of notebook "
            "01).",
            "images and labels shuffled apart, or gain too small": "Then the loss would rest at "
            "ln 4 from the first step on. This one has been far below.",
            "softmax twice, or batches not shuffled": "Four probabilities taken for logits have a "
            "floor of 0.74; this loss rests at 1.39. And sorted batches would make a saw.",
        },
        "rate too large, or a gradient that explodes",
    ),
    Question(
        "Either every step is too long, or only those with a long gradient. What decides?",
        {
            "a tenth of the rate": "It would help in both cases: a treatment, and no test.",
            "the map of the gradients, where the norm is largest": "Once a step has been too long, "
            "the gradients are long, whatever made it too long.",
            "clip at 1, at the same rate": "The first norms are below 1: a clip at 1 leaves such "
            "steps as long as they are. So it cures only the second suspect.",
            "the batches in another order": "Both would come in any order, a little earlier or "
            "later.",
        },
        "clip at 1, at the same rate",
    ),
    ((_STEP, _CLIP + _STEP),),
    "With the clip it learns everything, at the same rate. So the rate was right for ordinary "
    "gradients, and only the long ones had to be shortened.",
    Patient(
        "Run N, all that was recorded. What is it?",
        {
            "rate too large": "Close: a smaller rate helps, too. But with the clip, this rate is "
            "right.",
            "weights in bfloat16": "Then whole rows of the right map would be white. Every weight "
            "moves.",
            EXPLODES: "Right: a gradient that explodes, and no clip. What gives it away: the row "
            "of rnn.weight_hh_l0, by which the network hands on what it holds from letter to "
            "letter. It becomes the brightest of all before the loss turns. To carry a marker on "
            "for fifteen letters nothing may fade; then little is missing until the gradient grows "
            "with each of them. Afterwards the recurrent rows turn dark: tanh is saturated, and "
            "the run does not come back by itself.",
            "one bad batch": "The norm grows over many batches before the loss turns.",
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
            "gain too small, or a rate too small": "Both make a run slow. This one falls until it "
            "meets its floor, and is level from there on.",
            "batches not shuffled, or one bad batch": "Sorted batches make a saw, a bad one makes "
            "a jump. This curve is smooth.",
            "softmax twice, or wrong labels": "Right: the loss comes down to a floor and stays "
            "there, train and test alike. Either this loss cannot be lower: of four probabilities "
            "taken for logits it is ln(e + 3) - 1 = 0.74 at least. Or these labels do not let it "
            "be lower.",
            "images and labels shuffled apart, or dead ReLUs": "Then it would rest at ln 4 = 1.39, "
            "chance for four answers.",
        },
        "softmax twice, or wrong labels",
    ),
    Question(
        "Either this loss cannot be lower, or the labels do not let it. What decides?",
        {
            "train on one batch, again and again": "32 pictures can be learned by heart, wrong "
            "labels and all: then the loss goes to 0. Unless it cannot.",
            "train for longer": "A floor stays where it is, whatever made it.",
            "a tenth of the rate": "The run meets the same floor, later, whatever made it.",
            "the map of update / weight": "At a floor the gradient is short and the weights come "
            "to rest, whatever made it.",
        },
        "train on one batch, again and again",
    ),
    ((_WATCHED, "    loader = 60 * [next(iter(loader))]\n" + _WATCHED),),
    "On 32 pictures, too, it stops at 0.75: so it is the loss, and not the labels.",
    Patient(
        "Run O, all that was recorded. What is it?",
        {
            LABELS: "Wrong labels of one batch can be learned by heart.",
            "gain too small": "At the first step the gradient of the first bias is short, compared "
            "with that of the last one. But a gain that is too small leaves the loss at ln 4.",
            "softmax twice, and a frozen layer": "The first is true. But no row of the left map "
            "is grey.",
            "weight decay too strong": "Then the norms of the matrices would fall: choose that "
            "map. They rise.",
            SOFTMAX: "Right: softmax twice. What gives it away: the floor of 0.74, which is that "
            "of four probabilities (of ten it was 1.46), and which holds for one batch, too; and "
            "the gradients, short from the first step on. Nearly all its answers on the test "
            "pictures are right all the same. It only cannot say that it is sure.",
            "nothing: a healthy run": "A healthy loss has no floor at just this number.",
        },
        SOFTMAX,
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
        "as one should. The loss came down to 0.7 at once and rests there, train and test alike. "
        "I stopped it after 60 steps.” Which two suspects remain?",
        {
            "softmax twice, or dead ReLUs": "Four probabilities taken for logits cannot come below "
            "0.74, and the mean of the last steps is lower. With dead ReLUs it would be 1.39.",
            "images and labels shuffled apart, or gain too small": "Then nothing is learned, and "
            "the loss rests at ln 4 = 1.39.",
            "rate too large, or zero_grad forgotten": "Both make the norm climb. This one is rough "
            "and does not.",
            "half is not learned yet, or half cannot be learned": "Right: ln 2 = 0.69. Of the four "
            "answers it rules out two, and guesses between the others: it knows above from below, "
            "say, but not left from right. That is what it knows so far, or it is all that its "
            "data say (if, for example, an augmentation mirrors pictures and keeps their answers).",
        },
        "half is not learned yet, or half cannot be learned",
    ),
    Question(
        "Either the other half is still to come, or it is not in the data. What decides?",
        {
            "train on one batch, again and again": "32 pictures can be learned by heart, whether "
            "their answers can be seen in them or not.",
            "let it run on, twice as long": "What is not in the data is not learned in any time.",
            "ten times the rate": "If the loss still rests, you do not know whether it is the data "
            "or the new rate.",
            "clip at 1": "The loss rests; no step throws it back. There is nothing to shorten.",
        },
        "let it run on, twice as long",
    ),
    (("range(1)", "range(2)"),),
    "It falls far below 0.69, with the same pictures. The half was still to come.",
    Patient(
        "Run P, all that was recorded until step 60. What is it?",
        {
            HALF: "So it looked. But it was learned in the next 60 steps, from the same pictures.",
            "a frozen layer": "No row of the left map is grey.",
            SOFTMAX: "Its floor for four answers is 0.74. This loss went far below.",
            "rate too small": "The matrices move by about half a per cent a step, as those of a "
            "healthy run.",
            "half of the answer is not in the data, and a frozen layer": "The half was learned "
            "later, and no row of the left map is grey.",
            HEALTHY: "Right: nothing. Every row of the left map has a colour, every weight moves, "
            "the norm is rough, the rate climbs because it was asked to. A loss may rest where an "
            "easy part is learned and a hard one is not yet. Its height says which part, if you "
            "can work it out.",
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
        "Run Q. “A small convolutional network: a face, or none? The loop is from one project, the "
        "network from another. It learns, but the loss jumps more and more.” Which two suspects "
        "remain?",
        {
            "a gradient that explodes, or one bad batch": "An explosion takes a few steps, a bad "
            "batch takes one. This norm climbs from the first step to the last.",
            "zero_grad forgotten, or rate too large": "Right: the norm climbs through the run, to "
            "dozens of times its first size. Old gradients that pile up do that, and steps that "
            "are too long may.",
            "nothing: the rate is warmed up, or the batches are small": "The rate is level. And "
            "small batches make a norm rough. This one is smooth.",
            "softmax twice, or gain too small": "Both make gradients short. These are long.",
        },
        "zero_grad forgotten, or rate too large",
    ),
    Question(
        "Either old gradients pile up, or the steps are too long. What decides?",
        {
            "clip at 1": "The norm would be 1 in both cases: that hides the sign, and cures "
            "nothing.",
            "the batches in another order": "The norm climbs in any order, in both cases.",
            "the histogram of the last step": "In both cases the elements are large by then.",
            "a tenth of the rate": "It makes the steps short enough. Old gradients pile up at any "
            "rate.",
        },
        "a tenth of the rate",
    ),
    (("lr=0.001", "lr=0.0001"),),
    "At a tenth of the rate the norm climbs as before, and as smoothly. So the steps were not too "
    "long: the gradients are old.",
    Patient(
        "Run Q, all that was recorded. What is it?",
        {
            PILED: "That is one. Look at the left map, row by row: is it the only one?",
            RATE: "A tenth of the rate did not change how the norm climbs.",
            "rate too large, and a frozen layer": "The second is true. But a tenth of the rate did "
            "not change how the norm climbs.",
            "zero_grad forgotten, and a frozen layer": "Right: zero_grad forgotten, and a frozen "
            "layer. What gives them away: the norm, which climbs smoothly; and two grey rows of "
            "the left map. The first fault is loud, the second silent. With the first one mended "
            "alone, the losses are those of a healthy run, and a layer never learns.",
            FROZEN: "That is one. But it makes no norm climb.",
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
