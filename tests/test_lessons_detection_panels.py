"""The panels on detectors show what they say; the experiment's claims follow their rules."""

import makers
import pytest
import torch

from gradlab.course import data, lessons, models, sweep
from gradlab.course.lessons import detection
from gradlab.course.lessons.detection import experiment
from gradlab.course.sweep.records import Records, Row

CLAIMS = lessons.claims()
GRID = experiment.EXPERIMENT.grid("cpu").values()


@pytest.fixture(scope="module")
def sees():
    sets = {
        "faces": data.composites("test", 6, seed=1),
        "crowd": data.composites("test", 6, crowded=True, seed=2),
    }
    return detection.sees_panel(detection.trained(), sets)


def test_sliders_keep_what_they_say(sees):
    sees.reset()
    sees.which.value = ("crowd", 0)
    counts = []
    for sees.score.value in (0.02, 0.5, 0.98):
        counts.append(sees.found.count(sees.score.value))
        x, y = sees.curve.point.get_data()
        precision, recall, _ = sees.found.at(sees.score.value)
        assert (x[0], y[0]) == pytest.approx((recall, precision))
        assert f"recall {recall:.2f}" in sees.readout
    assert counts == sorted(counts, reverse=True)
    sees.reset()
    assert sees.score.value == 0.3


