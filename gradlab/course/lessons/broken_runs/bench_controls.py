"""The bench: an experiment, made with two suspects that look alike."""

from __future__ import annotations

import ipywidgets

from gradlab.course.lessons.broken_runs.bench_picture import draw_losses
from gradlab.course.lessons.broken_runs.faults import fault
from gradlab.course.lessons.broken_runs.running import Run, run
from gradlab.course.lessons.broken_runs.suspects import ROWS, Row
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel


def bench(seed: int = 1, *, made: bool = False) -> Bench:
    """A menu of two suspects each, and a box to tick that makes the experiment with both.

    Four runs of about a second each: both scripts as they were, and with one change in both.

    Args:
        seed: of the weights and of the order of the images.
        made: begin with the first experiment made.
    """
    return Bench(seed, made)


class Bench(Panel):
    """See ``bench``."""

    def __init__(self, seed: int, made: bool) -> None:
        self._seed = seed
        self._known: dict[str, list[tuple[Run, Run]]] = {}
        figure, axes = subplots(7.6, 3.4, ncols=2, sharey=True)
        self.losses = [draw_losses(each) for each in axes]
        axes[1].set_ylabel("")
        self.suspects = ipywidgets.Dropdown(
            options=[(f"{' or '.join(row.suspects)}?", row) for row in ROWS],
            description="suspects",
            layout={"width": "420px"},
        )
        self.experiment = ipywidgets.Checkbox(
            made, description="make the experiment", indent=False, layout={"width": "180px"}
        )
        self.suspects.observe(lambda _: self.experiment.set_trait("value", False), names="value")
        moving = [artist for each in self.losses for artist in each.artists]
        super().__init__([self.suspects, self.experiment], LivePicture(figure, moving))

    def show(self) -> str:
        """Draw the losses of both suspects, once the experiment is to be made."""
        row = self.suspects.value
        asked = f"What is seen: {row.seen}. The experiment, in both: {row.experiment.name}."
        if not self.experiment.value:
            for name, losses in zip(row.suspects, self.losses, strict=True):
                losses.move(name, None, None)
            return f"{asked} Which of the two does it cure? Make the experiment."
        told = []
        for name, losses, (before, after) in zip(
            row.suspects, self.losses, self._runs(row), strict=True
        ):
            losses.move(name, before.train, after.train)
            told.append(_outcome(name, after))
        return " ".join((asked, *told))

    def _runs(self, row: Row) -> list[tuple[Run, Run]]:
        """Of each suspect the run as it was and the run with the change."""
        if row.seen not in self._known:
            self._known[row.seen] = [
                (run(fault(name).broken, self._seed), row.experiment.on(name, self._seed))
                for name in row.suspects
            ]
        return self._known[row.seen]


def _outcome(name: str, after: Run) -> str:
    found = "shows its sign as before" if fault(name).shows(after) else "cured"
    return f"{name}: {found}, test accuracy {after.accuracy:.0%}."
