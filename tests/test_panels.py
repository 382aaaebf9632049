"""A panel's controls change its picture and its words, and nothing that a reader does breaks it."""

import base64
import io
import math
import re

import ipywidgets
import pytest
import torch
from PIL import Image

from gradlab import clip, panels
from gradlab.course import models
from gradlab.course.prediction import predict
from gradlab.histogram.layers import of_tensors
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import NotPossible, Panel, number, percent


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    net = models.pruning_cnn(width=8)
    loss = torch.nn.functional.cross_entropy(net(torch.rand(16, 3, 32, 32)), torch.arange(16) % 10)
    loss.backward()
    return net


def numbers(readout):
    return [float(found) for found in re.findall(r"\d+\.?\d*(?:e[+-]\d+)?", readout)]


def flat(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def test_the_threshold_panel_says_what_clipping_by_value_does(model):
    panel = panels.threshold(model)
    c = panel.threshold.value
    g = flat(model)
    clipped = g.clamp(-c, c)
    degrees = math.degrees(math.acos(torch.cosine_similarity(g.double(), clipped.double(), 0)))
    assert panel.readout.startswith(f"clip_value = {number(c)}: ")
    _, fraction, before, after, angle, _ = numbers(panel.readout)[:6]
    assert fraction == pytest.approx(100 * (g.abs() > c).double().mean().item(), rel=0.02)
    assert before == pytest.approx(g.norm().item(), rel=0.01)
    assert after == pytest.approx(clipped.norm().item(), rel=0.01)
    assert angle == pytest.approx(degrees, abs=0.5)


def test_clipping_by_norm_reaches_the_norm_on_the_slider_and_turns_nothing(model):
    panel = panels.threshold(model, clip=clip.ByNorm)
    panel.threshold.value = flat(model).norm().item() / 4
    assert f"→ {number(panel.threshold.value)}" in panel.readout
    assert "0.0° (cosine 1.000)" in panel.readout


@pytest.mark.parametrize("rule", [clip.ByValue, clip.ByNorm, clip.PerLayer])
def test_at_its_upper_end_nothing_is_clipped_and_at_its_lower_end_everything(model, rule):
    panel = panels.threshold(model, clip=rule)
    slider = panel.threshold
    slider.value = 10**slider.max
    assert "nothing is clipped" in panel.readout
    upper = panel.picture.png
    slider.value = 10**slider.min
    assert "nothing is clipped" not in panel.readout
    assert panel.picture.png != upper


def test_only_the_slider_of_the_chosen_rule_is_shown(model):
    panel = panels.threshold(model)
    assert (
        panel.thresholds["clip_value"].layout.display,
        panel.thresholds["max_norm"].layout.display,
    ) == (None, "none")
    panel.clip.value = "by norm"
    assert (
        panel.thresholds["clip_value"].layout.display,
        panel.thresholds["max_norm"].layout.display,
    ) == ("none", None)


def test_a_layer_is_shown_alone(model):
    panel = panels.threshold(model, clip=clip.PerLayer)
    panel.threshold.value = 10**panel.threshold.max
    whole = panel.readout
    for name, parameter in model.named_parameters():
        panel.layer.value = name
        assert numbers(panel.readout)[1] == pytest.approx(parameter.grad.norm().item(), rel=0.01)
    assert panel.readout != whole


def test_reset_brings_back_the_first_picture_and_words(model):
    panel = panels.threshold(model)
    first = panel.readout, panel.picture.png
    panel.clip.value, panel.layer.value = "by norm", "conv1.weight"
    panel.threshold.value *= 3
    assert (panel.readout, panel.picture.png) != first
    panel.reset_button.click()
    assert (panel.readout, panel.picture.png) == first


def test_put_moves_controls_by_what_stands_beside_them(model):
    panel = panels.threshold(model)
    assert panel.put({"max_norm": 0.0123, "clip": "by norm"}) is panel  # menus first
    step = 10**panel.threshold.step
    assert 0.0123 / step < panel.threshold.value < 0.0123 * step
    shown = format(panel.threshold.value, ".3g")
    panel.threshold.value *= 1.5 * step
    said = panel.readout
    assert panel.put({"max_norm": shown}).readout != said
    assert format(panel.threshold.value, ".3g") == shown


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"colour": "red"}, "label of a control must be one of 'show', .*, got 'colour'"),
        ({"clip": "by luck"}, "clip must be one of 'by value', .*'by norm', got 'by luck'"),
        ({"clip": "by norm", "max_norm": -1}, "max_norm must be a number from .* to .*, got -1"),
    ],
)
def test_put_refuses_what_a_panel_does_not_have_and_leaves_it_as_it_was(model, settings, message):
    panel = panels.threshold(model)
    before = panel.readout
    with pytest.raises(ValueError, match=message):
        panel.put(settings)
    assert panel.readout == before


