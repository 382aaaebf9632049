"""The ledger panel: claim, evidence, verdict, and the command that measures it again."""

from __future__ import annotations

from functools import cache

import ipywidgets

from gradlab.arguments import one_of
from gradlab.course.claims.claim import Verdict
from gradlab.course.claims.entries import WORDS, Entry, Ledger
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.sources import SOURCES
from gradlab.course.lessons.report_card.picture import draw_dots, draw_strip
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import NotPossible, Panel

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_LABELS = ("× ¼", "× ½", "× 1", "× 2", "× 4")
_WIDE, _NARROW = {"width": "99%"}, {"width": "230px"}


def ledger_panel(ledger: Ledger, *, claim: str | None = None) -> LedgerPanel:
    """A panel of all that the sources claim: choose a claim, and see what its verdict rests on.

    Above, each seed of the numbers that the rule compares, with the lines that it draws. Below, the
    verdict that the same runs would get if a cut-off of the rule were a quarter to four times what
    it is: the slider moves it.

    Args:
        ledger: as ``gradlab.course.claims.ledger`` makes it.
        claim: the number of the one that is open at first; None: the first.

    Raises:
        ValueError: the ledger has no such claim.

    Note:
        A cut-off that is moved until the verdict pleases decides nothing: the rule was written
        down before the runs. The slider shows how much hangs on it.
    """
    if claim is not None:
        one_of("claim", claim, [entry.statement.number for entry in ledger])
    return LedgerPanel(ledger, claim)


