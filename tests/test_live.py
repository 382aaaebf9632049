"""A live picture shows what a full redraw would show, sharp at rest, and leaves nothing open."""

import gc
import io
import subprocess
import sys
import threading
import weakref

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.lines import Line2D
from PIL import Image

from gradlab.panels.live import LivePicture, subplots

SOON = 30  # seconds: a test that waits longer has failed


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), np.int16)


def make_wave(*more):
    figure, (axes,) = subplots(4, 3)
    axes.set(xlim=(0, 1), ylim=(-1, 1), title="still")
    (line,) = axes.plot([0, 1], [0, 0], color="black")
    for artist in more:
        axes.add_line(artist)
    return LivePicture(figure, [line]), line


@pytest.fixture
def wave():
    return make_wave()


def at_rest(picture):
    """The first picture that is shown with twice as many pixels."""
    width, sharp, shown = 2 * picture.size[0], threading.Event(), []

    def look(value):
        if pixels(value).shape[1] == width:
            shown.append(value)
            sharp.set()

    picture.widget.observe(lambda change: look(change["new"]), "value")
    look(picture.widget.value)
    assert sharp.wait(SOON)
    return shown[0]


# On the move


def test_a_moved_picture_equals_one_drawn_anew(wave):
    picture, line = wave
    before = pixels(picture.widget.value)
    with picture.moving():
        line.set_ydata([-1, 1])
    moved = pixels(picture.widget.value)
    assert np.abs(moved - before).max() > 100
    picture.redraw()
    assert np.array_equal(moved, pixels(picture.widget.value))


def test_moving_back_restores_every_pixel(wave):
    picture, line = wave
    before = picture.widget.value
    for y in (0.7, 0.0):
        with picture.moving():
            line.set_ydata([0, y])
    assert picture.widget.value == before


def test_redraw_shows_a_changed_still_artist_without_moving_the_axes(wave):
    picture, line = wave
    place = line.axes.get_position().bounds
    line.axes.set_title("changed")
    with picture.moving():
        pass
    stale = picture.widget.value
    picture.redraw()
    assert picture.widget.value != stale
    assert line.axes.get_position().bounds == place


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
    moved = [jpeg for jpeg in shown if pixels(jpeg).shape == (300, 400, 3)]  # not those at rest
    assert len(moved) == 40


# At rest


def test_a_picture_at_rest_has_twice_the_pixels_and_the_same_size_on_the_page(wave):
    picture, line = wave
    with picture.moving():
        line.set_ydata([-1, 1])
    shown = pixels(at_rest(picture))
    assert picture.widget.layout.width == "400px"
    file = io.BytesIO()
    line.figure.savefig(file, dpi=200)  # with moving artists, by matplotlib's own way
    assert shown.shape == (600, 800, 3)
    assert np.abs(shown - pixels(file.getvalue())).mean() < 1


def test_the_stored_png_is_the_picture_at_rest(wave):
    picture, _ = wave
    assert np.abs(pixels(picture.png) - pixels(at_rest(picture))).mean() < 1
    assert picture.png == picture.png


def test_after_a_rest_a_move_goes_on_from_the_same_pixels(wave):
    picture, line = wave
    before = picture.widget.value
    picture.sharpen()
    assert pixels(picture.widget.value).shape == (600, 800, 3)
    with picture.moving():
        line.set_ydata([-1, 1])
    with picture.moving():
        line.set_ydata([0, 0])
    assert picture.widget.value == before


class Endless(Line2D):
    """An artist that is drawn for as long as ``on``."""

    def __init__(self):
        super().__init__([0, 1], [0.5, 0.5])
        self.on, self.drawing = False, threading.Event()

    def draw(self, renderer):
        while self.on:
            self.drawing.set()
            renderer.new_gc()


def test_a_move_does_not_wait_for_a_picture_that_is_being_sharpened():
    endless = Endless()
    picture, _ = make_wave(endless)
    endless.on = True
    sharpening = threading.Thread(target=picture.sharpen, daemon=True)
    sharpening.start()
    assert endless.drawing.wait(SOON)
    with picture.moving():
        endless.on = False
    sharpening.join(SOON)
    assert not sharpening.is_alive()
    assert pixels(picture.widget.value).shape == (300, 400, 3)


def test_a_picture_whose_widget_is_closed_is_left_alone(wave):
    picture, _ = wave
    before = picture.widget.value
    picture.widget.close()
    picture.sharpen()
    assert picture.widget.value == before


def test_a_picture_that_nobody_holds_is_not_kept_until_its_rest():
    picture, _ = make_wave()
    gone = threading.Event()
    weakref.finalize(picture, gone.set)
    del picture, _
    gc.collect()
    assert gone.wait(SOON)


def test_a_process_may_end_while_a_picture_is_being_sharpened():
    script = """
import threading
from matplotlib.lines import Line2D
from gradlab.panels.live import LivePicture, subplots
drawing = threading.Event()
class Slow(Line2D):
    def draw(self, renderer):
        if renderer.width == 800:
            drawing.set()
            for _ in range(1000):
                super().draw(renderer)
figure, (axes,) = subplots(4, 3)
axes.add_line(Slow([0, 1], [0, 1]))
picture = LivePicture(figure, [])
assert drawing.wait(30)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_pyplot_knows_of_no_figure(wave):
    assert plt.get_fignums() == []
