"""The panels of the lesson show what its maps find, and say it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from gradlab.course import data, models, sweep
from gradlab.course.lessons import features
from gradlab.course.lessons.features.controls import LENGTHS
from gradlab.course.lessons.features.lengths import shorten
from gradlab.course.lessons.features.picture import REACH
from gradlab.course.lessons.features.vectors import Vectors
from gradlab.panels.panel import percent


@pytest.fixture(scope="module")
def digits():
    """Fewer digits, to be quick; of every class."""
    return tuple(
        replace(split, images=split.images[::step], labels=split.labels[::step])
        for split, step in ((data.load("digits"), 4), (data.load("digits", "test"), 5))
    )


@pytest.fixture(scope="module")
def panel(digits):
    torch.manual_seed(0)
    return features.lengths_panel(*digits, models.clipping_cnn(8, channels=1, size=28))


@pytest.fixture(autouse=True)
def _start_again(panel):
    panel.reset()


def test_the_curves_are_what_the_map_leaves_at_every_length(panel, digits):
    vectors = Vectors.of(*digits)
    family = [*(shorten(vectors, "pca", k) for k in LENGTHS), shorten(vectors, "none", 784)]
    lengths, accuracy = panel.lengths.accuracy.get_data()
    assert list(lengths) == [short.k for short in family] == [*LENGTHS, 784]
    assert list(accuracy) == [short.accuracy for short in family]
    explained = panel.lengths.explained.get_ydata()
    assert explained == pytest.approx([short.explained for short in family])
    squares = np.linalg.svd(vectors.train - vectors.train.mean(0), compute_uv=False) ** 2
    assert explained[4] == pytest.approx(squares[:16].sum() / squares.sum(), abs=1e-4)
    assert list(panel.lengths.here.get_ydata()) == [accuracy[4], explained[4]]


def test_digits_are_drawn_back_by_pcas_own_reconstruction(panel, digits):
    vectors = Vectors.of(*digits)
    mean = vectors.train.mean(0)
    rows = np.linalg.svd(vectors.train - mean, full_matrices=False)[2]
    chosen = [digits[1].labels.tolist().index(digit) for digit in range(10)]
    for k in (4, 64):
        panel.k.value = k
        back = (vectors.test[chosen] - mean) @ rows[:k].T @ rows[:k] + mean
        image = np.asarray(panel.drawn.pictures.get_array())
        wanted = np.hstack(list(back.clip(0, 1).reshape(10, 28, 28)))
        assert image == pytest.approx(wanted, abs=2e-3)


def test_wrongly_read_digits_are_marked_under_their_pictures(panel, digits):
    panel.k.value = 1
    named = [text.get_text() for text in panel.drawn.named]
    for digit, text in enumerate(named):
        assert text.endswith("?") == (text.rstrip("?") != str(digit))
    assert any(text.endswith("?") for text in named)


def test_every_point_of_the_map_is_written_as_the_digit_that_it_is(panel, digits):
    counts = [len(points.get_xdata()) for points in panel.glyphs.classes]
    assert counts == torch.bincount(digits[1].labels, minlength=10).tolist()
    for digit, points in enumerate(panel.glyphs.classes):
        outline = TextPath((0, 0), str(digit), prop=FontProperties(family="DejaVu Sans", size=10))
        edges = np.diff(points.get_marker().vertices, axis=0)  # wherever it is written
        assert edges == pytest.approx(np.diff(outline.vertices, axis=0))
    panel.k.value = 1
    assert all(not points.get_ydata().any() for points in panel.glyphs.classes)


def test_what_a_map_costs_is_counted_beside_the_classifier(panel):
    panel.k.value = 8
    alone, together = (line.get_xdata() for line in (panel.price.alone, panel.price.together))
    assert alone[0] == pytest.approx(90 / 7850)
    assert together[0] == pytest.approx((90 + 785 * 8) / 7850)
    assert together[1] > alone[1] > 0


def test_the_readout_says_how_short_how_right_and_what_is_kept(panel):
    for k, ratio in ((1, "1 : 784"), (128, "1 : 6.12")):
        panel.k.value = k
        assert panel.readout.startswith(f"{k} of 784 numbers ({ratio}), by PCA from pixels: ")
    assert "Variance explained: 9" in panel.readout
    assert "nine in ten are now 0." in panel.readout


def test_a_random_map_is_held_against_its_promise_and_a_learned_one_is_not(panel):
    panel.by.value = "random"
    assert "at random from pixels" in panel.readout
    assert "from k = 254, some map" in panel.readout
    panel.by.value = "linear"
    assert "by a learned map, from pixels" in panel.readout
    assert "distances" not in panel.readout


def test_features_of_a_network_and_unit_length_are_other_vectors(panel):
    said = {panel.readout}
    panel.unit.value = True
    assert "of unit length, by PCA" in panel.readout
    said.add(panel.readout)
    panel.of.value = "feature maps"
    assert "by PCA from feature maps" in panel.readout
    said.add(panel.readout)
    assert len(said) == 3


def test_without_a_network_there_are_pixels_only(digits):
    panel = features.lengths_panel(*digits, k=2, by="random")
    assert panel.of.options == ("pixels",)
    assert panel.k.value == 2
    assert panel.readout.startswith("2 of 784 numbers (1 : 392), at random")


def test_points_beyond_the_plane_are_drawn_on_its_edge(panel):
    panel.glyphs.move([[9.0, -9.0]], [3])
    assert panel.glyphs.classes[3].get_xydata().tolist() == [[REACH, -REACH]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 3}, "k must be one of 1, 2, 4, .*, got 3"),
        ({"by": "magic"}, "by must be one of 'pca', 'random', 'linear', got 'magic'"),
    ],
)
def test_bad_arguments_are_named(digits, change, message):
    with pytest.raises(ValueError, match=message):
        features.lengths_panel(*digits, **change)


def test_pictures_of_other_classes_are_refused():
    faces = data.load("faces"), data.load("faces", "test")
    with pytest.raises(ValueError, match=r"train must hold ten classes .*, got 2 of 625"):
        features.lengths_panel(*faces)


def test_fewer_pictures_than_numbers_in_each_are_refused(digits):
    few = replace(digits[0], images=digits[0].images[:784], labels=digits[0].labels[:784])
    with pytest.raises(ValueError, match="train must hold more pictures than numbers in each"):
        features.lengths_panel(few, digits[1])


# The recorded runs, map by map


@pytest.fixture(scope="module")
def recorded():
    return sweep.recorded("features")


def test_the_lines_are_means_of_the_recorded_runs_and_the_bands_their_range(recorded):
    panel = features.maps_panel(recorded)
    panel.unit.value = True
    chosen = recorded.where(features="network", unit=True, map="random")
    runs = chosen.values("accuracy", by=("k", "seed"))
    lengths, means = panel.maps.lines["random"].get_data()
    assert list(lengths) == chosen.axis("k")
    assert means == pytest.approx(runs.mean(1))
    (band,) = panel.maps.bands["random"].get_paths()
    assert band.vertices[:, 1].max() == runs.max()
    assert band.vertices[:, 1].min() == runs.min()
    explained = panel.explained.paths["random"].get_xdata()
    assert explained == pytest.approx(chosen.values("explained", by=("k", "seed")).mean(1))


def test_maps_that_were_tried_on_raw_features_alone_are_drawn_there_alone(recorded):
    panel = features.maps_panel(recorded)
    panel.of.value = "pixels"
    assert len(panel.maps.lines["LSTM"].get_xdata()) == 0
    panel.reset()
    assert list(panel.maps.lines["LSTM"].get_xdata()) == [2, 8, 32]
    assert "LSTM" in panel.readout
    panel.k.value = 4
    assert "LSTM" not in panel.readout


def test_the_slider_reads_every_map_at_its_length(recorded):
    panel = features.maps_panel(recorded)
    panel.of.value = "pixels"
    for k in (2, 256):
        panel.k.value = k
        assert panel.readout.startswith(f"k = {k}, pixels; accuracy on test digits")
        here = recorded.where(features="pixels", unit=False, map="pca", k=k).values("accuracy")
        assert f"PCA {percent(here.mean())}" in panel.readout
        place = [2, 256].index(k) * 7
        x, y = panel.explained.paths["PCA"].get_data()
        assert panel.explained.here["PCA"].get_data() == ([x[place]], [y[place]])
    assert "of 5 seeds" in panel.readout


def test_a_run_that_is_missing_or_failed_is_not_hidden(recorded):
    rows = list(recorded)
    with pytest.raises(ValueError, match="records must hold every run"):
        features.maps_panel(replace(recorded, rows=tuple(rows[:-20])))
    failed = replace(rows[0], status="diverged", result=None)
    with pytest.raises(ValueError, match="records must hold every run"):
        features.maps_panel(replace(recorded, rows=(failed, *rows[1:])))