class LedgerPanel(Panel):
    """See ``ledger_panel``."""

    def __init__(self, ledger: Ledger, claim: str | None) -> None:
        self._ledger = ledger
        self._verdicts = cache(self._at_all_factors)
        self._opened: tuple[object, ...] | None = None
        self.source = ipywidgets.Dropdown(
            options=[("all five", None), *((f"{one.name}", one.name) for one in SOURCES.values())],
            description="source",
            layout=_NARROW,
        )
        self.word = ipywidgets.Dropdown(
            options=[("any", None), *((word, word) for word in WORDS)],
            description="verdict",
            layout=_NARROW,
        )
        self.claim = ipywidgets.Select(
            options=self._offered(), rows=7, description="claim", layout=_WIDE
        )
        if claim is not None:
            self.claim.value = claim
        self.numbers = ipywidgets.Dropdown(
            options=self._kinds(self.claim.value), description="numbers", layout={"width": "480px"}
        )
        self.cutoff = ipywidgets.Dropdown(
            options=self._cutoffs(self.claim.value), description="cut-off", layout=_NARROW
        )
        self.factor = ipywidgets.SelectionSlider(
            options=list(zip(_LABELS, FACTORS, strict=True)),
            value=1.0,
            description="moved by",
            layout={"width": "330px"},
        )
        filters = [self.source, self.word, self.claim]
        super().__init__([*filters, self.numbers, self.cutoff, self.factor], self._picture())

    @property
    def page_controls(self) -> tuple[ipywidgets.Select, ipywidgets.SelectionSlider]:
        """The claims, which filters would only shorten, and the slider."""
        return self.claim, self.factor

    def _picture(self) -> LivePicture:
        figure, (dots, strip) = subplots(9, 5, nrows=2, ncols=1, height_ratios=(5, 2))
        self.dots = draw_dots(dots)
        self.strip = draw_strip(strip, FACTORS, ("holds", "depends", "fails", "not testable"))
        return LivePicture(figure, [*self.dots.artists, *self.strip.artists])

    def _offered(self) -> list[tuple[str, str]]:
        """The claims that the filter lets pass."""
        chosen = self._ledger.where(source=self.source.value, word=self.word.value)
        return [
            (f"{e.statement.number} · {e.word} · {e.statement.says}", e.statement.number)
            for e in chosen
        ]

    def _kinds(self, number: str | None) -> list[tuple[str, int]]:
        """The kinds of numbers that a claim rests on."""
        verdict = self._ledger[number].verdict if number else None
        kinds = verdict.evidence if verdict else ()
        return [(one.about, place) for place, one in enumerate(kinds)] or [("none", 0)]

    def _cutoffs(self, number: str | None) -> list[tuple[str, str]]:
        """The numbers in a claim's rule that can be moved."""
        verdict = self._ledger[number].verdict if number else None
        names = verdict.cutoffs if verdict else ()
        return [(name, name) for name in names] or [("none", "")]

    def _at_all_factors(self, number: str, cutoff: str) -> tuple[Verdict, ...]:
        """The verdicts with the cut-off multiplied by each factor; none if there is none."""
        found = self._ledger[number].verdict
        if found is None:
            return ()
        if not cutoff:
            return (found,) * len(FACTORS)
        return tuple(found.at(**{cutoff: f * found.cutoffs[cutoff]}) for f in FACTORS)

    def show(self) -> str:
        """Open the chosen claim, with the cut-off at the slider's factor."""
        self._offer()
        number, kind, cutoff = self.claim.value, self.numbers.value, self.cutoff.value
        verdicts = self._verdicts(number, cutoff) if number else ()
        if (number, kind, cutoff) != self._opened:
            self._opened = number, kind, cutoff
            self._open(number, verdicts, kind)
        self.strip.move(FACTORS, [verdict.word for verdict in verdicts], self.factor.value)
        if number is None:
            raise NotPossible("no claim of this source has this verdict.")
        if not verdicts:
            return _unmeasured(self._ledger[number])
        verdict = verdicts[FACTORS.index(self.factor.value)]
        self.dots.move(_evidence(verdict, kind))
        return self._in_words(self._ledger[number], verdict)

    def _offer(self) -> None:
        """Offer what the filter lets pass, and the numbers of the claim that is chosen."""
        if self.claim.options != tuple(offered := self._offered()):
            kept = self.claim.value
            self.claim.options = offered
            if kept in dict(map(reversed, offered)):  # type: ignore[arg-type]
                self.claim.value = kept
        if self.numbers.options != tuple(kinds := self._kinds(self.claim.value)):
            self.numbers.options = kinds
        if self.cutoff.options != tuple(cutoffs := self._cutoffs(self.claim.value)):
            self.cutoff.options = cutoffs

    def _open(self, number: str | None, verdicts: tuple[Verdict, ...], kind: int) -> None:
        shown = [found for one in verdicts if (found := _evidence(one, kind))]
        own = _evidence(verdicts[FACTORS.index(1.0)], kind) if verdicts else None
        entry = self._ledger[number] if number else None
        title = f"{number}   {entry.statement.says}" if entry else ""
        self.dots.open(title, own, _span(shown), entry.word if entry else "")
        self.dots.move(None)
        self.picture.redraw()

    def _in_words(self, entry: Entry, verdict: Verdict) -> str:
        moved = self.factor.value != 1 and bool(verdict.cutoffs)
        lines = "; ".join(f"{name} {value:.3g}" for name, value in verdict.cutoffs.items())
        return "\n".join(
            [
                f"{entry.statement.number}, {verdict.word}: {entry.statement.says}",
                _original(entry),
                f"Rule: {verdict.claim.rule if verdict.claim else ''}",
                f"Because: {verdict.because}.".replace("..", "."),
                f"Cut-offs: {lines or 'none; only signs count'}."
                + f" The rule's own would give: {entry.word}." * moved,
                f"Again: {verdict.again}",
            ]
        )


def _evidence(verdict: Verdict, kind: int) -> Evidence | None:
    """The numbers of that kind; None where the verdict has none."""
    return verdict.evidence[kind] if kind < len(verdict.evidence) else None


def _original(entry: Entry) -> str:
    source = entry.statement.source
    return f"{source.name}, {source.title}: “{entry.statement.original}”"


def _unmeasured(entry: Entry) -> str:
    first = f"{entry.statement.number}, {entry.word}: {entry.statement.says}"
    return "\n".join([first, _original(entry), f"Because: {entry.because}."])


def _span(shown: list[Evidence]) -> tuple[float, float]:
    """From the least to the greatest of all numbers and bounds, with some room."""
    found = [v for one in shown for seeds in one.numbers.values() for v in (seeds.low, seeds.high)]
    found += [bound for one in shown for bound in one.bounds]
    low, high = min(found, default=0.0), max(found, default=1.0)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room
