"""Drive a notebook as a person does: JupyterLab in Chromium, by key and mouse, seeing pixels.

    with Lab(folder) as jupyter:
        page = jupyter.open(notebook)
        assert page.run_all() == []
        panel = page.panels()[0]
        before = panel.picture()
        panel.slider().press("ArrowRight")
        panel.wait_until_changed(before)

Nothing of the person's own JupyterLab is used: settings, extensions' state, IPython profile and
kernels are new ones under `folder`, and so is the copy of the notebooks.
"""

import contextlib
import functools
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
TOKEN = "gradlab-tests"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}

READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return context?.isReady && context.session?.kernel?.status === 'idle';
}"""
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
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
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


def chromium():
    """The path of a Chromium that Playwright can drive, or None."""
    if named := os.environ.get("CHROMIUM"):
        return named if shutil.which(named) else None
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        bundled = playwright.chromium.executable_path
    return bundled if Path(bundled).exists() else None


@functools.cache
def missing():
    """Why no notebook can be driven here, or None where one can."""
    for package in ("jupyterlab", "playwright"):
        if importlib.util.find_spec(package) is None:
            return f"needs {package}: install the `test` extra"
    if chromium() is None:
        return "needs Chromium: `playwright install chromium`, or set CHROMIUM to one"
    return None


def wait_until(truth, what, timeout, instead=lambda: ""):
    """Ask until it is true; after `timeout` seconds raise, saying what did not happen."""
    end = time.monotonic() + timeout
    while not truth():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {what} {instead()}")
        time.sleep(0.02)


class Lab:
    """One JupyterLab server and one Chromium, both gone at the end whatever happens."""

    def __init__(self, folder):
        self.root = Path(folder) / "notebooks"
        self.home = Path(folder) / "home"

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            if NOTEBOOKS.is_dir():
                shutil.copytree(NOTEBOOKS, self.root, dirs_exist_ok=True)
            self.root.mkdir(parents=True, exist_ok=True)
            self.url = stack.enter_context(serving(self.root, self.home))
            self.browser = stack.enter_context(browsing())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    @contextlib.contextmanager
    def open(self, notebook):
        """A Page on a fresh copy of the notebook, with a fresh kernel."""
        notebook = Path(notebook)
        shutil.copy(notebook, self.root / notebook.name)
        tab = self.browser.new_page(viewport={"width": 1300, "height": 1000})
        page = Page(tab)
        try:
            tab.goto(f"{self.url}/lab/tree/{notebook.name}?token={TOKEN}&reset")
            wait_until(lambda: tab.evaluate(READY), f"{notebook.name} opened", 90, page.asks)
            yield page
        finally:
            with contextlib.suppress(Exception):  # a page that never opened has no kernel
                tab.evaluate(SHUT_DOWN)
            tab.close()


@contextlib.contextmanager
def serving(root, home):
    """A JupyterLab server on `root` with nobody's settings; yields its address."""
    settings = home / "settings"
    for plugin, values in SETTINGS.items():
        folder, _, name = plugin.partition(":")
        path = settings / folder / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(home / place) for name, place in places.items()}
    environment |= {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_PATH": ""}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.news_url=",
    ]
    log = home / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"

    def answers():
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=2):
                return True
        except OSError:
            return False

    try:
        wait_until(answers, "JupyterLab answers", 90)
        yield url
    finally:
        end(server)


def end(server):
    """Stop a server; it stops its kernels. What does not stop in time is killed, kernels first."""
    import psutil

    family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
    server.terminate()
    _, alive = psutil.wait_procs(family, timeout=10)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()


@contextlib.contextmanager
def browsing():
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


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
