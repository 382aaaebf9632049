"""A live picture shows what a full redraw would show, and leaves nothing open."""

import io
import threading

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from gradlab.panels.live import LivePicture, subplots


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16)


@pytest.fixture
def wave():
    figure, (axes,) = subplots(4, 3)
    axes.set(xlim=(0, 1), ylim=(-1, 1), title="still")
    (line,) = axes.plot([0, 1], [0, 0])
    return LivePicture(figure, [line]), line


def test_a_moved_picture_equals_one_drawn_anew(wave):
    picture, line = wave
    before = pixels(picture.png)
    with picture.moving():
        line.set_ydata([-1, 1])
    moved = pixels(picture.png)
    assert np.abs(moved - before).max() > 100
    picture.redraw()
    assert np.array_equal(moved, pixels(picture.png))


def test_moving_back_restores_every_pixel(wave):
    picture, line = wave
    before = picture.png
    for y in (0.7, 0.0):
        with picture.moving():
            line.set_ydata([0, y])
    assert picture.png == before


def test_redraw_shows_a_changed_still_artist_without_moving_the_axes(wave):
    picture, line = wave
    place = line.axes.get_position().bounds
    line.axes.set_title("changed")
    with picture.moving():
        pass
    stale = picture.png
    picture.redraw()
    assert picture.png != stale
    assert line.axes.get_position().bounds == place


def test_the_widget_shows_the_same_picture_as_the_png(wave):
    picture, _ = wave
    shown = pixels(picture.widget.value)
    assert shown.shape == pixels(picture.png).shape == (300, 400, 3)
    assert np.abs(shown - pixels(picture.png)).mean() < 1


def test_moves_from_many_threads_are_shown_one_at_a_time(wave):
    picture, line = wave
    shown = []
    picture.widget.observe(lambda change: shown.append(change["new"]), "value")

    def slide(start):
        for step in range(20):
            with picture.moving():
                line.set_ydata([start, step / 20])

    threads = [threading.Thread(target=slide, args=(s,)) for s in (-0.5, 0.5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shown) == 40
    assert all(pixels(jpeg).shape == (300, 400, 3) for jpeg in shown)


def test_pyplot_knows_of_no_figure(wave):
    assert plt.get_fignums() == []
