"""The futures panel: six treatments of a spike, recorded; and one that is tried now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np

from gradlab.course.grids.live import Live
from gradlab.course.lessons.spikes.picture import draw_ends, draw_paths
from gradlab.course.lessons.spikes.runs import CAUSES, STEPS, begin, learning_rate, onset
from gradlab.course.lessons.spikes.treatments import NONE, TREATMENTS, heard, rules, treated
from gradlab.course.sweep.records import Records
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, counted, number, told


def futures_panel(records: Records) -> FuturesPanel:
    """A panel of the recorded futures of a run that spiked, under six treatments.

    Choose cause and seed, slide how many steps before the spike the treatment begins. The button
    trains a run that was not recorded, and then once more from before its spike, under the chosen
    treatment.

    Args:
        records: of the experiment "spikes": ``sweep.recorded("spikes")``.

    Raises:
        ValueError: they hold no run that spiked.

    Note:
        Drawn are means of two steps. Of six treatments and five seeds one will look best by luck:
        compare them in all seeds.
    """
    return FuturesPanel(records)


class FuturesPanel(Panel):
    """See ``futures_panel``. ``fork()`` and ``stop()`` do by code what the button does."""

    children: Any

    def __init__(self, records: Records) -> None:
        self.runs = {
            (row.cell["cause"], row.cell["seed"]): row.result
            for row in records
            if row.result and row.result["onset"] is not None
        }
        if not self.runs:
            raise ValueError("records must hold a run that spiked, got none")
        self._seeds = sorted({seed for _, seed in self.runs})
        self._next_seed, self._error = self._seeds[-1] + 1, ""
        first = next(iter(self.runs.values()))
        causes = [cause for cause in CAUSES if any(key[0] == cause for key in self.runs)]
        self.cause = ipywidgets.Dropdown(options=causes, description="cause")
        self.seed = ipywidgets.Dropdown(options=self._seeds, description="seed")
        self.treatment = ipywidgets.Dropdown(
            options=TREATMENTS, value=TREATMENTS[-1], description="treatment"
        )
        self.before = ipywidgets.SelectionSlider(
            options=[int(before) for before in first["futures"]],
            description="steps before",
            style={"description_width": "90px"},
            layout={"width": "380px"},
        )
        self.live = Live(_train, self._advanced)
        self._settings = [self.cause, self.seed, self.treatment, self.before]
        super().__init__(self._settings, self._picture())
        self.fork_button = ipywidgets.Button(**_FORK, layout={"width": "150px"})
        self.fork_button.on_click(lambda _: self.stop() if self.live.going else self.fork())
        self.controls = (*self.controls, self.fork_button)
        bar, *_ = self.children
        bar.children = (*bar.children[:-1], self.fork_button, bar.children[-1])

    def _picture(self) -> LivePicture:
        figure, (left, right) = subplots(10.4, 4.4, ncols=2, width_ratios=(3, 2))
        self.paths = draw_paths(left, TREATMENTS, (50, STEPS))
        self.ends = draw_ends(right, TREATMENTS, len(self._seeds))
        self._fill()
        return LivePicture(figure, [*self.paths.artists, *self.ends.artists])

    def _fill(self) -> None:
        """Make room for where the runs of the cause end; the picture must be redrawn."""
        self._shown = self.cause.value
        ends = [self._ends(name, before) for name in TREATMENTS for before in self.before.options]
        low, high = np.nanmin(ends), np.nanmax(ends)
        self.ends.limit(low - 0.04 * (high - low), high + 0.04 * (high - low))

    def fork(self) -> None:
        """Train a run in the background, and its future under the chosen treatment."""
        cell = {
            "cause": self.cause.value,
            "seed": self._next_seed,
            "treatment": self.treatment.value,
            "before": self.before.value,
        }
        self._next_seed, self._error = self._next_seed + 1, ""
        self.fork_button.description, self.fork_button.icon = "Stop", "stop"
        self.live.start(cell)
        self._follow()

    def stop(self) -> None:
        """Stop training, at the next step."""
        self.live.stop()

    def reset(self) -> None:
        """Put every control back to where it was, and forget what was trained."""
        self.stop()
        self.live.trial, self._error = None, ""
        for control, value in zip(self._settings, self._start, strict=True):
            control.value = value
        self._follow()

    def _stop(self) -> None:
        self.live.player.close()

    def _viewed(self, change: Any) -> None:
        super()._viewed(change)
        if change.old and not change.new:  # its cell was run again, or deleted
            self.stop()

    def _advanced(self, error: Exception | None) -> None:
        """The run in the background came further, or ended."""
        if not self.live.going:
            self.fork_button.description, self.fork_button.icon = "Fork one now", "play"
        if error is not None:
            self._error = f" Training stopped. {told(error)}"
        self._follow()

    def show(self) -> str:
        """Show the futures of the chosen run, and where those of all seeds end."""
        cause, seed, before = self.cause.value, self.seed.value, self.before.value
        if self._shown != cause:
            self._fill()
            self.picture.redraw()
        run = self.runs[cause, seed]
        start = run["onset"] - before
        self.paths.start.set_xdata([start, start])
        self.paths.spike.set_xdata([run["onset"], run["onset"]])
        for name, future in run["futures"][str(before)].items():
            steps = start + 0.5 + 2 * np.arange(len(future["losses"]))
            losses = future["losses"]
            if name == NONE:  # with what was before
                steps, losses = _pairs(list(range(len(run["loss"]))), run["loss"])
            self.paths.move(name, steps, losses, name == self.treatment.value)
        ends = np.array([self._ends(name, before) for name in TREATMENTS])
        self.ends.move(ends, self._seeds.index(seed))
        medians = dict(zip(TREATMENTS, np.median(ends, 1), strict=True))
        said = ", ".join(f"{name} {number(median)}" for name, median in medians.items())
        chosen = run["futures"][str(before)][self.treatment.value]
        return (
            f"{cause}, seed {seed}, spike at step {run['onset']}; treated from "
            f"{counted(before, 'step')} before. {self.treatment.value}: {number(chosen['end'])} at "
            f"the end, {counted(chosen['clipped'], 'step')} changed. "
            f"Median of {len(self._seeds)} seeds: {said}." + self._tried() + self._error
        )

    def _ends(self, name: str, before: int) -> list[float]:
        found = (self.runs.get((self.cause.value, seed)) for seed in self._seeds)
        return [run["futures"][str(before)][name]["end"] if run else np.nan for run in found]

    def _tried(self) -> str:
        """What was trained before the reader's eyes, drawn and in words."""
        trial = self.live.trial
        for name in ("untreated", "treated"):
            line = getattr(self.paths, name)
            line.set_data(*(_pairs(*trial.curve(name)) if trial else ([], [])))
        if trial is None:
            return ""
        cell = trial.cell
        return (
            f" Trained now, {trial.state}: {cell['cause']}, seed {cell['seed']}, "
            f"{cell['treatment']} from {counted(cell['before'], 'step')} before."
        )


def _pairs(steps: list[float], losses: list[float]) -> tuple[np.ndarray[Any, Any], ...]:
    """Means of two steps, as those that were recorded."""
    even = len(steps) // 2 * 2
    return tuple(np.reshape(one[:even], (-1, 2)).mean(1) for one in (steps, losses))


def _train(cell: dict[str, Any]) -> Iterator[dict[str, float]]:
    """A run without treatment, and then again from before its spike, with."""
    cause, name = cell["cause"], cell["treatment"]
    run = begin(cause, cell["seed"])
    for step in range(STEPS):
        run.learning_rate = learning_rate(cause, step)
        run.take(measure=False)
        yield {"step": step, "untreated": float(run.branch.loss[-1])}
    spike = onset(run.branch.loss)
    if spike is None or name == NONE:
        return
    start, rule = spike - cell["before"], rules().get(name)
    rates = run.branch.learning_rate[start:].tolist()
    heard(run, start, {name: rule} if rule else {})
    for position in treated(run, name, rates, spike, rule):
        yield {"step": position - 1, "treated": float(run.branch.loss[-1])}


_FORK: Any = {
    "description": "Fork one now",
    "icon": "play",
    "tooltip": "Train a run of this kind here, and treat it from before its spike",
}
