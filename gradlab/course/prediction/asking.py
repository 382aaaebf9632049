"""A question about a panel that is in view, asked until somebody answers it rightly."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import ipywidgets

from gradlab.panels.closing import Closing
from gradlab.panels.panel import Panel, spoken

_MANY = 6  # choices; more of them go into a menu
_RIGHT, _TOLD = "Right: ", "It is: "


class Asking(Closing):
    """A panel, and a question about it. ``answer(choice)``, ``give_up()`` do what the buttons do.

    It ends together with its panel.

    Args:
        panel: any panel.
        question: in words.
        choices: the answers to choose from, with a reply to each; that to the truth begins with
            "Right: ".
        truth: one of them.
        buttons: stand beside those that answer.
        below: what else is shown, below the reply.

    Raises:
        ValueError: ``truth`` is none of the choices.
    """

    def __init__(
        self,
        panel: Panel,
        question: str,
        choices: Mapping[str, str],
        truth: str,
        *,
        buttons: Sequence[ipywidgets.Button] = (),
        below: Sequence[ipywidgets.Widget] = (),
    ) -> None:
        if truth not in choices:
            raise ValueError(f"truth must be one of {list(choices)!r}, got {truth!r}")
        self.panel, self.picture = panel, panel.picture
        self._question, self._choices, self._truth = question, choices, truth
        self._tried: list[Callable[[bool], object]] = []
        self._solving: list[Callable[[], object]] = []
        self.solved = False
        self.field = (
            ipywidgets.Dropdown(
                options=[("choose …", None), *((name, name) for name in choices)],
                layout={"width": "380px"},
            )
            if len(choices) > _MANY
            else ipywidgets.RadioButtons(
                options=list(choices),
                value=None,
                layout={"width": "max-content", "margin": "2px 16px 2px 2px"},
            )
        )
        self.answer_button = ipywidgets.Button(description="Answer", button_style="primary")
        self.give_up_button = ipywidgets.Button(description="Tell me")
        self.answer_button.on_click(lambda _: self._answer_field())
        self.give_up_button.on_click(lambda _: self.give_up())
        form = ipywidgets.HBox(
            [self.field, self.answer_button, self.give_up_button, *buttons],
            layout={"align_items": "center", "flex_flow": "row wrap"},
        )
        asked = ipywidgets.HTML(f'<p style="line-height: 1.4"><b>{html.escape(question)}</b></p>')
        self._said = ipywidgets.HTML()
        super().__init__([asked, panel, form, self._said, *below])
        self._say("")

    @property
    def readout(self) -> str:
        """The question, its choices if they are few, the reply, and the panel's readout."""
        few = self._choices if len(self._choices) <= _MANY else ()
        asked = "\n- ".join([self._question, *few])
        return "\n".join(part for part in (asked, self._reply, self.panel.readout) if part)

    def asked(self) -> dict[str, Any]:
        """Everything that is asked and told, as ``Prediction.asked`` has it."""
        return {
            "question": self._question,
            "choices": dict(self._choices),
            "truth": self._truth,
            "idea": "",
            "skip": self.give_up_button.description,
            "skipped": self._choices[self._truth].replace(_RIGHT, _TOLD, 1),
            "once": False,
        }

    def on_answer(self, told: Callable[[bool], object]) -> None:
        """Call something with every answer: whether it is right; False where it was given up."""
        self._tried.append(told)

    def when_answered(self, then: Callable[[], object]) -> None:
        """Call something once the answer is known."""
        self._solving.append(then)

    def answer(self, choice: str) -> None:
        """Give an answer, and be told what is right about it, or what it was mistaken for.

        Raises:
            ValueError: ``choice`` is none of the choices.
        """
        if choice not in self._choices:
            raise ValueError(f"the answer must be one of {list(self._choices)!r}, got {choice!r}")
        self._take(choice == self._truth, self._choices[choice])

    def give_up(self) -> None:
        """Be told."""
        self._take(False, self.asked()["skipped"], known=True)

    def put(self, settings: Mapping[str, object]) -> Self:
        """Put the panel's controls somewhere, as ``Panel.put`` does."""
        self.panel.put(settings)
        return self

    def _answer_field(self) -> None:
        if self.field.value is None:
            self._say("Choose an answer first.")
        else:
            self.answer(self.field.value)

    def _take(self, right: bool, told: str, *, known: bool = False) -> None:
        for each in self._tried:
            each(right)
        self._say(told)
        if (right or known) and not self.solved:
            self.solved = True
            self.answer_button.disabled = self.give_up_button.disabled = True
            for then in self._solving:
                then()

    def _say(self, told: str) -> None:
        self._reply = told
        self._said.value = spoken(told)

    def _stop(self) -> None:
        self.panel.close()
