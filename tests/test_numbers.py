"""Every number in the notebooks' prose stands on something that was computed.

A number is supported that stands, to the digits that prose gives, in an output or in the code of
its section or of the section before; under "What we saw", of any section. So is a setting of a
recorded grid that the notebook reads, or the number of its runs; and a number that was supported
further up. What prose works out from such numbers stands in ``DERIVED``, with how.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from math import acos, degrees, exp, nan

import nbformat
import pytest
import refresh_notebooks
import torch

from gradlab.course import data, models, sweep
from gradlab.course.lessons.pruning.questions import AMOUNTS
from gradlab.course.lessons.spikes import detector, language, runs, treatments

pytestmark = pytest.mark.once

NOTEBOOKS = sorted(refresh_notebooks.NOTEBOOKS.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

DIGITS = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
ALONE = r"(?<![\w.,$^/-])"
UNIT = r"\s?%| per cent| points?\b"
NOT_ASKED = {
    "formulas define": r"\$\$.*?\$\$|\$[^$\n]*(?:\n[^$\n]*)?\$",
    "code defines": r"```.*?```|`[^`]*`",
    "addresses": r"\]\([^)]*\)",
    "sources": r"\*\*Sources\.\*\*.*",
    "years": r"\b(?:1[89]|20)\d\d\b(?![.,]\d| %)",
    "numbers of list items and rows": r"^(?:\d+\.|\*\*\d+\.)\s|^\| *\d+ *\|",
    "notebooks by number": r"(?<![\w.,])0\d\b(?![.,]\d)",
    "references": r"\b(?:[Nn]otebook|[Ss]ection|[Ff]igure|[Ee]quation|[Cc]laim|CIFAR)s?[ -]\d+"
    r"(?:(?:,| and| or| to|–) ?\d+)*",
    "minutes of the reader's time": r"\b(?:\d+|a quarter|half) (?:of )?an? (?:minute|hour)\b"
    r"|\bhour and a (?:quarter|half)\b",
    "counts below ten, which the reader sees": rf"{ALONE}\d(?![\w.,/]*\d|{UNIT})",
}
SKIPPED = re.compile("|".join(NOT_ASKED.values()), re.DOTALL | re.MULTILINE)
IN_PROSE = re.compile(rf"{ALONE}(?P<digits>{DIGITS})(?![\w/]|\.\d|-(?!fold)\w)(?P<unit>{UNIT})?")
IN_OUTPUT = re.compile(rf"(?<!\w)(?P<digits>{DIGITS})(?P<exponent>e[+-]?\d+)?(?P<unit>{UNIT})?")
ROUGHLY = re.compile(r"(?i)\b(?:about|some|nearly|around|almost|over|under|than|roughly|least)\s+$")
ROUGH = 0.1  # of a number: more than this no rounding may take away
PARTS = {"third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
PARTS |= {"twelfth": 12, "twentieth": 20, "hundredth": 100, "thousandth": 1000}
COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "nine": 9}
IN_WORDS = re.compile(  # "a third of it", not "a third reason"
    rf"(?i)\b(?:(?P<count>{'|'.join(COUNTS)}) (?P<part>{'|'.join(PARTS)})(?:s\b|\b(?= of| less"
    r"| more| is| are| as|[^\w\s]|$))|half (?:a|of|as)\b)"
)


@dataclass(frozen=True)
class Number:
    """A number of the prose, how far what supports it may be, and where it stands."""

    text: str
    value: float
    slack: float
    unit: str
    sentence: str


def numbers(prose):
    """The numbers in a markdown cell, but those of a kind that is not asked."""
    asked = SKIPPED.sub(" – ", prose)
    for hit in IN_PROSE.finditer(asked):
        digits = hit["digits"].replace(",", "")
        decimals = len(digits.partition(".")[2])
        if not decimals and ROUGHLY.search(asked[: hit.start()]):
            decimals = len(digits.rstrip("0")) - len(digits)
        value = float(digits)
        slack = min(0.5 * 10.0**-decimals, ROUGH * value)
        yield Number(hit[0], value, slack, unit_of(hit), around(asked, hit))
    for hit in IN_WORDS.finditer(asked):
        share = COUNTS[hit["count"].lower()] / PARTS[hit["part"]] if hit["part"] else 0.5
        yield Number(hit[0], share, ROUGH * share, "", around(asked, hit))


def unit_of(hit):
    return {"%": "%", "per cent": "%", "": ""}.get((hit["unit"] or "").strip(), "points")


def around(text, hit):
    """A match with the words around it, on one line."""
    return " ".join(text[max(0, hit.start() - 60) : hit.end() + 40].split())


def read(text):
    """The numbers in an output or in code, each with its unit."""
    return {
        (float(hit["digits"].replace(",", "") + (hit["exponent"] or "")), unit_of(hit))
        for hit in IN_OUTPUT.finditer(text)
    }


def reading(value, unit, wanted):
    """A number that was shown in one unit, in the unit of the prose."""
    if wanted == "%" and not unit:
        return 100 * value if value <= 1 else nan
    return value / 100 if unit == "%" and not wanted else value


def supports(evidence, number):
    """Whether one of `evidence` is `number`, to the digits that the prose gives."""
    readings = (reading(value, unit, number.unit) for value, unit in evidence)
    return any(abs(found - number.value) <= number.slack * (1 + 1e-9) for found in readings)


def shown(cells):
    """The numbers in the code and in the outputs of `cells`."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    texts = [refresh_notebooks.text_of(output) for cell in code for output in cell.outputs]
    return read("\n".join([*(cell.source for cell in code), *texts]))


