"""What an experiment is: cells, each a plain dict, and a function that measures one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradlab.arguments import whole
from gradlab.course.sweep.plain import key

Cell = dict[str, Any]
Measure = Callable[[Cell], dict[str, Any]]


@dataclass(frozen=True)
class Experiment:
    """A grid of cells, and what is measured in one.

    Args:
        name: what ``gradlab sweep`` calls it; its records are ``NAME.jsonl``.
        about: one sentence.
        cells: of a budget's name; one dict per run, of numbers, text, None, lists and dicts, in
            the order in which they are to be read. Each holds its ``"seed"``.
        measure: of a cell, as one run; a function at the top level of a module, so that another
            process finds it. It seeds itself from the cell and returns a dict of numbers, text,
            None, lists, dicts, arrays and tensors. ``FloatingPointError`` (``NonFiniteGradient`` is
            one) says that the run diverged.
    """

    name: str
    about: str
    cells: Callable[[str], list[Cell]]
    measure: Measure

    def grid(self, budget: str) -> dict[str, Cell]:
        """The cells of a budget, in order, each under the text that tells it from others.

        Raises:
            ValueError: a cell has no seed, or occurs twice; or ``cells`` refuses the budget.
        """
        found: dict[str, Cell] = {}
        for cell in self.cells(budget):
            whole("a cell's 'seed'", cell.get("seed"), 0)
            if (text := key(cell)) in found:
                raise ValueError(f"cells must differ, got {text} twice")
            found[text] = cell
        return found
