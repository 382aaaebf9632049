"""Strangers' runs: the signs of the clinic hold for other networks, and experiments decide."""

import functools

import numpy as np
import pytest
import torch

from gradlab.course.lessons import broken_runs
from gradlab.course.lessons.broken_runs import running, tasks
from gradlab.course.lessons.broken_runs.faults import HEALTHY
from gradlab.course.lessons.broken_runs.running import edited, run
from gradlab.course.lessons.broken_runs.signs import chance, floor
from gradlab.course.lessons.broken_runs.strangers.cases import STRANGERS
from gradlab.course.lessons.broken_runs.strangers.stranger import found

ran = functools.cache(lambda letter: STRANGERS[letter].patient.run())


@pytest.mark.once
@pytest.mark.parametrize("letter", STRANGERS)
def test_a_stranger_shows_the_signs_of_its_faults_and_no_other_in_three_seeds(letter):
    stranger = STRANGERS[letter]
    patient = stranger.patient
    assert found(ran(letter)) == stranger.faults
    broken = edited(patient.script, patient.edits)
    for seed in {1, 2, 3} - {patient.seed}:
        assert found(run(broken, seed, patient.task())) == stranger.faults, seed


@pytest.mark.once
@pytest.mark.parametrize("letter", [name for name, one in STRANGERS.items() if one.faults])
def test_a_stranger_that_was_mended_shows_no_sign_and_learns(letter):
    mended = STRANGERS[letter].patient.mended()
    assert found(mended) == ()
    assert mended.accuracy > 0.85
    assert mended.train[-20:].mean() < 0.3


def experiment(letter):
    return STRANGERS[letter].patient.run(STRANGERS[letter].change)


@pytest.mark.once
def test_the_clip_leaves_ordinary_steps_alone_and_cures_the_explosion():
    before, after = ran("N").recording.total_norm, experiment("N")
    assert before[:10].max() < 1  # so a clip at 1 leaves these steps as they are
    assert before[:20].max() < before.max() / 3
    grown = ran("N").recording.layer_norms[before.argmax()]
    assert ran("N").recording.layers[grown.argmax()] == "rnn.weight_hh_l0"
    assert found(after) == ()
    assert after.accuracy > 0.95


@pytest.mark.once
def test_one_batch_again_and_again_has_the_floor_of_four_probabilities():
    assert floor(4) <= ran("O").train.min() < floor(4) + 0.02
    assert floor(4) <= experiment("O").train.min() < floor(4) + 0.02
    assert ran("O").accuracy > 0.95  # right, and not sure


@pytest.mark.once
def test_the_loss_that_rests_at_ln_2_knows_above_from_below_and_later_all(monkeypatch):
    seen = []
    tested = running._tested
    monkeypatch.setattr(running, "_tested", lambda *of: seen.append(of[0]) or tested(*of))
    stopped = STRANGERS["P"].patient.run()
    inputs, answers = tasks.places().test
    with torch.no_grad():
        said = seen[-1](inputs).argmax(1)
    assert (said % 2 == answers % 2).double().mean() > 0.95
    assert (said // 2 == answers // 2).double().mean() < 0.7
    assert np.log(2) - 0.05 < stopped.train[-20:].mean() < floor(4)
    longer = experiment("P")
    assert longer.train[:60].tolist() == stopped.train.tolist()
    assert longer.train[-20:].mean() < 0.4


@pytest.mark.once
def test_old_gradients_pile_up_at_a_tenth_of_the_rate_and_the_frozen_layer_is_silent():
    stranger = STRANGERS["Q"]
    assert found(experiment("Q")) == stranger.faults
    frozen, _ = stranger.patient.edits
    half = run(edited(stranger.patient.script, (frozen,)), 1, stranger.patient.task())
    assert found(half) == ("a frozen layer",)
    assert half.train[-20:].mean() < 0.2 < chance(2) / 2


def test_every_question_has_one_right_answer_and_a_reply_to_each():
    assert STRANGERS["P"].patient.truth == HEALTHY
    assert max(len(stranger.faults) for stranger in STRANGERS.values()) == 2
    for stranger in STRANGERS.values():
        for asked in (stranger.suspects, stranger.patient):
            right = [reply.startswith("Right: ") for reply in asked.choices.values()]
            assert right == [choice == asked.truth for choice in asked.choices]
        for asked in (stranger.suspects, stranger.decides, stranger.patient):
            assert asked.truth in asked.choices
            assert all(asked.choices.values())
    places = [list(s.patient.choices).index(s.patient.truth) for s in STRANGERS.values()]
    assert len(set(places)) == len(places)  # nobody learns a place


def test_a_stranger_shows_curves_first_then_the_experiment_then_everything():
    ward = broken_runs.Ward()
    sent = ward.stranger("Q")
    stranger = STRANGERS["Q"]
    assert len(sent.shown) == 1
    assert "frozen" not in sent.readout
    sent.put({"step": 10})
    assert "Step 10. Loss: train" in sent.readout
    suspects = sent.shown[0]
    suspects.answer("softmax twice, or gain too small")
    assert len(sent.shown) == 1
    suspects.field.value = stranger.suspects.truth
    suspects.answer_button.click()
    _, decides = sent.shown
    assert decides.hidden
    decides.answer("clip at 1")
    assert stranger.outcome in decides.readout
    assert "In the experiment: loss" in decides.readout
    clinic = sent.shown[2]
    assert "conv2.requires_grad_" not in clinic.readout
    clinic.answer("zero_grad forgotten")
    assert "is it the only one?" in clinic.readout
    clinic.answer(stranger.patient.truth)
    assert "-     model.conv2.requires_grad_(False)" in clinic.readout
    assert ward.score.startswith("0 named at the first try, of 1 seen")
    assert sent.parts == sent.shown
    sent.close()
    assert suspects.closed
    assert clinic.closed
    with pytest.raises(ValueError, match="letter must be one of 'N', 'O', 'P', 'Q', got 'A'"):
        ward.stranger("A")
