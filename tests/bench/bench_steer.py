"""What it costs to watch and steer a run that trains: the steer panel beside the bare loop.

`python tests/bench/bench_steer.py [--steps N] [--blocks N] [--presses N]`

VGG-11 of width 16 on batches of 64 patches, SGD with momentum, clipped by norm. The bare loop (the
textbook's, with `torch.nn.utils.clip_grad_norm_`) and the panel's background thread take turns,
block by block, each block from the same first step on. In a further block of each turn, a slider is
moved ten times a second meanwhile.

With `--presses`, also in JupyterLab: from a key press on the learning rate's slider to the frame
that says the new rate, while it plays.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from nbformat.v4 import new_code_cell, new_notebook
from timing import Paired, machine, table
from torch.nn import functional as F

from gradlab import panels
from gradlab.clip import ByNorm
from gradlab.course import data, models
from gradlab.training import Steered

SETUP = """
import torch
from gradlab import panels
from gradlab.clip import ByNorm
from gradlab.course import data, models
from gradlab.training import Steered
photos = data.load("patches", "train")
torch.manual_seed(0)
model = models.vgg(11, width=16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
run = Steered(model, optimizer, lambda: photos.batches(64, seed=0), clip=ByNorm(1.0))
panel = panels.steer(run)
panel
"""
# Starts at the key press; ends in the frame that first says another learning rate.
LISTEN = """panel => {
  const rate = () => panel.innerText.match(/Next step: learning rate (\\S+),/)?.[1];
  const before = rate();
  window.__slid = new Promise(resolve => panel.addEventListener('keydown', () => {
    const start = performance.now();
    const look = () => {
      const took = performance.now() - start;
      if (rate() !== before) resolve(took);
      else if (took > 20000) resolve(null);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, {once: true, capture: true}));
}"""


def network():
    """The model and its optimizer, always the same."""
    torch.manual_seed(0)
    model = models.vgg(11, width=16)
    return model, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def bare(photos, steps):
    """Seconds of the textbook loop."""
    model, optimizer = network()
    batches = photos.batches(64, seed=0, steps=steps)
    start = time.perf_counter()
    for inputs, targets in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return time.perf_counter() - start


def played(panel, steps, answers=None):
    """Seconds that the panel took for the steps, and how often it painted in each."""
    panel.reset()
    painted = []
    count = lambda change: painted.append(time.perf_counter())  # noqa: E731
    panel.picture.widget.observe(count, "value")
    low, high = panel.learning_rate.value, panel.learning_rate.value * 10**0.05
    panel.play()
    start = moved = time.perf_counter()
    while panel._run.position < steps:
        time.sleep(0.002)
        if answers is not None and time.perf_counter() > moved + 0.1:
            moved = time.perf_counter()
            panel.learning_rate.value = low if panel.learning_rate.value > low else high
            answers.append(time.perf_counter() - moved)
    took = time.perf_counter() - start
    panel.pause()
    panel.picture.widget.unobserve(count, "value")
    return took, sum(when < start + took for when in painted) / took


def pressed(presses):
    """Milliseconds from key press to the new words, in JupyterLab, while it plays."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from lab import Lab
    from refresh_notebooks import METADATA, text

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "steer.ipynb"
        path.write_text(text(new_notebook(cells=[new_code_cell(SETUP)], metadata=METADATA)))
        with Lab(Path(folder) / "jupyterlab") as jupyter, jupyter.open(path) as page:
            if complaints := page.run_all():
                raise RuntimeError("\n".join(complaints))
            (panel,) = page.panels()
            panel.output.scroll_into_view_if_needed()
            panel.click("Play")
            slider, times = panel.slider("learning rate"), []
            for turn in range(presses):
                slider.handle.focus()
                panel.tab.wait_for_timeout(150)
                panel.output.evaluate(LISTEN)
                panel.tab.keyboard.press("ArrowLeft" if turn % 20 < 10 else "ArrowRight")
                times.append(panel.tab.evaluate("() => window.__slid"))
            panel.click("Pause")
    if None in times:
        raise RuntimeError("no new words within 20 s of a key press")
    return times


def spread(name, values, unit, target=""):
    """Median, 95th percentile and extremes."""
    p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
    seen = (statistics.median(values), p95, min(values), max(values))
    return name, *(f"{value:.3g} {unit}" for value in seen), target


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--presses", type=int, default=0)
    options = parser.parse_args()
    photos = data.load("patches", "train")
    run = Steered(*network(), lambda: photos.batches(64, seed=0), clip=ByNorm(1.0))
    panel = panels.steer(run)
    plain, watched, slid, answers, rates = [], [], [], [], []
    for block in range(-1, options.blocks):  # one to warm up
        moves = []
        now = bare(photos, options.steps)
        one, rate = played(panel, options.steps)
        two, _ = played(panel, options.steps, moves)
        if block >= 0:
            plain.append(now)
            watched.append(one)
            slid.append(two)
            rates.append(rate)
            answers += [1e3 * seconds for seconds in moves]
    speed = options.steps / statistics.median(plain)
    shares = [Paired(tuple(plain), tuple(each)).ratios for each in (watched, slid)]
    print(f"{machine()}; {options.blocks} blocks of {options.steps} steps each")
    print(f"bare loop: {speed:.1f} steps/s\n")
    rows = [
        spread("steps/s, share of the bare loop's", shares[0], "", ">= 0.80"),
        spread("the same, a slider moved meanwhile", shares[1], ""),
        spread("repaints in a second", rates, "", ">= 10"),
        spread("slider to picture, in the kernel", answers, "ms"),
    ]
    if options.presses:
        times = pressed(options.presses)
        rows.append(spread("key press to words, JupyterLab", times, "ms", "p95 <= 150 ms"))
    print(table(rows, ("while it trains", "median", "p95", "least", "most", "target")))


if __name__ == "__main__":
    main()