def test_the_picture_holds_the_shares_that_the_histogram_counted(model):
    panel = panels.threshold(model)
    after = panel.bars.after.get_data()
    above = after.edges[:-1] >= panel.threshold.value
    assert not after.values[above].any()
    nonzero = (flat(model) != 0).double().mean().item()
    assert after.values.sum() == pytest.approx(nonzero)
    assert panel.bars.before.get_data().values.sum() == pytest.approx(nonzero)


def test_tensors_and_histograms_make_the_same_panel(model):
    gradients = {name: p.grad for name, p in model.named_parameters()}
    counted = of_tensors(gradients)
    mixed = gradients | {"conv1.weight": counted["conv1.weight"]}
    sources = (model, gradients, counted, mixed)
    readouts = {panels.threshold(source).readout for source in sources}
    assert len(readouts) == 1


def test_what_the_picture_cannot_hold_is_said():
    gradients = {"a": torch.tensor([0.0, 0.0, 1.0, 2.0]), "b": torch.tensor([math.inf, math.nan])}
    readout = panels.threshold(gradients).readout
    assert "33.3 % are exactly zero and 2 are infinite or NaN" in readout


def test_the_mime_bundle_holds_a_widget_a_picture_and_words(model):
    panel = panels.threshold(model)
    bundle, about = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    png = base64.b64decode(bundle["image/png"])
    assert png == panel.picture.png
    assert bundle["text/plain"] == panel.readout
    shown, pixels = about["image/png"], Image.open(io.BytesIO(png))
    assert pixels.size == (2 * shown["width"], 2 * shown["height"])


@pytest.mark.parametrize(
    ("gradients", "error", "message"),
    [
        ({}, ValueError, "no gradient to measure"),
        ({"a": torch.zeros(3)}, ValueError, "must hold a finite element other than zero"),
        ({"a": torch.tensor([math.nan])}, ValueError, "must hold a finite element other than zero"),
        ([1.0], TypeError, "gradients must be a module after backward"),
        ({"a": [1.0]}, TypeError, "tensor must hold real floating-point numbers, got list"),
        (torch.nn.Linear(2, 2), ValueError, "no gradient to measure"),
    ],
)
def test_what_is_no_gradient_is_refused(gradients, error, message):
    with pytest.raises(error, match=message):
        panels.threshold(gradients)


def test_an_unknown_rule_is_refused_with_the_known_ones(model):
    with pytest.raises(
        ValueError, match=r"clip must be one of ByValue, PerLayer, ByNorm, got 'norm'"
    ):
        panels.threshold(model, clip="norm")


class Reciprocal(Panel):
    """A panel that refuses a negative number, and fails at zero."""

    def __init__(self):
        figure, (axes,) = subplots(3, 2)
        (self.line,) = axes.plot([0, 1], [0, 1])
        self.slider = ipywidgets.FloatSlider(1, min=-2, max=2)
        super().__init__([self.slider], LivePicture(figure, [self.line]))

    def show(self):
        if self.slider.value < 0:
            raise NotPossible("x must not be negative")
        inverse = 1 / self.slider.value
        self.line.set_ydata([0, inverse])
        return f"1/x = {inverse}"


def test_a_panel_that_refuses_a_setting_says_so_and_stays_usable():
    panel = Reciprocal()
    panel.slider.value = -1
    assert panel.readout == "Not possible: x must not be negative"
    panel.slider.value = 2
    assert panel.readout == "1/x = 0.5"


def test_a_bug_is_not_hidden_is_said_and_leaves_the_panel_usable():
    panel = Reciprocal()
    with pytest.raises(ZeroDivisionError):
        panel.slider.value = 0
    said = "ZeroDivisionError: float division by zero. The traceback is in the log."
    assert panel.readout == f"This panel failed. {said}"
    panel.slider.value = 2
    assert panel.readout == "1/x = 0.5"


def test_controls_that_are_moved_together_are_shown_once():
    panel, shown = Reciprocal(), []
    show = panel.show
    panel.show = lambda: shown.append(panel.slider.value) or show()
    with panel.together():
        panel.slider.value = 0  # is never shown
        panel.slider.value = 2
        assert (shown, panel.readout) == ([], "1/x = 1.0")
    assert (shown, panel.readout) == ([2], "1/x = 0.5")
    with panel.together():
        pass
    assert shown == [2]
    panel.slider.value = 1
    assert shown == [2, 1]


def test_the_readout_is_escaped_for_html():
    panel = Reciprocal()
    panel.show = lambda: "a < b"
    panel.slider.value = 1.5
    assert "a &lt; b" in panel.children[-1].value
    assert panel.readout == "a < b"


@pytest.mark.parametrize(
    ("value", "said"), [(13, "13.0"), (0.02136, "0.0214"), (130, "130"), (6.5e9, "6.50e+09")]
)
def test_numbers_have_three_significant_digits(value, said):
    assert number(value) == said


