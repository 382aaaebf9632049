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
# The decoded pixels of every picture, so that a change is one that the eye could see.
PICTURE = """async panel => {
  const hashes = [];
  const images = panel.querySelectorAll('img');
  if (!images.length) throw new Error('the panel shows no picture');
  for (const image of images) {
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const hash = await crypto.subtle.digest('SHA-1', pixels);
    hashes.push([...new Uint8Array(hash)].map(b => b.toString(16).padStart(2, '0')).join(''));
  }
  return hashes.join(' ');
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

    def picture(self):
        """A fingerprint of the pixels."""
        self.output.scroll_into_view_if_needed()
        seen = []

        def decoded():  # fails when a repaint comes between reading the address and decoding
            with contextlib.suppress(playwright_error()):
                seen.append(self.output.evaluate(PICTURE))
            return seen

        wait_until(decoded, "the panel shows a picture", 5)
        return seen[0]

    def readout(self):
        """All words of the panel that are no control's."""
        words = self.output.locator(".widget-html-content")
        return "\n".join(words.all_inner_texts()).strip()

    @property
    def locked(self):
        """Whether the first slider waits for a prediction."""
        return self.slider().locked

    def state(self):
        """Picture and readout."""
        return self.picture(), self.readout()

    def wait_until(self, truth, what, timeout=10):
        """The first state for which `truth(picture, readout)` holds."""
        found = []

        def holds():
            found[:] = self.state()
            return truth(*found)

        wait_until(holds, what, timeout)
        return tuple(found)

    def wait_until_changed(self, before, timeout=10):
        """The state once both picture and readout differ from the state `before`."""
        return self.wait_until(
            lambda picture, readout: picture != before[0] and readout != before[1],
            f"a picture and a readout other than {before[1]!r}",
            timeout,
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
    def locked(self):
        """Whether neither key nor mouse moves the handle."""
        return self.track.get_attribute("disabled") is not None

    @property
    def position(self):
        """Where the handle is, 0 (low end) to 1 (high end)."""
        low, high, now = (
            float(self.handle.get_attribute(f"aria-value{which}"))
            for which in ("min", "max", "now")
        )
        return (now - low) / (high - low)
