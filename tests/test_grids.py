"""A recorded grid is shown as it is: no hole is a zero, no seed that diverged is hidden."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlab.course import grids
from gradlab.course.grids import table as tables
from gradlab.course.sweep.records import Records, Row
from gradlab.panels.panel import NotPossible

STEPS = [10, 20, 30]


def row(lr=0.1, max_norm=1, seed=0, *, model="VGG", accuracy=0.5, diverged=None, **more):
    """A run whose accuracy rises to the given one, or that diverged on the way."""
    steps = [step for step in STEPS if diverged is None or step <= diverged]
    result = {
        "steps": steps,
        "test": [accuracy * step / 30 for step in steps],
        "norm": [2.0 * step for step in steps],
        "accuracy": accuracy if diverged is None else None,
        "diverged": diverged,
        "clipped": 0.25,
    }
    cell = {"model": model, "lr": lr, "max_norm": max_norm, "seed": seed, "width": 8}
    return Row(cell, "done", result | more)


def records(*rows):
    return Records((), tuple(rows))


GRID = records(
    *(
        row(lr, max_norm, seed, accuracy=0.1 + lr + seed / 100)
        for lr in (0.3, 0.03, 0.1)
        for max_norm in (None, 10, 1)
        for seed in (1, 0)
        if (lr, max_norm) not in {(0.3, None), (0.3, 10), (0.03, 10)}
    ),
    row(0.3, None, 0, diverged=12),
    row(0.3, None, 1, diverged=5),
    row(0.3, 10, 0, diverged=25),
    row(0.3, 10, 1, accuracy=0.4),
    *(row(lr, 1, seed, model="ResNet", accuracy=0.7) for lr in (0.01, 0.2) for seed in (0, 1)),
)
CURVES = {"test accuracy": "test", "norm": "norm"}


def panel(found=GRID, **more):
    more = {"choices": ("model",), "curves": CURVES} | more
    return grids.panel(found, "lr", "max_norm", **more)


def table(found, read=None):
    return tables.tabulate(found, "lr", "max_norm", read or tables.result("accuracy"))


def written(shown):
    """What stands in the map, by row and column."""
    texts = [artist for artist in shown.board.map.drawn if hasattr(artist, "get_text")]
    found = {}
    for text in texts:
        column, height = text.get_position()
        found.setdefault((round(height), round(column)), []).append(text.get_text())
    return {place: "; ".join(words) for place, words in found.items()}


def lines(line):
    """The runs that one artist draws, parted where it has gaps."""
    steps, values = (np.asarray(data) for data in line.get_data())
    parts = np.split(np.arange(len(steps)), np.flatnonzero(np.isnan(steps)) + 1)
    whole = [part[~np.isnan(steps[part])] for part in parts]
    return [(steps[p].tolist(), values[p].tolist()) for p in whole if len(p)]


# The table


@given(
    st.sets(
        st.tuples(st.sampled_from([0.1, 1, 3]), st.sampled_from([1, 10, None]), st.integers(0, 4)),
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_a_table_holds_what_the_records_hold(places, random):
    rows = [row(*place, accuracy=random.random()) for place in sorted(places, key=str)]
    found = table(rows)
    assert list(found.across) == sorted({lr for lr, _, _ in places})
    assert list(found.down) == sorted({n for _, n, _ in places if n}) + [None] * any(
        n is None for _, n, _ in places
    )
    for one in rows:
        lr, max_norm, seed = (one.cell[name] for name in ("lr", "max_norm", "seed"))
        place = (
            found.down.index(max_norm),
            found.across.index(lr),
            found.seeds.index(seed),
        )
        assert found.values[place] == one.result["accuracy"]
    assert np.isfinite(found.values).sum() == len(rows)
    assert (found.ends == "not run").sum() == found.values.size - len(rows)


def test_a_table_agrees_with_the_arrays_of_the_records():
    vgg = GRID.where(model="VGG").where(max_norm=1)
    assert np.array_equal(
        table(vgg).values[0], vgg.values("accuracy", by=("lr", "seed")), equal_nan=True
    )


def test_a_mean_is_that_of_the_seeds_with_a_number_and_none_where_there_is_none():
    found = table(GRID.where(model="VGG"))
    assert (found.across, found.down) == ((0.03, 0.1, 0.3), (1, 10, None))
    assert found.means[1].tolist() == pytest.approx([np.nan, 0.205, 0.4], nan_ok=True)
    assert np.isnan(found.means[2, 2])
    assert found.count("diverged").tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 2]]
    assert found.count("not run").tolist() == [[0, 0, 0], [2, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("run", "end"),
    [
        (row(), "done"),
        (row(diverged=3), "diverged"),
        (row(accuracy=float("nan")), "no number"),
        (Row(row().cell, "diverged", error="NonFiniteGradient"), "diverged"),
        (Row(row().cell, "out of memory"), "failed"),
    ],
    ids=["done", "diverged", "nan", "raised", "memory"],
)
def test_how_a_run_ended(run, end):
    found = table([run])
    assert found.ends.tolist() == [[[end]]]
    assert np.isfinite(found.values).item() == (end == "done")


def test_a_curve_is_read_where_the_run_was_then():
    read = grids.after("test", 20)
    assert read(row(accuracy=0.6)) == pytest.approx(0.4)
    assert read(row(accuracy=0.6, diverged=25)) == pytest.approx(0.4)  # it was there, then
    assert read(row(diverged=15)) is None
    assert grids.after("test", 21)(row()) is None
    assert table([row(diverged=15)], read).ends.item() == "diverged"


# The panel


def test_each_place_says_its_mean_or_why_it_has_none():
    assert written(panel()) == {
        (0, 0): "14%",
        (0, 1): "20%",
        (0, 2): "40%",
        (1, 0): "not run",
        (1, 1): "20%",
        (1, 2): "40%; 1 of 2 ✕",
        (2, 0): "14%",
        (2, 1): "20%",
        (2, 2): "diverged",
    }


def test_the_sliders_go_through_what_was_run_and_the_mark_follows():
    shown = panel()
    assert shown.across.options == ("0.03", "0.1", "0.3")
    assert shown.down.options == ("1", "10", "none")
    for column, lr in enumerate(shown.across.options):
        for line, max_norm in enumerate(shown.down.options):
            shown.across.value, shown.down.value = lr, max_norm
            for outline in shown.board.map.artists:
                assert outline.get_xy() == (column - 0.5, line - 0.5)
            assert f"lr {lr}, max_norm {max_norm}, model VGG: " in shown.readout


def test_every_seed_is_a_line_and_a_cross_stands_where_one_diverged():
    shown = panel(start={"lr": 0.3, "max_norm": None})
    curves = shown.board.curves["norm"]
    assert lines(curves.seeds) == [([10], [20])]
    assert [list(data) for data in curves.crosses.get_data()] == [
        [12, 5],
        [20, curves.seeds.axes.get_ylim()[0]],
    ]
    shown.mark(lr=0.1)
    assert lines(curves.seeds) == [(STEPS, [20, 40, 60])] * 2
    assert list(curves.crosses.get_xdata()) == []


def test_mean_range_and_loss_are_said():
    shown = panel(start={"lr": 0.1, "max_norm": 1})
    assert shown.readout == (
        "lr 0.1, max_norm 1, model VGG: accuracy 20% (20% to 21%), mean of 2 seeds; none diverged. "
        "Clipped: 25% of the steps."
    )
    shown.mark(lr=0.3, max_norm=10)
    assert "accuracy 40% (40% to 40%), mean of 1 seed; 1 of 2 diverged." in shown.readout
    shown.mark(max_norm=None)
    assert "no accuracy; 2 of 2 diverged." in shown.readout
    shown.mark(lr=0.03, max_norm=10)
    assert shown.readout == "lr 0.03, max_norm 10, model VGG: not run."


def test_a_choice_has_levels_of_its_own_and_the_mark_stays_as_near_as_it_can():
    shown = panel(start={"lr": 0.3, "max_norm": None})
    shown.choices["model"].value = "ResNet"
    assert (shown.across.options, shown.across.value) == (("0.01", "0.2"), "0.2")
    assert (shown.down.options, shown.down.value) == (("1",), "1")
    assert written(shown) == {(0, 0): "70%", (0, 1): "70%"}
    shown.reset_button.click()
    assert (shown.across.value, shown.down.value) == ("0.3", "none")
    assert "model VGG: no accuracy" in shown.readout


def test_several_numbers_are_a_choice_of_maps_with_one_scale_each():
    values = {"at the end": "accuracy", "after 10 steps": grids.after("test", 10)}
    shown = panel(value=values, start={"lr": 0.3, "max_norm": 10})
    shown.value.value = "after 10 steps"
    assert "after 10 steps 15% (13% to 17%), mean of 2 seeds" in shown.readout
    assert written(shown)[1, 2] == "15%"


def test_what_is_no_share_is_written_as_a_number():
    shown = panel(value={"norm": grids.after("norm", 30)})
    assert written(shown)[0, 0] == "60"


def test_a_choice_offers_only_what_was_run_with_the_choices_before_it():
    runs = [
        Row(row(model=model).cell | {"optimizer": optimizer}, "done", {"accuracy": 0.5})
        for model, optimizer in (("VGG", "SGD"), ("VGG", "Adam"), ("ResNet", "AdamW"))
    ]
    start = {"model": "VGG", "optimizer": "Adam"}
    shown = panel(records(*runs), choices=("model", "optimizer"), curves={}, start=start)
    assert shown.choices["optimizer"].options == ("SGD", "Adam")
    shown.mark(model="ResNet")
    assert shown.choices["optimizer"].options == ("AdamW",)
    assert "model ResNet: accuracy 50%" in shown.readout
    shown.reset()
    assert "model VGG, optimizer Adam: accuracy 50%" in shown.readout


@pytest.mark.parametrize(
    ("found", "more", "message"),
    [
        (records(), {}, "records must hold runs, got none"),
        (GRID, {"choices": ("optimizer",)}, "a name in every cell must be one of .*'optimizer'"),
        (GRID, {"choices": ("lr",)}, "across, down and choices must differ"),
        (records(row(), row()), {}, "choices must tell the runs apart, and there are two with lr="),
        (GRID, {"value": "loss"}, "a name in the results must be one of .*, got 'loss'"),
        (GRID, {"value": {}}, "value must name one quantity or more"),
        (GRID, {"curves": {"loss": "loss"}}, "a name in the results must be one of"),
        (GRID, {"start": {"rate": 1}}, "a name in start must be one of .*, got 'rate'"),
        (GRID, {"start": {"lr": 7}}, "lr must be one of '0.03', '0.1', '0.3', got '7'"),
        (records(row(lr="high")), {}, "lr must be a number or None in every cell, got 'high'"),
        (records(row(test=[0.1])), {}, r"'test' must be as long as 'steps' \(3\).*got 1"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(found, more, message):
    with pytest.raises(ValueError, match=message):
        panel(found, **more)


def test_no_place_is_marked_that_is_not_there():
    with pytest.raises(ValueError, match="max_norm must be one of '1', '10', 'none', got '3'"):
        panel().mark(max_norm=3)


# Training the marked place


class Training:
    """A training that waits to be allowed each point, and notes which cells it was given."""

    def __init__(self, points=3, ends=None):
        self.cells, self.points, self.ends = [], points, ends
        self.closed = threading.Event()

    def __call__(self, cell):
        self.cells.append(cell)
        try:
            for k in range(self.points):
                yield {"step": 10 * (k + 1), "test": 0.1 * k, "norm": 30.0}
            if self.ends:
                raise self.ends
        finally:
            self.closed.set()


def finished(shown):
    shown.train()
    assert shown.live.player.wait(10)
    return shown


def test_the_marked_cell_is_trained_with_a_seed_of_its_own_and_drawn_among_the_others():
    training = Training()
    shown = finished(panel(live=training, start={"lr": 0.1, "max_norm": 10}))
    place = {"model": "VGG", "lr": 0.1, "max_norm": 10, "width": 8}
    assert training.cells == [place | {"seed": 2}]
    assert lines(shown.board.curves["norm"].live) == [(STEPS, [30, 30, 30])]
    assert "Trained here, seed 2: step 30, test accuracy 20%, norm 30; done." in shown.readout
    shown.mark(max_norm=1)
    assert lines(shown.board.curves["norm"].live) == []
    finished(shown)
    assert training.cells[-1] == place | {"max_norm": 1, "seed": 3}
    shown.mark(max_norm=10)
    assert len(lines(shown.board.curves["norm"].live)) == 1
    shown.reset()
    assert "Trained here" not in shown.readout


def test_a_place_that_was_not_run_can_be_trained():
    training = Training()
    finished(panel(live=training, start={"lr": 0.03, "max_norm": 10}))
    assert training.cells[0] == {
        "model": "VGG",
        "lr": 0.03,
        "max_norm": 10,
        "width": 8,
        "seed": 2,
    }


def test_a_training_that_diverges_ends_in_a_cross():
    shown = panel(live=Training(2, FloatingPointError("nan")), start={"lr": 0.1, "max_norm": 10})
    finished(shown)
    assert "step 20" in shown.readout
    assert "; then it diverged." in shown.readout
    assert list(shown.board.curves["norm"].crosses.get_xdata()) == [20]


def test_a_training_that_fails_says_so_and_another_can_begin(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    training = Training(1, RuntimeError("no memory"))
    shown = finished(panel(live=training))
    assert "Training stopped. RuntimeError: no memory" in shown.readout
    training.ends = None
    assert "Training stopped" not in finished(shown).readout


def test_the_button_stops_and_closing_ends_what_trains():
    for end in (lambda shown: shown.train_button.click(), lambda shown: shown.close()):
        training = Training(10**9)
        shown = panel(live=training)
        shown.train_button.click()
        assert shown.training
        assert shown.train_button.description == "Stop"
        player = shown.live.player
        end(shown)
        assert player.wait(10)
        assert training.closed.wait(10)
        if not shown.closed:
            assert shown.train_button.description == "Train this one now"
            assert "; stopped." in shown.readout


def test_without_a_way_to_train_nothing_is_trained():
    shown = panel()
    assert not shown.training
    with pytest.raises(NotPossible):
        shown.train()


def test_one_explosion_does_not_flatten_the_other_curves_and_stands_on_the_edge():
    wild = row(0.1, 10, 2, norm=[20.0, 1e9, 1e12])
    shown = panel(records(*GRID, wild), start={"lr": 0.1, "max_norm": 10})
    curves = shown.board.curves["norm"]
    top = curves.seeds.axes.get_ylim()[1]
    assert 60 < top < 1000
    assert lines(curves.seeds)[2] == (STEPS, [20, top, top])
