"""A whole site, as a reader meets it: how soon, how large, how fast, who can use it.

`python tests/bench/bench_site.py SITE [--presses N]` opens every page of a site that
`gradlab export SITE` has made, from the disk, in Chromium:

- to the first picture: from the call to the first paint with content; the pictures are in the page
- slider to pixels: from a key press on the first slider of each panel to the end of the frame that
  shows it: the page's own work (script, style, layout, paint), and in all, with the wait for the
  frame, for which a screen of 60 Hz alone needs up to 17 ms
- troubles: errors in the console, files that are missing, requests to anywhere else
- axe: what axe-core finds, at 360, 768 and 1440 px, light and dark

`python tests/bench/bench_site.py --kinds [KIND ...]` makes a page of kinds of panels, of all by
default, and puts page and live panel to 20 settings each, by chance: do they say the same, and how
far are their pictures apart (0 to 1, on the average, and where it is most)?
"""

import argparse
import io
import random
import statistics
import sys
import tempfile
from pathlib import Path

from PIL import Image
from timing import machine, table

sys.path.insert(0, str(Path(__file__).parents[1]))
import lab
import makers
from site_page import WIDTHS, apart, opened, press, ready, seen, violations
from test_site import TESTS, cell, named, settings_of, write

from gradlab.course.site.build import build

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", nargs="?", type=Path)
    parser.add_argument("--presses", type=int, default=10, help="for each panel (default: 10)")
    some = {"nargs": "*", "metavar": "KIND", "choices": list(makers.PANELS)}
    parser.add_argument("--kinds", **some, help="compare pages with live panels (default: all)")
    asked = parser.parse_args()
    print(machine())
    with lab.browsing() as browser:
        if asked.kinds is not None:
            kinds(browser, asked.kinds or list(makers.PANELS))
        if asked.site:
            site(browser, asked.site, asked.presses)


def site(browser, folder, presses):
    found = [page(browser, file, presses) for file in sorted(folder.glob("*.html"))]
    rows, times = zip(*found, strict=True)
    head = ("page", "MB", "panels", "first picture, ms", "work, p50/p95 ms", "in all, p50/p95 ms")
    print(table(list(rows), [*head, "troubles", "axe"]))
    every = [time for some in times for time in some]
    print(f"all {len(every)} key presses: work {' ms, in all '.join(speeds(every))} ms")
    files = [file for file in folder.rglob("*") if file.is_file()]
    print(f"the whole site: {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")


def page(browser, file, presses):
    with opened(browser, file) as (tab, troubles):
        tab.wait_for_function(PAINTED)
        painted, count = tab.evaluate(PAINTED), tab.locator("section.panel").count()
        times = [time for number in range(count) for time in moves(tab, number, presses)]
    found = []
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            with opened(browser, file, width, color_scheme=scheme) as (tab, more):
                found += violations(tab)
                troubles += more
    for each in (*troubles, *found):
        print(f"{file.name}: {each}")
    size = f"{file.stat().st_size / 1e6:.2f}"
    numbers = map(str, (count, round(painted)))
    row = [file.stem, size, *numbers, *speeds(times), str(len(troubles)), str(len(found))]
    return row, times


def speeds(times):
    """Of the work and of all of it, half and 95 % of the times."""
    if not times:
        return "", ""
    return tuple(
        f"{statistics.median(some):.0f}/{p95(some):.0f}" for some in zip(*times, strict=True)
    )


def moves(tab, number, presses):
    """Key presses on a panel's first slider: to one end, and back."""
    section = ready(tab, number)
    slider = section.locator("input[type=range]:visible").first
    if not slider.count():
        return []
    slider.press("Home")
    tab.wait_for_timeout(100)
    steps = min(presses, int(slider.get_attribute("max")))
    return [press(tab, section, "ArrowRight") for _ in range(steps)]


def kinds(browser, names):
    with tempfile.TemporaryDirectory() as folder:
        shown = [cell("code", f"makers.PANELS[{name!r}]()") for name in names]
        begin = cell("code", f"import sys; sys.path.append({TESTS!r})\nimport makers")
        (built,) = build([write(Path(folder, "kinds.ipynb"), begin, *shown)], Path(folder, "site"))
        rows = []
        with opened(browser, Path(folder, "site", "kinds.html"), device_scale_factor=2) as (tab, _):
            for number, name in enumerate(names):
                states = built.panels[number].states
                if not states["points"] and not states["live"]:
                    rows.append(list(map(str, compared(tab, number, name, states))))
        print(table(rows, ["panel", "settings", "same words", "apart, mean", "apart, most"]))


def compared(tab, number, name, states):
    section, panel = ready(tab, number), makers.PANELS[name]()
    every = [each for each in settings_of(states) if each[2]]
    some = random.Random(0).sample(every, min(20, len(every)))
    words, pictures = 0, []
    for choice, at, _ in some:
        setting = named(states, choice, at)
        panel.put(setting)
        section.evaluate(
            "(s, at) => (s.panel.reset(new Map(Object.entries(at))), s.panel.show())", setting
        )
        words += section.locator(".readout").text_content() == panel.readout
        live = Image.open(io.BytesIO(panel.picture.png)).convert("L")
        pictures.append(apart(seen(section), live))
    means, mosts = zip(*pictures, strict=True)
    return name, len(every), f"{words} of {len(some)}", f"{max(means):.4f}", f"{max(mosts):.3f}"


def p95(values):
    return sorted(values)[int(0.95 * (len(values) - 1))]


if __name__ == "__main__":
    main()
