"""From a key press to changed pixels in JupyterLab: the threshold panel beside `interact`.

`python tests/bench/bench_slide.py [--presses N] [NOTEBOOK]`

All ways show the same picture of a million gradient values, in one page on one server, and take
turns, so that what disturbs the one disturbs the other. With a notebook, its own panels (the first
slider of each, but for those that wait for a prediction) take part too.

- `panel`: `panels.threshold`.
- `interact`: `ipywidgets.interact` and an inline figure, drawn by the same functions from the same
  counts: the difference is the way to the screen alone.
- `interact, counted anew`: the same, with `numpy.histogram` over the million at each move.
- `echo`: a slider that sends 8 × 8 pixels back: what JupyterLab costs before anything is drawn.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from nbformat.v4 import new_code_cell, new_notebook
from timing import machine, table

sys.path.insert(0, str(Path(__file__).parents[1]))
from lab import Lab
from refresh_notebooks import METADATA, read, text

DATA = """
import io
import ipywidgets
import numpy as np
import torch
from PIL import Image
from IPython.display import display
from gradlab import panels
from gradlab.draw.gradients import draw_magnitudes, draw_norms
from gradlab.panels.live import subplots
from gradlab.histogram import LogHistogram
generator = torch.Generator().manual_seed(0)
values = 1e-3 * torch.randn(1_000_000, generator=generator)
values *= torch.randn(1_000_000, generator=generator).exp()
whole = LogHistogram.of(values)
magnitudes = values.abs().numpy()
"""
PANEL = """
panel = panels.threshold({"weight": values})
panel
"""
INTERACT = """
low, high = whole.quantile(0.01), 2 * whole.quantile(1)
edges = np.geomspace(low, high, 4 * round(np.log2(high / low)) + 1)
def from_counts(clip_value):
    return whole.shares(edges), whole.shares(edges, clip_value=clip_value)
def counted_anew(clip_value):
    clipped = np.minimum(magnitudes, clip_value)
    return [np.histogram(m, edges)[0] / len(m) for m in (magnitudes, clipped)]
def interact_with(shares):
    def show(exponent):
        clip_value = 10 ** exponent
        after = whole.norm_after_value_clip(clip_value)
        figure, (left, right) = subplots(9, 3.8, ncols=2, width_ratios=(3, 2))
        bars = draw_magnitudes(left, edges, 1 / whole.finite, "|gradient element|")
        norms = draw_norms(right, ["all layers", "weight"], 2 * [whole.norm()],
                           1e-3 * whole.norm())
        bars.move(*shares(clip_value))
        bars.marker.move(clip_value, f"clip_value = {clip_value:.3g}")
        norms.move([after, after], 0)
        display(figure)
        cosine = whole.cosine_after_value_clip(clip_value)
        print(f"{whole.fraction_above(clip_value):.1%} clipped, {after:.3g}, {cosine:.3f}")
    slider = ipywidgets.FloatSlider(value=np.log10(whole.quantile(0.9)), step=0.05,
                                    min=np.log10(low), max=np.log10(high))
    ipywidgets.interact(show, exponent=slider)
"""
ECHO = """
slider, image = ipywidgets.FloatSlider(), ipywidgets.Image(format="png")
def echo(change):
    file = io.BytesIO()
    Image.new("L", (8, 8), round(10 * change.new) % 256).save(file, "png")
    image.value = file.getvalue()
slider.value = 50
slider.observe(echo, "value")
slider.value = 51
ipywidgets.VBox([slider, image])
"""
WAYS = {
    "panel": PANEL,
    "interact": INTERACT + "interact_with(from_counts)",
    "interact, counted anew": "interact_with(counted_anew)",
    "echo": ECHO,
}

# Starts at the key press; ends in the frame that first holds another picture, complete.
LISTEN = """panel => {
  const pictures = () => [...panel.querySelectorAll('img')];
  const shown = () => pictures().map(image => image.src.slice(-200) + image.src.length).join();
  const before = shown();
  window.__slid = new Promise(resolve => panel.addEventListener('keydown', () => {
    const start = performance.now();
    const look = () => {
      const took = performance.now() - start;
      const complete = pictures().length && pictures().every(i => i.complete && i.naturalWidth);
      if (complete && shown() !== before) resolve(took);
      else if (took > 20000) resolve(null);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, {once: true, capture: true}));
}"""


def press(panel, key):
    """Milliseconds from a real key press on the first slider to changed pixels, or None."""
    panel.output.scroll_into_view_if_needed()
    slider = panel.slider()
    slider.handle.focus()
    panel.tab.wait_for_timeout(100)  # scrolled, painted, idle
    panel.output.evaluate(LISTEN)
    panel.tab.keyboard.press(key)
    return panel.tab.evaluate("() => window.__slid")


def measure(page, presses):
    """Milliseconds of each panel of the page, panels taking turns."""
    panels = [panel for panel in page.panels() if not panel.locked]
    times = [[] for _ in panels]
    for turn in range(-2, presses):  # two turns to warm up
        key = "ArrowLeft" if (turn + 2) % 20 < 10 else "ArrowRight"  # a slider may start at its end
        for panel, its_times in zip(panels, times, strict=True):
            took = press(panel, key)
            if took is None:
                raise RuntimeError(f"no new picture within 20 s of {key}: {panel.state()[1]!r}")
            if turn >= 0:
                its_times.append(took)
    return times


def row(name, times, base):
    """Median and 95th percentile, and how many times those of the panel."""
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1]
    ratio = p50 / statistics.median(base)
    return name, f"{p50:.0f} ms", f"{p95:.0f} ms", f"{max(times):.0f} ms", f"{ratio:.1f}"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", nargs="?", type=Path)
    parser.add_argument("--presses", type=int, default=60)
    options = parser.parse_args()
    own = read(options.notebook).cells if options.notebook else []
    cells = [*own, *map(new_code_cell, (DATA, *WAYS.values()))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.ipynb"
        path.write_text(text(new_notebook(cells=cells, metadata=METADATA)), encoding="utf-8")
        with Lab(Path(folder) / "jupyterlab") as jupyter, jupyter.open(path) as page:
            if complaints := page.run_all():
                raise RuntimeError("\n".join(complaints))
            times = measure(page, options.presses)
    names = [f"{options.notebook.stem}, panel {k + 1}" for k in range(len(times) - len(WAYS))]
    rows = [row(*named, times[-len(WAYS)]) for named in zip([*names, *WAYS], times, strict=True)]
    print(f"{machine()}; {options.presses} presses each")
    print(table(rows, ("key press to pixels", "p50", "p95", "slowest", "p50 / panel's")))


if __name__ == "__main__":
    main()
