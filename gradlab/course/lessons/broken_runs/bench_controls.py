"""The bench: an experiment, made with two suspects that look alike."""

from __future__ import annotations

import ipywidgets

from gradlab.course.lessons.broken_runs.bench_picture import draw_losses
from gradlab.course.lessons.broken_runs.faults import fault
from gradlab.course.lessons.broken_runs.running import Run, run
from gradlab.course.lessons.broken_runs.suspects import ROWS, Row
from gradlab.panels.closing import Closing
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import spoken


def bench(seed: int = 1) -> Bench:
    """A menu of two suspects each, and a button that makes the experiment with both.

    A run takes about a second: as they were, and with one change in both scripts.

    Args:
        seed: of the weights and of the order of the images.
    """
    return Bench(seed)


class Bench(Closing):
    """See ``bench``. ``experiment()`` does what the button does."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        figure, axes = subplots(7.6, 3.4, ncols=2, sharey=True)
        self.losses = [draw_losses(each) for each in axes]
        axes[1].set_ylabel("")
        moving = [artist for each in self.losses for artist in each.artists]
        self.picture = LivePicture(figure, moving)
        self.menu = ipywidgets.Dropdown(
            options=[(_question(row), row) for row in ROWS],
            description="suspects",
            layout={"width": "460px"},
        )
        self.button = ipywidgets.Button(
            description="Make the experiment", button_style="primary", layout={"width": "180px"}
        )
        self.menu.observe(lambda _: self._ask(), names="value")
        self.button.on_click(lambda _: self.experiment())
        self._said = ipywidgets.HTML()
        bar = ipywidgets.HBox([self.menu, self.button], layout={"flex_flow": "row wrap"})
        super().__init__([bar, self.picture.widget, self._said])
        self._ask()

    @property
    def readout(self) -> str:
        """What both have in common, the experiment, and what came of it."""
        return self._told

    def experiment(self) -> None:
        """Train both scripts, as they were and with the change, and show the four losses."""
        row, told = self.menu.value, []
        with self.picture.moving():
            for name, losses in zip(row.suspects, self.losses, strict=True):
                before = run(fault(name).broken, self._seed)
                after = row.experiment.on(name, self._seed)
                losses.move(name, before.train, after.train)
                told.append(_outcome(name, after))
        self._say(" ".join((_asked(row), *told)))

    def _ask(self) -> None:
        row = self.menu.value
        with self.picture.moving():
            for name, losses in zip(row.suspects, self.losses, strict=True):
                losses.move(name, None, None)
        self._say(f"{_asked(row)} Which of the two does it cure? Make the experiment.")

    def _say(self, told: str) -> None:
        self._told, self._said.value = told, spoken(told)


def _question(row: Row) -> str:
    return " or ".join(row.suspects) + "?"


def _asked(row: Row) -> str:
    return f"What is seen: {row.seen}. The experiment, in both: {row.experiment.name}."


def _outcome(name: str, after: Run) -> str:
    sick = fault(name).shows(after)
    found = "shows its sign as before" if sick else "cured"
    return f"{name}: {found}, test accuracy {after.accuracy:.0%}."
