"""Predict, then look: a panel, or a curve, that appears once its reader has answered."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradlab.arguments import whole
from gradlab.draw.style import AFTER, CYCLE, decades
from gradlab.panels.closing import Closing
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number, spoken


def predict(
    panel: Panel,
    question: str,
    *,
    truth: float | str | Callable[[], float | str],
    idea: str,
    choices: Sequence[str] | Mapping[str, str] | None = None,
) -> Prediction:
    """The panel, hidden until the reader predicts what it will show, or skips.

    Args:
        panel: any panel.
        question: in words; it says the unit of the answer.
        truth: the answer, or a function that works it out when it is needed: a number, or one of
            ``choices``.
        idea: what explains the answer, told afterwards, whatever was said.
        choices: the answers to choose from, best with a reply to each: what a wrong one would mean.
            None asks for a number.

    Raises:
        ValueError: ``choices`` has fewer than two answers, or ``truth`` is none of them.
    """
    if choices is not None:
        if len(choices) < 2:
            raise ValueError(f"choices must offer two answers or more, got {list(choices)!r}")
        if not callable(truth) and truth not in choices:
            raise ValueError(f"truth must be one of {list(choices)!r}, got {truth!r}")
        if not isinstance(choices, Mapping):
            choices = dict.fromkeys(choices, "")
    return Prediction(panel, question, truth, idea, choices)


class Prediction(Closing):
    """See ``predict``. ``answer(value)`` and ``skip()`` do by code what the buttons do.

    ``close()`` leaves the panel open: it belongs to whoever made it.
    """

    def __init__(
        self,
        panel: Panel,
        question: str,
        truth: float | str | Callable[[], float | str],
        idea: str,
        choices: Mapping[str, str] | None,
    ) -> None:
        self.panel, self.picture = panel, panel.picture
        self._question, self._truth, self._idea = question, truth, idea
        self._choices = choices
        self.field = (
            ipywidgets.Text(placeholder="a number", description="I predict")
            if choices is None
            else ipywidgets.RadioButtons(options=list(choices), value=None)
        )
        self.answer_button = ipywidgets.Button(description="Answer", button_style="primary")
        self.skip_button = ipywidgets.Button(description="Skip", tooltip="Just show me")
        self.answer_button.on_click(lambda _: self._answer_field())
        self.skip_button.on_click(lambda _: self.skip())
        self._form = ipywidgets.HBox(
            [self.field, self.answer_button, self.skip_button],
            layout={"align_items": "center", "flex_flow": "row wrap"},
        )
        self._said = ipywidgets.HTML()
        self.curtain = ipywidgets.VBox([panel], layout={"display": "none"})
        super().__init__([self._said, self._form, self.curtain])
        self._say("")

    @property
    def hidden(self) -> bool:
        """Whether the panel waits for an answer."""
        return bool(self.curtain.layout.display == "none")

    @property
    def readout(self) -> str:
        """The question with its choices; once answered, the verdict and the panel's readout too."""
        asked = self._question
        if self._choices is not None:
            asked += "".join(f"\n- {choice}" for choice in self._choices)
        shown = "" if self.hidden else self.panel.readout
        return "\n".join(part for part in (asked, self._verdict, shown) if part)

    def asked(self) -> dict[str, Any]:
        """Everything that is asked and told: question, choices with their replies, truth, idea."""
        return {
            "question": self._question,
            "choices": self._choices,
            "truth": self._right(),
            "idea": self._idea,
        }

    def answer(self, value: float | str) -> None:
        """Commit to an answer: say how far off it is, and show the panel.

        Raises:
            ValueError: ``value`` is no number, or none of the choices; the panel stays hidden.
        """
        if self._choices is not None and value not in self._choices:
            raise ValueError(f"the answer must be one of {list(self._choices)!r}, got {value!r}")
        truth = self._right()
        if self._choices is None:
            self._open(f"{_compared(value, truth)} {self._idea}")
        else:
            replies = (_judged(value, truth), self._choices[str(value)], self._idea)
            self._open(" ".join(part for part in replies if part))

    def skip(self) -> None:
        """Show the panel without an answer."""
        self._open("Skipped: move the slider and see.")

    def _right(self) -> float | str:
        return self._truth() if callable(self._truth) else self._truth

    def _answer_field(self) -> None:
        try:
            self.answer(self.field.value if self._choices else float(self.field.value))
        except ValueError as error:
            self._say(f"Not yet: {error}.")

    def _open(self, verdict: str) -> None:
        self._form.layout.display = "none"
        self.curtain.layout.display = None
        self._say(verdict)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """While it waits for an answer, a stored notebook gives none away either."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        if not self.closed and self.hidden:
            del data["image/png"]
            metadata = {}
        return data, metadata

    def _say(self, verdict: str) -> None:
        self._verdict = verdict
        question = f"<b>Predict, then look.</b> {html.escape(self._question)}"
        self._said.value = f'<p style="line-height: 1.4">{question}</p>{spoken(verdict)}'


def _judged(said: float | str, truth: float | str) -> str:
    return f"{said}: right." if said == truth else f"You said {said}; it is {truth}."


def _compared(said: float | str, truth: float | str) -> str:
    """How far a number is off: as a ratio where that makes sense, else as a difference."""
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise ValueError(f"the answer must be a number, got {said!r}")
    truth = float(truth)
    if said > 0 and truth > 0:
        ratio = max(said / truth, truth / said)
        off = "as good as exact" if ratio < 1.05 else f"off by a factor of {number(ratio)}"
    else:
        off = "exact" if said == truth else f"off by {number(abs(said - truth))}"
    return f"You said {number(said)}; it is {number(truth)}: {off}."


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
    """See ``predict_curve``. ``answer()`` and ``skip()`` do by code what the buttons do."""

    def __init__(
        self,
        truth: NDArray[np.float64],
        question: str,
        places: list[int],
        idea: str,
        limits: tuple[float, float],
        labels: tuple[str, str],
    ) -> None:
        self._truth, self._question, self._idea, self._places = truth, question, idea, places
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
        axes.set(xlim=(0, len(self._truth) - 1), yscale="log", ylim=limits)
        axes.set(xlabel=self._labels[0], ylabel=self._labels[1])
        decades(axes)
        (self.drawn,) = axes.plot([], [], "o-", color=CYCLE[1], label="your curve")
        (self.curve,) = axes.plot(self._truth, color=AFTER, label="what it is", visible=False)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
        return LivePicture(figure, [self.drawn, self.curve])

    @property
    def hidden(self) -> bool:
        """Whether the true curve waits for an answer."""
        return not self.curve.get_visible()

    def answer(self) -> None:
        """Commit to the curve of the sliders: say how far off it is, and draw the true one."""
        said, true = self._said(), self._truth[self._places]
        apart = np.maximum(said / true, true / said)
        far = int(apart.argmax())
        self._open(
            f"Farthest off at {self._places[far]}: you said {number(said[far])}, it is "
            f"{number(true[far])}, a factor of {number(apart[far])}. The middle one of your points "
            f"is off by a factor of {number(float(np.median(apart)))}. {self._idea}"
        )

    def skip(self) -> None:
        """Draw the true curve without an answer."""
        self._open("Skipped: move your points onto the curve.")

    def _open(self, verdict: str) -> None:
        self._verdict = verdict
        self._form.layout.display = "none"
        self._follow()

    def _said(self) -> NDArray[np.float64]:
        return np.array([height.value for height in self.heights])

    def show(self) -> str:
        """Draw the reader's curve; once it is answered, the true one too."""
        said = self._said()
        self.drawn.set_data([0, *self._places], [self._truth[0], *said])
        self.curve.set_visible(bool(self._verdict))
        points = zip(self._places, said, strict=True)
        drawn = ", ".join(f"{number(height)} at {place}" for place, height in points)
        parts = self._question, f"Your curve: {drawn}.", self._verdict
        return "\n".join(part for part in parts if part)
