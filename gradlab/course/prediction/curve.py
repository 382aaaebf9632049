"""A curve that the reader draws by sliders; then the true one is drawn over it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradlab.arguments import whole
from gradlab.draw.style import AFTER, CYCLE, decades
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number

_SKIPPED = "Skipped: move your points onto the curve."


def predict_curve(
    truth: ArrayLike,
    question: str,
    *,
    places: Sequence[int],
    idea: str,
    limits: tuple[float, float],
    xlabel: str,
    ylabel: str,
) -> CurvePrediction:
    """A picture in which the reader draws a curve by sliders; then the true one is drawn over it.

    Args:
        truth: (n,): the curve at x = 0, 1, ... n - 1, above zero; it begins where the reader's
            does.
        question: in words.
        places: the x at which the reader says how high it is, one slider for each, increasing, from
            1 to n - 1.
        idea: what explains the shape, told afterwards, whatever was drawn.
        limits: of the vertical axis, which is logarithmic.
        xlabel: what the horizontal axis counts.
        ylabel: what the vertical axis measures, with its unit.

    Raises:
        ValueError: ``places`` are none, not increasing or out of the curve; or ``limits`` hold not
            all of it.
    """
    curve = np.asarray(truth, np.float64)
    if not places or sorted(set(places)) != list(places):
        raise ValueError(f"places must be whole numbers that increase, got {places!r}")
    for place in places:
        whole("places", place, 1, len(curve) - 1)
    low, high = limits
    if not 0 < low <= curve.min() <= curve.max() <= high:
        raise ValueError(f"limits must be above zero and hold the whole curve, got {limits!r}")
    return CurvePrediction(curve, question, list(places), idea, limits, (xlabel, ylabel))


class CurvePrediction(Panel):
    """See ``predict_curve``. ``answer()`` and ``skip()`` do by code what the buttons do.

    ``truth`` is the curve, ``places`` where the reader says how high it is.
    """

    finite = False

    def __init__(
        self,
        truth: NDArray[np.float64],
        question: str,
        places: list[int],
        idea: str,
        limits: tuple[float, float],
        labels: tuple[str, str],
    ) -> None:
        self.truth, self.places, self._question, self._idea = truth, places, question, idea
        self._verdict, self._labels = "", labels
        low, high = (float(np.log10(limit)) for limit in limits)
        self.heights = [
            ipywidgets.FloatLogSlider(
                truth[0],
                min=low,
                max=high,
                step=0.05,
                description=f"at {place}",
                readout_format=".3g",
                layout={"width": "300px"},
                style={"description_width": "50px"},
            )
            for place in places
        ]
        self.answer_button = ipywidgets.Button(description="Answer", button_style="primary")
        self.skip_button = ipywidgets.Button(description="Skip", tooltip="Just show me")
        self.answer_button.on_click(lambda _: self.answer())
        self.skip_button.on_click(lambda _: self.skip())
        super().__init__(self.heights, self._picture(limits))
        self._form = ipywidgets.HBox([self.answer_button, self.skip_button])
        asked = f"<b>Predict, then look.</b> {html.escape(question)}"
        question_in_words = ipywidgets.HTML(f'<p style="line-height: 1.4">{asked}</p>')
        bar, *shown = list[Any](self.children)
        self.set_trait("children", [question_in_words, bar, self._form, *shown])

    def _picture(self, limits: tuple[float, float]) -> LivePicture:
        figure, (axes,) = subplots(7.6, 3.6)
        axes.set(xlim=(0, len(self.truth) - 1), yscale="log", ylim=limits)
        axes.set(xlabel=self._labels[0], ylabel=self._labels[1])
        decades(axes)
        (self.drawn,) = axes.plot([], [], "o-", color=CYCLE[1], label="your curve")
        (self.curve,) = axes.plot(self.truth, color=AFTER, label="what it is")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
        self.curve.set_visible(False)
        return LivePicture(figure, [self.drawn, self.curve])

    @property
    def hidden(self) -> bool:
        """Whether the true curve waits for an answer."""
        return not self.curve.get_visible()

    def answer(self) -> None:
        """Commit to the curve of the sliders: say how far off it is, and draw the true one."""
        said, true = self._said(), self.truth[self.places]
        apart = np.maximum(said / true, true / said)
        far = int(apart.argmax())
        self._open(
            f"Farthest off at {self.places[far]}: you said {number(said[far])}, it is "
            f"{number(true[far])}, a factor of {number(apart[far])}. The middle one of your points "
            f"is off by a factor of {number(float(np.median(apart)))}. {self._idea}"
        )

    def skip(self) -> None:
        """Draw the true curve without an answer."""
        self._open(_SKIPPED)

    def asked(self) -> dict[str, Any]:
        """What is asked and told, as ``Prediction.asked`` has it; ``places`` say the rest."""
        return {
            "question": self._question,
            "choices": None,
            "idea": self._idea,
            "skip": self.skip_button.description,
            "skipped": _SKIPPED,
            "once": True,
        }

    def _open(self, verdict: str) -> None:
        self._verdict = verdict
        self._form.layout.display = "none"
        self._follow()

    def _said(self) -> NDArray[np.float64]:
        return np.array([height.value for height in self.heights])

    def show(self) -> str:
        """Draw the reader's curve; once it is answered, the true one too."""
        said = self._said()
        self.drawn.set_data([0, *self.places], [self.truth[0], *said])
        self.curve.set_visible(bool(self._verdict))
        points = zip(self.places, said, strict=True)
        drawn = ", ".join(f"{number(height)} at {place}" for place, height in points)
        parts = self._question, f"Your curve: {drawn}.", self._verdict
        return "\n".join(part for part in parts if part)
