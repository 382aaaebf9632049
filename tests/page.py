"""What a person sees and does on the page of a notebook: panels, sliders, pictures, words."""

import contextlib
import time

RUN = """() => {
  window.__ran = false;
  window.jupyterapp.commands.execute('notebook:run-all-cells').finally(() => window.__ran = true);
}"""
RAN = """() => window.__ran && [...document.querySelectorAll(
  '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.widget-view+json"]'
)].every(output => output.querySelector('.jupyter-widgets'))"""
COMPLAINTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .flatMap((cell, k) => cell.model.outputs.toJSON()
    .filter(output => output.output_type === 'error' || output.name === 'stderr')
    .map(o => `code cell ${k + 1}: ` + (o.evalue ? `${o.ename}: ${o.evalue}` : o.text)))"""
SLIDER = ".widget-hslider:visible, .widget-vslider:visible"
CHOICE = ".widget-dropdown:visible, .widget-toggle-buttons:visible, .widget-select:visible"
# What a panel shows, as soon as it is other than what is `known`: the decoded pixels of every
# picture, so that a change is one that the eye could see, and its words. A picture that says how
# wide it is on the page has more pixels than that when it rests.
LOOK = """async (panel, [known, patience]) => {
  const end = performance.now() + patience;
  const words = () => [...panel.querySelectorAll('.widget-html-content')]
    .map(part => part.innerText).join('\\n').trim();
  const shown = () => [...panel.querySelectorAll('img')].map(image => image.src).join() + words();
  while (shown() === known && performance.now() < end) await new Promise(go => setTimeout(go, 5));
  const now = shown(), images = [...panel.querySelectorAll('img')];
  if (!images.length) throw new Error('the panel shows no picture');
  for (const image of images.filter(image => image.hashed !== image.src)) {
    const address = image.src;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-1', pixels));
    [image.hashed, image.hash] = [address, [...hash].map(byte => byte.toString(16)).join('')];
  }
  const rests = images.every(image => !(image.naturalWidth <= parseFloat(image.style.width)));
  return [now, rests, images.map(image => image.hash).join(' '), words()];
}"""


def wait_until(truth, what, timeout, instead=lambda: ""):
    """Ask until it is true; after `timeout` seconds raise, saying what did not happen."""
    end = time.monotonic() + timeout
    while not truth():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {what} {instead()}")
        time.sleep(0.02)


def playwright_error():
    """The exception for what failed inside the browser."""
    from playwright.sync_api import Error

    return Error


class Page:
    """One notebook in one tab; `console_errors` collects what the browser complains about."""

    def __init__(self, tab):
        self.tab = tab
        self.console_errors = []
        tab.on("console", lambda m: m.type == "error" and self.console_errors.append(m.text))
        tab.on("pageerror", lambda error: self.console_errors.append(str(error)))

    def asks(self):
        """What JupyterLab asks in a dialog, and what it complained about."""
        return [*self.tab.locator(".jp-Dialog-content").all_inner_texts(), *self.console_errors]

    def run_all(self, timeout=300):
        """Run every cell and see the widgets appear; returns errors and warnings of the cells."""
        self.tab.evaluate(RUN)
        wait_until(lambda: self.tab.evaluate(RAN), "all cells run", timeout, self.asks)
        return self.tab.evaluate(COMPLAINTS)

    def panels(self):
        """Every output with a slider, from top to bottom."""
        outputs = self.tab.locator(".jp-OutputArea-child:has(.noUi-handle)")
        return [Panel(self.tab, output) for output in outputs.all()]


class Panel:
    """One panel: what it shows, and its controls by their label."""

    def __init__(self, tab, output):
        self.tab = tab
        self.output = output

    @property
    def hidden(self):
        """Whether it waits for a prediction."""
        return self.output.get_by_role("button", name="Skip").is_visible()

    def state(self):
        """Picture and readout: a fingerprint of the pixels, and all words that are no control's."""
        return self.wait_until(lambda *_: True, "the panel shows a picture", 5)

    def wait_until(self, truth, what, timeout=10, at_rest=False):
        """The first state for which `truth(picture, readout)` holds; of sharp pictures, at rest."""
        self.output.scroll_into_view_if_needed()
        end = time.monotonic() + timeout
        known = None
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(playwright_error()):  # repainted between asking and decoding
                known, rests, *state = self.output.evaluate(LOOK, [known, 1000 * min(left, 0.2)])
                if (rests or not at_rest) and truth(*state):
                    return tuple(state)
        raise TimeoutError(f"not within {timeout:g} s: {what}")

    def wait_until_changed(self, before, timeout=10, at_rest=False):
        """The state once both picture and readout differ from the state `before`."""
        return self.wait_until(
            lambda picture, readout: picture != before[0] and readout != before[1],
            f"a picture and a readout other than {before[1]!r}",
            timeout,
            at_rest,
        )

    def slider(self, label=None):
        """The slider called `label`; None: the first."""
        return Slider(self, self._control(SLIDER, label))

    def sliders(self):
        """Every slider that is visible, from top to bottom."""
        return [Slider(self, control) for control in self.output.locator(SLIDER).all()]

    def select(self, label, value):
        """Choose `value` in the drop-down or among the toggle buttons called `label`."""
        control = self._control(CHOICE, label)
        if control.locator("select").count():
            control.locator("select").select_option(label=value)
        else:
            control.get_by_role("button", name=value, exact=True).click()

    def check(self, label, on=True):
        """Tick the box called `label`, or clear it."""
        self.output.get_by_label(label).set_checked(on)

    def click(self, label):
        """Press the button called `label`."""
        self.output.get_by_role("button", name=label).click()

    def _control(self, kind, label):
        controls = self.output.locator(kind)
        if label is not None:
            controls = controls.filter(has=self.tab.get_by_text(label, exact=True))
        if not controls.count():
            raise LookupError(f"no {kind} called {label!r}: {self.output.inner_text()!r}")
        return controls.first


class Slider:
    """A slider of a panel, moved as people move it."""

    def __init__(self, panel, control):
        self.panel = panel
        self.handle = control.locator(".noUi-handle").first
        self.track = control.locator(".noUi-target").first

    def press(self, key, times=1):
        """Real key presses on the focused handle."""
        self.handle.focus()
        for _ in range(times):
            self.panel.tab.keyboard.press(key)

    def drag(self, position):
        """Take the handle with the mouse to a place on the track: 0 is its low end, 1 its high."""
        mouse = self.panel.tab.mouse
        self.handle.scroll_into_view_if_needed()
        handle, track = self.handle.bounding_box(), self.track.bounding_box()
        y = handle["y"] + handle["height"] / 2
        mouse.move(handle["x"] + handle["width"] / 2, y)
        mouse.down()
        mouse.move(track["x"] + position * track["width"], y, steps=8)
        mouse.up()

    @property
    def position(self):
        """Where the handle is, 0 (low end) to 1 (high end)."""
        low, high, now = (
            float(self.handle.get_attribute(f"aria-value{which}"))
            for which in ("min", "max", "now")
        )
        return (now - low) / (high - low)
