"""The bench: an experiment, made with two suspects that look alike."""

from __future__ import annotations

import ipywidgets

from gradlab.course.lessons.broken_runs.bench_picture import draw_losses
from gradlab.course.lessons.broken_runs.faults import fault
from gradlab.course.lessons.broken_runs.running import Run, run
from gradlab.course.lessons.broken_runs.suspects import ROWS, Experiment
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
        self._known: dict[tuple[str, Experiment | None], Run] = {}
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
        """Draw the losses of both suspects as they were, and those of the experiment once made."""
        row = self.suspects.value
        told = [f"What is seen: {row.seen}. The experiment, in both: {row.experiment.name}."]
        for name, losses in zip(row.suspects, self.losses, strict=True):
            after = self._run(name, row.experiment) if self.experiment.value else None
            losses.move(name, self._run(name).train, None if after is None else after.train)
            told += [] if after is None else [_outcome(name, after)]
        if not self.experiment.value:
            told.append("Which of the two does it cure? Make the experiment.")
        return " ".join(told)

    def _run(self, name: str, experiment: Experiment | None = None) -> Run:
        """A suspect's run, as it was or with the change; each is made once."""
        if (name, experiment) not in self._known:
            self._known[name, experiment] = (
                run(fault(name).broken, self._seed)
                if experiment is None
                else experiment.on(name, self._seed)
            )
        return self._known[name, experiment]


def _outcome(name: str, after: Run) -> str:
    found = "shows its sign as before" if fault(name).shows(after) else "cured"
    return f"{name}: {found}, test accuracy {after.accuracy:.0%}."
