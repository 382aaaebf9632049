"""The panel of S3's table: each claimed number beside ours, at any threshold and rate."""

from __future__ import annotations

import ipywidgets

from gradlab.course.lessons.thresholds.claimed import BEST, CLAIMED, Ours, Table
from gradlab.course.lessons.thresholds.picture import draw_key, draw_network
from gradlab.course.lessons.thresholds.setups import S3_MODELS
from gradlab.course.sweep.records import Records
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel


def claimed_panel(records: Records) -> ClaimedPanel:
    """A panel of S3's table: its numbers, and ours in the same places.

    S3 names a threshold and a number of steps, and no learning rate. Here the rate is on a slider,
    so that one sees what the table leaves open; or it is the best for each network and threshold,
    chosen on other pictures than those that are shown.

    Args:
        records: of the experiment "thresholds": ``sweep.recorded("thresholds")``.

    Raises:
        ValueError: there are no runs of one of S3's networks under momentum.

    Note:
        It is not the same experiment: S3 trains on ImageNet, with a thousand classes and without
        saying how; ours are small networks on ten classes. Neither confirms nor refutes a number of
        the other. What can be compared is what λ changes, and what T changes.
    """
    return ClaimedPanel(Table(records.where(part="by norm")))


class ClaimedPanel(Panel):
    """See ``claimed_panel``."""

    def __init__(self, table: Table) -> None:
        self._table = table
        bounds = [_text(bound) for bound in table.max_norms]
        self.max_norm = _slider("threshold λ", bounds, start=bounds.index(_text(1)))
        self.rate = _slider("learning rate η", [BEST, *(f"{lr:g}" for lr in table.rates)], start=0)
        super().__init__([self.max_norm, self.rate], self._picture())

    def _picture(self) -> LivePicture:
        figure, axes = subplots(9, 4, ncols=len(S3_MODELS))
        draw_key(figure)
        self.columns = {}
        for each, model in zip(axes, S3_MODELS, strict=True):
            ours, theirs = self._table.row(model, 1, BEST).steps, CLAIMED[model]
            names = [
                f"{size} T\nS3: {their[0]:,} steps\nours: {our}"
                for size, their, our in zip(("small", "large"), theirs, ours, strict=True)
            ]
            self.columns[model] = draw_network(
                each, model, [accuracy for _, accuracy in theirs], names, first=each is axes[0]
            )
        artists = [artist for column in self.columns.values() for artist in column.artists]
        return LivePicture(figure, artists)

    def show(self) -> str:
        """Look up the three networks at the sliders' threshold and rate."""
        bound = self._table.max_norms[self.max_norm.index]
        rate = self._table.rates[self.rate.index - 1] if self.rate.index else BEST
        told = []
        for model in S3_MODELS:
            ours = self._table.row(model, bound, rate)
            self.columns[model].move(ours.accuracies)
            told.append(_in_words(ours, at_best=rate == BEST))
        return (
            f"Threshold λ {_text(bound)}, learning rate {self.rate.value}. {' '.join(told)} "
            "Not the same experiment: S3's numbers are for ImageNet, λ = 1."
        )


def _in_words(ours: Ours, *, at_best: bool) -> str:
    columns = [
        f"{row.mean():.0%} ({row.min():.0%} to {row.max():.0%}) after {steps} steps, S3 says about "
        f"{claim:.0%} after {theirs:,}"
        for row, steps, (theirs, claim) in zip(
            ours.accuracies, ours.steps, CLAIMED[ours.model], strict=True
        )
    ]
    where = f" at {ours.lr:g}" * at_best
    seeds = ours.accuracies.shape[1]
    lost = f" {ours.lost} of {seeds} seeds diverged." * bool(ours.lost)
    return f"{ours.model}{where}: {'; '.join(columns)}.{lost}"


def _text(bound: float | None) -> str:
    return "none" if bound is None else f"{bound:g}"


def _slider(name: str, options: list[str], start: int) -> ipywidgets.SelectionSlider:
    slider = ipywidgets.SelectionSlider(
        options=options,
        description=name,
        layout={"width": "420px"},
        style={"description_width": "initial"},
    )
    slider.index = start
    return slider
