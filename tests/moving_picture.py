"""Make the README's moving picture: the threshold panel of notebook 02 while its slider moves.

    python tests/moving_picture.py [FILE]

Each frame is the panel's own picture, with its menu and slider above and its sentence below, drawn
as they stand at that moment.
"""

import argparse
import io
import textwrap
from math import log10
from pathlib import Path

import torch
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional as F

from gradlab import panels, training
from gradlab.course import data, device, models

FILE = Path(__file__).parents[1] / "notebooks" / "02_clipping.webp"
WIDTH = 1200  # pixels; the page of a README is 800 to 900 wide
BAR, FOOT = 64, 92  # above and below the picture
INK, PALE, THUMB = "#1f2328", "#c4c9cf", "#2196f3"
FRAME, PAUSE = 60, 1400  # milliseconds
SHADES = 3 * [17 * round(shade / 17) for shade in range(256)]
"""Of red, green and blue 16 each: a third of the bytes, and white stays white."""
ROUTES = (("by value", (0.0, -1.6)), ("by norm", (1.7, 0.5)))
"""Each rule, and from where to where its threshold goes and back, in decades."""


def gradient():
    """The gradient of notebook 02: a VGG network on photographs, one step into its training."""
    device.seed(0)
    photographs = data.load("patches")
    network = models.vgg(depth=11, width=16)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for _ in training.steps(network, optimizer, photographs.batches(64, seed=0, steps=1)):
        pass
    images, labels = next(photographs.batches(64, seed=1))
    optimizer.zero_grad()
    F.cross_entropy(network(images), labels).backward()
    return network


def frames(network):
    """Pictures of the panel as its slider moves, and for how long each is seen."""
    panel = panels.threshold(network)
    for name, ends in ROUTES:
        panel.clip.value = name
        down = positions(panel.threshold, *ends)
        for position in [*down, *down[-2::-1]]:
            panel.threshold.value = 10**position
            yield frame(panel), PAUSE if position in (down[0], down[-1]) else FRAME


def positions(slider, start, end):
    """Where a slider can stand between two places, in decades, from the higher to the lower."""
    steps = round((slider.max - slider.min) / slider.step)
    places = [slider.max - slider.step * k for k in range(steps + 1)]
    return [place for place in places if end <= place <= start]


def frame(panel):
    """The panel as it is now."""
    picture = Image.open(io.BytesIO(panel.picture.png)).convert("RGB")
    picture = picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)), Image.LANCZOS)
    whole = Image.new("RGB", (WIDTH, BAR + picture.height + FOOT), "white")
    whole.paste(picture, (0, BAR))
    draw = ImageDraw.Draw(whole)
    choose(draw, panel.clip, left=24, right=330)
    slide(draw, panel.threshold, left=520, right=WIDTH - 200, y=BAR // 2)
    write(draw, (24, BAR + picture.height + 8), textwrap.fill(panel.readout, 104))
    return whole.point(SHADES)


def choose(draw, menu, *, left, right):
    draw.rounded_rectangle((left + 56, 14, right, 50), 5, outline=PALE, width=2)
    write(draw, (left, 20), menu.description)
    write(draw, (left + 70, 20), menu.label)
    write(draw, (right - 28, 20), "▾")


def slide(draw, slider, *, left, right, y):
    write(draw, (left - 140, y - 12), slider.description)
    share = (log10(slider.value) - slider.min) / (slider.max - slider.min)
    place = left + share * (right - left)
    draw.line((left, y, right, y), PALE, 4)
    draw.ellipse((place - 13, y - 13, place + 13, y + 13), THUMB)
    write(draw, (right + 40, y - 12), f"{slider.value:.3g}")


def write(draw, place, text):
    file = font_manager.findfont("DejaVu Sans")
    draw.multiline_text(place, text, INK, ImageFont.truetype(file, 21), spacing=8)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    pictures, times = zip(*frames(gradient()), strict=True)
    first, *others = pictures
    first.save(
        options.file,
        save_all=True,
        append_images=others,
        duration=times,
        loop=0,
        lossless=True,
        method=2,
    )
    print(f"{options.file}: {len(pictures)} frames, {options.file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