def test_without_suppression_every_candidate_is_drawn(sees):
    sees.reset()
    sees.overlap.value = 1.0
    proposed = len(sees.proposed["faces"][0].above(0.3))
    drawn = sum(len(line.get_xdata()) // 6 for line in (sees.view.right, sees.view.wrong))
    assert drawn == proposed
    sees.by.value = "Soft-NMS"
    assert sees.overlap.disabled
    assert "Soft-NMS" in sees.readout
    sees.reset()


def test_of_many_boxes_the_100_best_of_a_picture_are_drawn_and_counted():
    sees = makers.PANELS["sees"]()
    sees.overlap.value, sees.score.value = 1.0, 0.02
    assert len(sees.proposed["faces"][0].above(0.02)) > 100
    assert sum(len(line.get_xdata()) // 6 for line in (sees.view.right, sees.view.wrong)) == 100
    assert "100 left by NMS" in sees.readout


def test_a_set_without_pictures_is_refused():
    with pytest.raises(ValueError, match="sets must hold pictures"):
        detection.sees_panel(models.detector(4), {})


@pytest.mark.parametrize(
    "asked",
    [{"picture": 6}, {"score": 0.03}, {"overlap": 0.52}],
    ids=["picture", "score", "overlap"],
)
def test_a_start_that_is_not_there_is_refused(asked):
    with pytest.raises(ValueError, match=f"{next(iter(asked))} must be"):
        detection.sees_panel(models.detector(4), {"faces": data.composites("test", 6)}, **asked)


@pytest.fixture
def learning():
    seen, unseen = data.composites("train", 24, size=48), data.composites("test", 4, size=48)
    return detection.learning_panel(seen, unseen, steps=3, width=4, batch_size=4)


def test_a_detector_learns_by_code_and_by_button(learning):
    assert "Nothing is learned yet" in learning.readout
    learning.learn()
    assert len(learning.taken) == 3
    assert [step for step, _ in learning.precision] == [0, 1, 2, 3]  # whatever the time
    assert learning.readout.startswith("3 of 3 steps of SGD, rate 0.1, clipped at 1")
    assert len(learning.norms.parts[0].get_xdata()) == 3
    learning.train_button.click()
    assert learning.player.wait(20)
    assert len(learning.taken) == 3
    assert learning.train_button.description == "Train"


def test_other_settings_wait_for_the_next_run(learning):
    learning.optimizer.value = "AdamW"
    assert learning.lr.value == 0.01
    assert "press Train" in learning.readout
    learning.learn(max_norm=None, accumulate=4)
    assert "AdamW, rate 0.01, not clipped, each of 4 micro-batches" in learning.readout
    assert not learning.norms.threshold.get_visible()


def test_too_few_pictures_to_learn_from_are_refused():
    few = data.composites("train", 2, size=48)
    with pytest.raises(ValueError, match="train must hold a batch of 16 pictures"):
        detection.learning_panel(few, few)


# The experiment


@pytest.mark.parametrize("budget", ["cpu", "gpu"])
def test_every_question_is_asked_of_five_seeds_or_more(budget):
    grid = list(experiment.EXPERIMENT.grid(budget).values())
    seeds = {cell["seed"] for cell in grid}
    asked = {str({**cell, "seed": 0}) for cell in grid}
    assert len(seeds) >= 5
    assert len(grid) == len(seeds) * len(asked)


def test_a_run_tells_its_curves_point_by_point_and_live_ones_too():
    cell = next(c for c in experiment.EXPERIMENT.grid("ci").values() if c["part"] == "value")
    with pytest.MonkeyPatch.context() as patch:
        from gradlab.course.lessons.detection import runs

        for one in (runs.seen, runs.pictures, runs.unseen):
            one.cache_clear()
        patch.setattr(runs, "POOL", 16)
        patch.setattr(runs, "_TESTED", 6)
        found = experiment.measure(cell)
        points = list(detection.live(cell))
        for one in (runs.seen, runs.pictures, runs.unseen):
            one.cache_clear()
    lengths = {len(found[name]) for name in ("steps", "ap_curve", "norm_curve", "score")}
    assert len(lengths) == 1
    assert found["diverged"] is None
    assert points[-1]["step"] == found["steps"][-1] == cell["steps"]


# The claims, on made-up records whose verdict can be told by eye

AFTER = {"ap50": [0.9] * 11, "f1": [0.1] * 11, "f1_at_cut": 0.9, "ap50_at_cut": 0.88}
AFTER |= {"nms": [0.9] * 9 + [0.5], "raw_f1": 0.05, "time_ratio": 1.02, "cut": 0.4}
AFTER |= {"astronaut": [[0.9, 1, 2, 3, 4]], "hard_astronaut": []}


def verdict(number, ap=lambda cell: 0.5, after=AFTER, speed=(100.0, 2.0)):
    """The word that such records give; AP50 is a function of the cell."""
    rows = []
    for cell in GRID:
        result = {"ap50": ap(cell)}
        if cell["part"] == "after":
            result = after
        if cell["part"] == "speed":
            result = {"per_second": list(speed)}
        rows.append(Row(cell, "done", result))
    return CLAIMS[number].verdict(Records((), tuple(rows))).word


def test_leaving_out_low_scores_is_asked_of_both_measures():
    assert verdict("S2-1") == "depends"
    assert verdict("S2-1", after=AFTER | {"f1_at_cut": 0.1}) == "fails"
    assert verdict("S2-1", after=AFTER | {"ap50": [0.8] + [0.9] * 10}) == "holds"


@pytest.mark.parametrize(
    ("speed", "word"), [((26, 26), "holds"), ((26, 24), "depends"), ((24, 24), "fails")]
)
def test_real_time_is_more_than_25_pictures_a_second(speed, word):
    assert verdict("S2-2", speed=speed) == word


def test_accumulating_helps_if_it_does_with_both_optimizers_and_both_ways_to_count():
    assert verdict("S2-3") == "fails"
    assert verdict("S2-3", lambda cell: 0.5 + 0.1 * (cell["accumulate"] == 4)) == "holds"
    assert verdict("S2-3", lambda cell: 0.5 + 0.1 * (cell["part"] == "steps")) == "depends"


def test_accuracy_and_speed_are_two_things():
    assert verdict("S2-4") == "depends"
    assert verdict("S2-4", after=AFTER | {"time_ratio": 0.9}) == "holds"
    assert verdict("S2-4", after=AFTER | {"ap50_at_cut": 0.4}) == "fails"


def test_clipping_must_beat_the_best_that_was_reached_without():
    def clipped(cell):
        return cell["max_norm"] is not None or cell["clip_value"] is not None

    assert verdict("S4-3", lambda cell: 0.5 + 0.1 * clipped(cell)) == "holds"
    assert verdict("S4-3", lambda cell: 0.6 - 0.1 * clipped(cell)) == "fails"
    with_sgd = verdict("S4-3", lambda c: 0.5 + 0.1 * (clipped(c) and c["optimizer"] == "SGD"))
    assert with_sgd == "depends"
    assert verdict("S4-3", lambda c: 0.5 + 0.1 * (clipped(c) or c["warmup"] > 0)) == "fails"


def test_the_shipped_records_are_those_of_the_whole_grid():
    shipped = sweep.recorded("detection")
    assert [dict(row.cell) for row in shipped] == list(GRID)
    assert {row.status for row in shipped} == {"done"}


def test_a_detector_of_one_picture_is_told_of_by_the_panel():
    alone = data.Composites("test", data.astronaut()[None], (torch.tensor([[55.0, 22, 86, 55]]),))
    panel = detection.sees_panel(detection.trained(), {"astronaut": alone})
    assert "1 of 1 faces found" in panel.readout