@pytest.mark.parametrize(
    ("fraction", "said"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (1e-6, "under 0.01 %"),
        (1 - 1e-6, "over 99.99 %"),
        (0.1234, "12.3 %"),
    ],
)
def test_a_percentage_never_rounds_to_none_or_all(fraction, said):
    assert percent(fraction) == said


def test_a_prediction_hides_the_panel_until_it_is_made():
    asked = predict(Reciprocal(), "What is 1/2?", truth=0.5, idea="Halves.")
    assert asked.hidden
    assert asked.readout == "What is 1/2?"
    asked.answer(0.25)
    assert not asked.hidden
    assert "You said 0.250; it is 0.500: off by a factor of 2.00. Halves." in asked.readout
    assert asked.readout.endswith(asked.panel.readout)


def test_a_prediction_can_be_skipped():
    asked = predict(Reciprocal(), "What is 1/2?", truth=0.5, idea="Halves.")
    asked.skip_button.click()
    assert not asked.hidden
    assert "it is 0.5" not in asked.readout
    assert "Halves" not in asked.readout


@pytest.mark.parametrize(
    ("said", "truth", "verdict"),
    [
        (0.51, 0.5, "as good as exact"),
        (-1, 1, "off by 2.00"),
        (0, 0, "exact"),
        (4, 2, "off by a factor of 2.00"),
    ],
)
def test_a_prediction_says_how_far_off_it_was(said, truth, verdict):
    asked = predict(Reciprocal(), "?", truth=lambda: truth, idea="")
    asked.answer(said)
    assert verdict in asked.readout


def test_a_choice_is_right_or_told_the_right_one():
    for said, verdict in (("up", "up: right."), ("down", "You said down; it is up.")):
        asked = predict(Reciprocal(), "?", truth="up", choices=["up", "down"], idea="")
        asked.field.value = said
        asked.answer_button.click()
        assert verdict in asked.readout


def test_a_choice_gets_its_own_reply_before_the_idea():
    replies = {"up": "Quite so.", "down": "Then 1/1 would be less than 1/2."}
    asked = predict(Reciprocal(), "?", truth="up", choices=replies, idea="It halves.")
    assert asked.readout == "?\n- up\n- down"
    asked.answer("down")
    told = "You said down; it is up. Then 1/1 would be less than 1/2. It halves."
    assert told in asked.readout
    assert "Quite so" not in asked.readout


@pytest.mark.parametrize("said", ["a lot", None, True])
def test_what_is_no_number_leaves_the_panel_hidden(said):
    asked = predict(Reciprocal(), "?", truth=1.0, idea="")
    with pytest.raises(ValueError, match="the answer must be a number, got"):
        asked.answer(said)
    assert asked.hidden


def test_an_empty_field_is_asked_for_again():
    asked = predict(Reciprocal(), "?", truth="up", choices=["up", "down"], idea="")
    asked.answer_button.click()
    assert "Not yet: the answer must be one of ['up', 'down'], got None." in asked.readout
    assert asked.hidden


def test_an_unwritten_number_is_asked_for_again():
    asked = predict(Reciprocal(), "?", truth=1.0, idea="")
    asked.answer_button.click()
    assert "Not yet:" in asked.readout
    asked.field.value = " 2 "
    asked.answer_button.click()
    assert "You said 2.00" in asked.readout


@pytest.mark.parametrize(
    ("choices", "truth", "message"),
    [(["up"], "up", "two answers or more"), (["up", "down"], "left", "truth must be one of")],
)
def test_a_question_without_a_right_answer_is_refused(choices, truth, message):
    with pytest.raises(ValueError, match=message):
        predict(Reciprocal(), "?", truth=truth, choices=choices, idea="")


def test_a_stored_prediction_keeps_its_words_and_gives_no_answer_away():
    asked = predict(Reciprocal(), "What is 1/2?", truth=0.5, idea="Halves.")
    bundle, metadata = asked._repr_mimebundle_()
    assert bundle["text/plain"] == "What is 1/2?"
    assert not any(kind.startswith("image") for kind in (*bundle, *metadata))
    asked.answer(0.5)
    bundle, _ = asked._repr_mimebundle_()
    assert bundle["text/plain"] == asked.readout
    assert base64.b64decode(bundle["image/png"]) == asked.panel.picture.png


def test_a_layer_without_a_finite_element_can_be_looked_at():
    gradients = {"good": torch.tensor([1.0, 2.0]), "bad": torch.tensor([math.nan, math.inf])}
    for rule in (clip.ByValue, clip.ByNorm, clip.PerLayer):
        panel = panels.threshold(gradients, clip=rule)
        panel.layer.value = "bad"
        assert "2 are infinite or NaN" in panel.readout
        assert "Not possible" not in panel.readout