def sections(cells):
    """Lists of cells, one for each heading."""
    parts = [[]]
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            parts.append([])
        parts[-1].append(cell)
    return parts


@cache
def grid(name):
    """The numbers among the settings of a recorded grid, and how many runs it has."""
    records = sweep.recorded(name)
    values = {value for row in records for value in row.cell.values()}
    return {(float(v), "") for v in [*values, len(records)] if isinstance(v, int | float)}


def asked(cells, derived=()):
    """Each number of the prose, with whether it is supported, and by what; `derived` all are."""
    parts, told = sections(cells), set(derived)
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    grids = [grid(name) for name in re.findall(r'sweep\.recorded\("(\w+)"\)', code)]
    for k, part in enumerate(parts):
        first = 0 if part[0].source.startswith("## What we saw") else max(0, k - 1)
        evidence = shown(chain(*parts[first : k + 1])).union(*grids)
        prose = (cell.source for cell in part if cell.cell_type == "markdown")
        for number in chain.from_iterable(map(numbers, prose)):
            supported = number.text in told or supports(evidence, number)
            told |= {number.text} if supported else set()
            yield number, supported, evidence


def weights(model):
    return sum(parameter.numel() for parameter in model.parameters())


def lost_by_the_smallest_fifth():
    """Points of accuracy in each recorded seed, at 20 % by magnitude."""
    runs = sweep.recorded("pruning").where(part="one shot", importance="magnitude", scope="global")
    test = runs.values("test")
    return 100 * (test[:, 0] - test[:, AMOUNTS.index(0.2)])


