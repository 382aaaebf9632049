"""The panel in which a detector learns before the reader's eyes."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from torch import nn

from gradlab.arguments import whole
from gradlab.clip import ByNorm
from gradlab.course import device, models
from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import Candidates, propose, suppressed
from gradlab.course.lessons.detection.picture import beside, draw_norms, draw_progress, draw_view
from gradlab.course.lessons.detection.scores import ranked
from gradlab.course.lessons.detection.training import Pictures, Taken, train
from gradlab.panels.background import Player
from gradlab.panels.live import LivePicture
from gradlab.panels.panel import Panel, number, percent, told

NOT_AT_ALL = "not at all"
_CLIPS = {NOT_AT_ALL: None, "10": 10.0, "1": 1.0, "0.1": 0.1}
_RATES = {
    "AdamW": (0.001, 0.003, 0.01, 0.03),
    "SGD": (0.003, 0.01, 0.03, 0.1),
}
_NAMES = ("backbone", "score head", "box head")
_REPAINT = 0.4  # seconds between two looks at the pictures, while it learns and somebody watches
_LOOKS = 20  # where nobody does: the same on every machine
_SCORE, _OVERLAP = 0.3, 0.5  # of the boxes that are drawn


def learning_panel(
    train: Composites, test: Composites, *, steps: int = 400, width: int = 8, batch_size: int = 16
) -> Learning:
    """A panel that trains a detector while its boxes appear on a picture that it never learns from.

    Choose how gradients are clipped, the learning rate, and how many micro-batches make a step;
    Train begins anew with these. Left the first test picture with the boxes that score 0.3 or
    more; right the average precision on all test pictures, and the gradient norms of backbone and
    heads before clipping. ``panel.learn()`` does by code what the button does, and waits.

    Args:
        train: pictures to learn from.
        test: pictures to look at: the first is shown, all of them are measured.
        steps: of the optimizer, each on ``batch_size`` pictures, however they are cut up.
        width: of the detector.
        batch_size: pictures of a step, a multiple of 4.

    Raises:
        ValueError: an argument is not allowed, or there are no pictures.

    Note:
        One seed; the recorded grid says how much another would differ. The norms are those of the
        batch, so they jump.
    """
    whole("steps", steps)
    if not len(test) or len(train) < whole("batch_size", batch_size, 4):
        raise ValueError(
            f"train must hold a batch of {batch_size} pictures and test one at least, got "
            f"{len(train)} and {len(test)}"
        )
    return Learning(Pictures.of(train, device.best()), test, steps, width, batch_size)


class Learning(Panel):
    """See ``learning_panel``. ``model`` is the detector, ``taken`` its steps so far."""

    finite = False
    _found: Candidates
    children: Any
    model: nn.Sequential

    def __init__(
        self, pictures: Pictures, test: Composites, steps: int, width: int, batch_size: int
    ) -> None:
        self._pictures, self._test, self._steps = pictures, test, steps
        self._width, self._batch_size = width, batch_size
        self.taken: list[Taken] = []
        self.precision: list[tuple[int, float]] = []
        self._before: list[tuple[int, float]] = []
        self._error, self._early = "", False
        self._looks: list[Candidates] = []
        self.player = Player(self)
        self.optimizer = _menu("optimizer", list(_RATES), "SGD")
        self.lr = _menu("rate", _RATES["SGD"], 0.1)
        self.max_norm = _menu("max_norm", list(_CLIPS), "1")
        self.accumulate = _menu("micro", [1, 2, 4], 1)
        self.optimizer.observe(lambda _: self._offer_rates(), names="value")
        self.train_button = ipywidgets.Button(
            description="Train", icon="play", tooltip="Begin anew with these", layout=_BUTTON
        )
        self.train_button.on_click(lambda _: self._train_or_stop())
        self._begin()
        super().__init__(
            [self.optimizer, self.lr, self.max_norm, self.accumulate], self._draw(steps)
        )
        bar, *rest = self.children
        self.children = [ipywidgets.HBox([self.train_button, bar], layout=_ROW), *rest]

    def _draw(self, steps: int) -> LivePicture:
        figure, (left, top, low) = beside(9.4, 4.6, 1.1)
        self.view = draw_view(left)
        self.progress, self.norms = draw_progress(top, steps), draw_norms(low, _NAMES, steps)
        moved = self.view, self.progress, self.norms
        return LivePicture(figure, [artist for some in moved for artist in some.artists])

    def learn(self, **settings: object) -> None:
        """Train from the start to the end, here and now.

        Args:
            settings: values of the controls that are to change first: ``optimizer``, ``lr``,
                ``max_norm`` (None: not at all), ``accumulate``.
        """
        self.player.stop()
        if "max_norm" in settings:
            bound = settings["max_norm"]
            settings["max_norm"] = next(n for n, value in _CLIPS.items() if value == bound)
        for name, value in settings.items():
            getattr(self, name).value = value
        self._begin()
        while self._step(every=-(-self._steps // _LOOKS)):
            pass
        self._follow()

    def reset(self) -> None:
        """Stop, put every control back, and forget what was learned."""
        self.player.stop()
        self._begin()
        super().reset()
        self._follow()

    def played(self) -> Iterator[int]:
        """Show every look at the pictures again."""
        taken, precision, early = self.taken, self.precision, self._early
        for k, (step, _) in enumerate(precision, start=1):
            self.taken, self.precision = taken[:step], precision[:k]
            self._found, self._early = self._looks[k - 1], early and k == len(precision)
            self._follow()
            yield step

    def _train_or_stop(self) -> None:
        if self.player.going:
            self.player.stop()
            return
        self._begin()
        self.train_button.description, self.train_button.icon = "Stop", "stop"
        self.player.start()

    def _begin(self) -> None:
        """A detector that has learned nothing, and the run that the controls ask for."""
        self._before = self.precision if len(self.precision) > 1 else self._before
        self.taken, self.precision, self._looks = [], [], []
        self._error, self._early = "", False
        self._settings = self._read()
        optimizer, lr, max_norm, accumulate = self._settings
        with device.seeded(0):
            self.model = models.detector(self._width).to(device.best())
        micro = self._batch_size // accumulate
        self._run: Iterator[Taken] = train(
            self.model,
            self._pictures.batches(micro, seed=0),
            steps=self._steps,
            optimizer=optimizer,
            lr=lr,
            clip=None if max_norm is None else ByNorm(max_norm),
            accumulate=accumulate,
        )
        self._look()

    def _read(self) -> tuple[str, float, float | None, int]:
        max_norm = _CLIPS[self.max_norm.value]
        return self.optimizer.value, self.lr.value, max_norm, self.accumulate.value

    def _look(self) -> None:
        """Measure on all test pictures, and keep the boxes of the first."""
        found = suppressed(propose(self.model, self._test.images), _OVERLAP)
        self._found = found[0].above(_SCORE)
        ap = ranked(found, self._test.boxes).average_precision()
        self.precision.append((len(self.taken), ap))
        self._looks.append(self._found)
        self._next_look = monotonic() + _REPAINT

    def turn(self) -> float | None:
        """Take a step, and look if it is time for that."""
        return 0.0 if self._step() else None

    def _step(self, every: int | None = None) -> bool:
        """Take a step, and look: after so many steps, or by the clock; whether there was one."""
        step = next(self._run, None)
        if step is None:
            if self.precision[-1][0] != len(self.taken):
                self._look()
            self._early = len(self.taken) < self._steps
            return False
        self.taken.append(step)
        due = len(self.taken) % every == 0 if every else monotonic() >= self._next_look
        if due:
            self._look()
            self._follow()
        return True

    def rest(self, error: Exception | None) -> None:
        """Say that it has ended, and why."""
        self.train_button.description, self.train_button.icon = "Train", "play"
        self._early = len(self.taken) < self._steps
        if error is not None:
            self._error = f"Training stopped. {told(error)} "
        self._follow()

    def _stop(self) -> None:
        self.player.close()

    def _offer_rates(self) -> None:
        rates = _RATES[self.optimizer.value]
        if self.lr.value not in rates or self.lr.options != rates:
            self.lr.options = rates
            self.lr.value = rates[2]

    def show(self) -> str:
        """Show how far the detector has come."""
        found, truth = self._found, self._test.boxes[0]
        right = ranked([found], [truth]).right
        self.view.move(
            self._test.images[0, 0].numpy(),
            truth.numpy(),
            found.boxes.numpy(),
            found.scores.tolist(),
            right,
        )
        self.progress.move(self.precision, self._before)
        norms = np.array([step.norms for step in self.taken]).reshape(-1, len(_NAMES))
        self.norms.move(norms, self._settings[2])
        return self._error + self._in_words(norms)

    def _in_words(self, norms: NDArray[np.float64]) -> str:
        waiting = " Other settings are chosen: press Train." * (self._read() != self._settings)
        optimizer, lr, max_norm, accumulate = self._settings
        clip = "not clipped" if max_norm is None else f"clipped at {max_norm:g}"
        micro = f", each of {accumulate} micro-batches" * (accumulate > 1)
        asked = f"{optimizer}, rate {lr:g}, {clip}{micro}"
        if not self.taken:
            return f"Nothing is learned yet. Train takes {self._steps} steps of {asked}.{waiting}"
        ap = self.precision[-1][1]
        head = np.median(norms[:10, 1] / np.linalg.norm(norms[:10], axis=1))
        fired = np.mean([step.fired for step in self.taken])
        ended = " It ended before its time." * self._early
        return (
            f"{len(self.taken)} of {self._steps} steps of {asked}: AP50 {ap:.3f} on "
            f"{len(self._test)} test pictures. {percent(float(fired))} of the steps clipped; the "
            f"largest norm was {number(max(step.total_norm for step in self.taken))}. In the first "
            f"ten steps the score head alone has {percent(float(head))} of the whole norm."
            f"{ended}{waiting}"
        )


_BUTTON, _ROW = {"width": "90px"}, {"flex_flow": "row wrap", "align_items": "center"}


def _menu(name: str, options: object, value: object) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(
        options=options,
        value=value,
        description=name,
        layout={"width": "175px"},
        style={"description_width": "70px"},
    )
