"""A question whose panel appears once its reader has answered."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import ipywidgets

from gradlab.panels.closing import Closing
from gradlab.panels.panel import Panel, number, spoken

_SKIPPED = "Skipped: move the slider and see."


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
        self._opening: list[Callable[[], object]] = []
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
        """Everything that is asked and told, for a page without a kernel.

        ``choices``: with their replies; None: a number is asked for. ``skip``: the button that
        asks to be told, and ``skipped``, what is said then. ``once``: whether the first answer
        counts, right or not.
        """
        return {
            "question": self._question,
            "choices": self._choices,
            "truth": self._right(),
            "idea": self._idea,
            "skip": self.skip_button.description,
            "skipped": _SKIPPED,
            "once": True,
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

    def when_answered(self, then: Callable[[], object]) -> None:
        """Call something once the panel is shown."""
        self._opening.append(then)

    def put(self, settings: Mapping[str, object]) -> Self:
        """Put the panel's controls somewhere, as ``Panel.put`` does."""
        self.panel.put(settings)
        return self

    def skip(self) -> None:
        """Show the panel without an answer."""
        self._open(_SKIPPED)

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
        for then in self._opening:
            then()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """While it waits for an answer, a stored notebook gives none away, and none is drawn."""
        if self.closed or not self.hidden:
            return super()._repr_mimebundle_(**kwargs)
        bundle = ipywidgets.VBox._repr_mimebundle_(self, **kwargs)
        return bundle | {"text/plain": self.readout}, {}

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