DERIVED: dict[str, dict[str, Callable[[], float]]] = {
    "00": {"145,210": lambda: weights(models.vgg(depth=11, width=8))},
    "01": {"578,410": lambda: weights(models.vgg(depth=11, width=16))},
    "02": {
        "578,410": lambda: weights(models.vgg(depth=11, width=16)),
        "64": lambda: 4 * 16,
        "90": lambda: degrees(acos(0)),
    },
    "05": {
        "0.5 points": lambda: lost_by_the_smallest_fifth().mean(),
        "2.6": lambda: lost_by_the_smallest_fifth().max(),
    },
    "08": {
        "64": lambda: models.rnn_reader((1, 6, 50), 4).rnn.hidden_size,
        "32": lambda: models.crnn((1, 6, 50), 4).rnn.hidden_size,
    },
    "09": {"128": lambda: 2**7},
    "10": {
        "784": lambda: data.load("digits").images[0].numel(),
        "32": lambda: 2**5,
        "0.73": lambda: 1 / (1 + exp(-1)),
    },
    "11": {
        "4,000": lambda: len(data.load("digits")),
        "0.0078": lambda: torch.finfo(torch.bfloat16).eps,
        "0.0039": lambda: torch.finfo(torch.bfloat16).eps / 2,
    },
    "12": {
        "0.80": lambda: language.ENTROPY,
        "0.5": lambda: runs.RISE,
        "40": lambda: detector.WINDOW,
        "20": lambda: detector.AHEAD,
        "50": lambda: treatments.AFTER + 40,
        "80": lambda: runs.STEPS - runs.BAD.start,
    },
}
"""What prose works out: by notebook and by the number as it stands there."""


@each_notebook
def test_every_number_in_prose_is_supported(path):
    cells = nbformat.read(path, as_version=4).cells
    found = asked(cells, DERIVED.get(path.stem[:2], ()))
    missing = [f"{number.text!r} in: {number.sentence}" for number, good, _ in found if not good]
    assert not missing, "no output, code or record gives " + "\n".join(missing)


@pytest.mark.parametrize(
    ("notebook", "text"), [(name, text) for name, texts in DERIVED.items() for text in texts]
)
def test_a_number_that_is_worked_out_comes_out(notebook, text):
    (path,) = [path for path in NOTEBOOKS if path.stem.startswith(notebook)]
    cells = nbformat.read(path, as_version=4).cells
    stands = [n for c in cells if c.cell_type == "markdown" for n in numbers(c.source)]
    stands = [number for number in stands if number.text == text]
    assert stands, "is not in the prose any more"
    assert supports({(DERIVED[notebook][text](), stands[0].unit)}, stands[0])


@pytest.mark.parametrize(
    ("prose", "output", "good"),
    [
        ("It names 73 % rightly.", "accuracy 0.726", True),
        ("It names 73 % rightly.", "accuracy 72.4 %", False),
        ("It names 73 % rightly.", "73 runs", False),
        ("It loses 1.3 points.", "change -1.26 (-5.1 to +0.0)", True),
        ("A network of 145,210 weights.", "145210", True),
        ("About 4,000 weights.", "4,235 parameters", True),
        ("4,000 weights.", "4,235 parameters", False),
        ("a fifth of them goes.", "21% removed", True),
        ("Two thirds of them go.", "21% removed", False),
        ("At a rate of 0.03.", "rate 0.02", False),
    ],
)
def test_an_output_supports_a_number_to_the_digits_that_it_has(prose, output, good):
    (number,) = numbers(prose)
    assert supports(read(output), number) is good


@pytest.mark.parametrize(
    "prose",
    [
        "See notebook 05, S3-1, and Zhang et al. 2020.",
        "VGG-11 has $1.1^{50} \\approx 117$ and `rate = 0.25`; [it](12_spikes.ipynb) has 3 layers.",
        "**Sources.** Han 2015, 1135 pages.",
        "There is a third reason.",
    ],
)
def test_names_years_references_formulas_and_code_are_not_asked(prose):
    assert list(numbers(prose)) == []


def test_most_numbers_that_are_changed_are_noticed():
    tried = passed = 0
    for path in NOTEBOOKS:
        for number, _, evidence in asked(nbformat.read(path, as_version=4).cells):
            for factor in (0.6, 1.5):
                other = replace(number, value=round(factor * number.value, 12))
                tried += 1
                passed += supports(evidence, other)
    assert passed < 0.4 * tried
