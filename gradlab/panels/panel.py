"""What all panels share: controls above a live picture above a readout in words."""

from __future__ import annotations

import html
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import floor, inf, log10
from typing import Any, Self

import ipywidgets
import numpy as np

from gradlab.arguments import one_of
from gradlab.panels.closing import Closing
from gradlab.panels.live import LivePicture
from gradlab.panels.positions import labelled, move

STEP = 0.05
"""Of a logarithmic slider, in decades: about 12 %."""
_WRAP = {"flex_flow": "row wrap", "align_items": "center"}


class NotPossible(Exception):  # noqa: N818 - it is what the reader is told
    """What ``Panel.show`` raises where it cannot show what its controls ask for; says why."""


class Panel(Closing):
    """Controls, a picture and a sentence that says what the picture shows.

    A subclass makes its controls and picture and implements ``show``. It is a widget: put it at
    the end of a cell. A saved notebook keeps its picture and its sentence, so that they can be read
    where no kernel runs, and so that tests can compare the sentence.

    Args:
        controls: widgets with a ``value``; each change shows anew.
        picture: the live picture between controls and readout.
    """

    finite = True
    """Whether the controls alone say what is shown; False where the panel trains, too."""
    page_settings, page_bytes = 500, 400_000
    """How many settings a static page shows, and how much they may take, compressed; about."""

    def __init__(self, controls: Sequence[Any], picture: LivePicture) -> None:
        self.picture = picture
        self._gathering = self._gathered = False
        self.controls = tuple(controls)
        self._start = [control.value for control in self.controls]
        self._sentence = ipywidgets.HTML()
        self.reset_button = ipywidgets.Button(
            description="Reset", icon="undo", tooltip="Back to the start", layout={"width": "90px"}
        )
        self.reset_button.on_click(lambda _: self.reset())
        for control in self.controls:
            control.observe(lambda _: self._follow(), names="value")
        bar = ipywidgets.HBox([*self.controls, self.reset_button], layout=_WRAP)
        super().__init__([bar, picture.widget, self._sentence])
        self._follow()

    @property
    def page_controls(self) -> Sequence[Any]:
        """The controls that a static page moves; the others stand as these leave them.

        Of the first slider a page shows most positions.
        """
        return self.controls

    @property
    def page_values(self) -> Mapping[Any, Sequence[float]]:
        """Of some sliders, the values at which a static page shows them, beside the start."""
        return {}

    @property
    def readout(self) -> str:
        """What the panel shows, in words."""
        return self._readout

    def reset(self) -> None:
        """Put every control back to where it was at the start."""
        for control, value in zip(self.controls, self._start, strict=True):
            control.value = value

    def put(self, settings: Mapping[str, object]) -> Self:
        """Put some controls where a page of the course shows them; the others stay.

        Args:
            settings: by the label beside a control: its position as it is shown there. Of a slider
                a number will do, too: it goes to the nearest position.

        Returns:
            The panel: ``_.put({...})`` in the cell below shows it there.

        Raises:
            ValueError: no control has such a label, or such a position; the panel stays as it was.
        """
        widgets = labelled(self.controls)
        for label in settings:
            one_of("the label of a control", label, widgets)
        before = {label: widgets[label].value for label in widgets if label in settings}
        try:
            for label in before:
                move(widgets[label], settings[label])
        except ValueError:
            for label, value in before.items():
                widgets[label].value = value
            raise
        self.settle()
        return self

    @abstractmethod
    def show(self) -> str:
        """Move the picture's artists to what the controls say; return the readout.

        Raises:
            NotPossible: shown to the reader as the readout; the panel stays usable. Any other error
                is a bug: the readout says that there is one, and it goes on to whoever called.
        """

    @contextmanager
    def together(self) -> Iterator[None]:
        """Controls that are moved inside are shown once, at its end."""
        with self._changing:
            self._gathering, self._gathered = True, False
            try:
                yield
            finally:
                self._gathering = False
            if self._gathered:
                self._follow()

    def settle(self) -> None:
        """Show at once what else is shown once the controls rest."""

    def played(self) -> Iterator[int]:
        """Go through what a panel that trains has done, to where it is now; yield each step."""
        yield 0

    def fail(self, error: Exception) -> None:
        """Say in the readout that the panel failed; the traceback is the caller's to show."""
        self._say(f"This panel failed. {told(error)}")

    def _follow(self) -> None:
        with self._changing:
            if self.closed:  # while a thread waited for its turn
                return
            if self._gathering:
                self._gathered = True
                return
            try:
                with self.picture.moving():
                    said = self.show()
            except NotPossible as refusal:
                said = f"Not possible: {refusal}"
            except Exception as error:
                self.fail(error)
                raise
            self._say(said)

    def _say(self, said: str) -> None:
        self._readout = said
        self._sentence.value = spoken(said)


def told(error: Exception) -> str:
    """An error in words, and where more is to be found."""
    return f"{type(error).__name__}: {error}. The traceback is in the log."


def spoken(text: str) -> str:
    """The text as HTML that screen readers speak when it changes; its lines stay lines."""
    style = "line-height: 1.4; white-space: pre-line"
    return f'<p role="status" aria-live="polite" style="{style}">{html.escape(text)}</p>'


def log_slider(name: str, low: float, high: float, start: float) -> ipywidgets.FloatLogSlider:
    """A slider from ``low`` to ``high`` in steps of ``STEP``."""
    bottom = float(np.log10(low))
    top, begin = (bottom + STEP * round((np.log10(x) - bottom) / STEP) for x in (high, start))
    return ipywidgets.FloatLogSlider(
        value=10**begin,  # on the grid: the browser would move it there, and reset would miss it
        min=bottom,
        max=top,
        step=STEP,
        description=name,
        readout_format=".3g",
        layout={"width": "420px"},
    )


def slider_around(
    name: str, usual: float, reach: float, least: float = 0.0, most: float = inf
) -> ipywidgets.FloatLogSlider:
    """A logarithmic slider that starts at ``usual`` and reaches that many times lower and higher.

    It ends at ``least`` and ``most`` where these are nearer.
    """
    low = usual / reach
    if low < least:  # on the slider's grid, which holds the usual value
        low = usual / 10 ** (STEP * floor(log10(usual / least) / STEP))
    return log_slider(name, low, min(usual * reach, most), usual)


def number(value: float) -> str:
    """Three significant digits: 13.0, 0.0214, 6.50e+09."""
    return f"{value:#.3g}".rstrip(".")


def counted(count: int, thing: str) -> str:
    """How many there are: 1 step, 2 steps, 1,200 steps."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def percent(fraction: float) -> str:
    """A fraction in per cent: three digits at most, and never 0 or 100 for what is not."""
    if 0 < fraction < 0.0001:
        return "under 0.01 %"
    if 0.9999 < fraction < 1:
        return "over 99.99 %"
    return f"{100 * fraction:.3g} %"
