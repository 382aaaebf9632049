"""The whole site: every notebook run and written as a page, in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from tempfile import TemporaryDirectory

import jinja2

from gradlab.course.outline import Outline
from gradlab.course.site import font, formulas
from gradlab.course.site.page import TEMPLATES, Page, colours, html
from gradlab.course.site.run import ExportError as ExportError
from gradlab.course.site.run import Processes, read
from gradlab.course.site.states import Captured

_MARK = ".gradlab-site"
"""A file that says: this folder was made by ``build``, and may be made anew."""


def build(
    notebooks: Sequence[Path],
    folder: Path,
    *,
    live: Mapping[str, str] | None = None,
    jobs: int = 1,
) -> list[Page]:
    """Static pages of notebooks, whose sliders move without a kernel.

    The notebooks are run, ``jobs`` at a time. The folder appears when all is done, in place of one
    that an earlier call has made; an interrupted call leaves everything as it was.

    Args:
        notebooks: files, in the order of the course; their names must differ.
        folder: where the site goes.
        live: where a notebook runs in a kernel, by the name of the service: addresses in which
            ``{notebook}`` stands for the name of its file, and ``{cell}`` for the id of the cell of
            a panel. None: pages have no such link.
        jobs: kernels at a time, 1 or more.

    Returns:
        What each page shows.

    Raises:
        ExportError: a file is no notebook, has no code, or a cell of it or a panel raises.
        FileExistsError: ``folder`` holds something that no earlier call has made.
        ValueError: there are no notebooks, or two have one name.
    """
    names = [path.stem for path in notebooks]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"notebooks must be files of different names, got {list(notebooks)}")
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise FileExistsError(f"{folder} holds other files: name a folder that is empty or new")
    for path in notebooks:
        read(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        pages = _pages(notebooks, Path(temporary), jobs)
        site = Path(temporary, "site")
        _write(pages, site, live or {})
        if folder.exists():
            shutil.rmtree(folder)
        site.rename(folder)
    return pages


def _pages(notebooks: Sequence[Path], temporary: Path, jobs: int) -> list[Page]:
    """Every notebook, run; the first error ends the others."""
    processes = Processes(jobs)
    with ThreadPoolExecutor(jobs) as threads:
        # the longest first, so that none runs alone at the end; most stored pictures, most panels
        longest = sorted(notebooks, key=lambda path: path.stat().st_size, reverse=True)
        found = {path: threads.submit(_page, path, temporary, processes) for path in longest}
        try:
            done, waiting = wait(found.values(), return_when=FIRST_EXCEPTION)
            for page in done if waiting else ():
                page.result()  # one of them raises
            return [found[path].result() for path in notebooks]
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            processes.stop()


def _page(path: Path, temporary: Path, processes: Processes) -> Page:
    panels = temporary / path.stem
    panels.mkdir()
    notebook = processes.run(path, panels)
    found = sorted(panels.glob("*.json.gz"), key=lambda file: int(file.name.partition(".")[0]))
    captured = [Captured.read(file, path.stem) for file in found]
    return Page(Outline.of(path), notebook, captured)


def _write(pages: Sequence[Page], site: Path, live: Mapping[str, str]) -> None:
    (site / "panels").mkdir(parents=True)
    places = [page.place for page in pages]
    in_formulas: set[str] = set()
    for page in pages:
        written = html(page, places, _filled(live, page))
        _file(site / f"{page.place.name}.html", written)
        in_formulas.update(formulas.letters(written))
        for panel in page.panels:
            _file(site / panel.file, panel.script)
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=False)
    gallery = templates.get_template("index.html.j2")
    panels, resources = _gallery(pages), {"live": _filled(live, pages[0])}
    _file(site / "index.html", gallery.render(pages=pages, gallery=panels, resources=resources))
    _file(site / "page.css", (TEMPLATES / "page.css").read_text(encoding="utf-8") + colours())
    shutil.copy(TEMPLATES / "panel.js", site)
    in_pictures = set().union(*map(set, _letters(pages)))
    (site / "pictures.woff").write_bytes(font.subset(font.PICTURES, in_pictures))
    (site / "pictures-bold.woff").write_bytes(font.subset(font.BOLD, in_pictures))
    (site / "formulas.woff").write_bytes(font.subset(font.FORMULAS, in_formulas))
    _file(site / _MARK, "")


def _filled(live: Mapping[str, str], page: Page) -> dict[str, str]:
    """Where a page's notebook runs in a kernel, by the name of the service."""
    file = f"{page.place.name}.ipynb"
    return {service: where.replace("{notebook}", file) for service, where in live.items()}


def _gallery(pages: Sequence[Page]) -> list[tuple[Outline, list[Captured]]]:
    """The panels of each page that begin with a picture of their own, and ask nothing."""
    seen: set[tuple[str, ...]] = set()
    found = []
    for page in pages:
        free = [panel for panel in page.panels if not panel.states["asked"]]
        first = {tuple(panel.layers): panel for panel in reversed(free)}
        new = [panel for layers, panel in reversed(first.items()) if layers not in seen]
        seen.update(first)
        found.append((page.place, new))
    return found


def _letters(pages: Sequence[Page]) -> Iterator[str]:
    for page in pages:
        for panel in page.panels:
            for table in panel.states["parts"]:
                yield from table


def _file(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
