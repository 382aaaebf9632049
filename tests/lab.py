"""Drive a notebook as a person does: JupyterLab in Chromium, by key and mouse, seeing pixels.

    with Lab(folder) as jupyter, jupyter.open(notebook) as page:
        assert page.run_all() == []
        panel = page.panels()[0]
        before = panel.state()
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
import urllib.request
from pathlib import Path

from page import Page, wait_until

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
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


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
    environment.setdefault("OMP_NUM_THREADS", "1")  # beside a browser, more threads are slower
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
