"""A notebook as one static page: its cells by nbconvert, its formulas as MathML, its panels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from gradlab.course import exercises
from gradlab.course.exercises.checking.exercise import Exercise, Grade
from gradlab.course.notebooks import checks
from gradlab.course.outline import Outline
from gradlab.course.site import formulas
from gradlab.course.site.capture import MIME
from gradlab.course.site.states import Captured

TEMPLATES = Path(__file__).parent / "template"
_TAG = re.compile(r"<[^>]*>")


class _Renderer(IPythonRenderer):
    """Markdown with formulas that every browser draws by itself."""

    def inline_math(self, body: str) -> str:
        return formulas.mathml(body)

    def block_math(self, body: str) -> str:
        return formulas.mathml(body, display="block")

    def heading(self, text: str, level: int, **_: Any) -> str:
        return f'<h{level} id="{_anchor(text)}">{text}</h{level}>\n'


class Pages(TemplateExporter):
    """Notebooks to pages, with the course's template."""

    output_mimetype = "text/html"

    def _file_extension_default(self) -> str:
        return ".html"

    def _template_name_default(self) -> str:
        return "page"

    def _extra_template_basedirs_default(self) -> list[str]:
        return [str(TEMPLATES)]

    def default_filters(self) -> Any:
        """Those of every exporter, and this page's own."""
        yield from super().default_filters()  # type: ignore[no-untyped-call]
        yield "markdown2html", _markdown
        yield "highlight_code", _code
        yield "exercises", _exercises
        yield "rich", _rich


@dataclass(frozen=True)
class Page:
    """A notebook that was run.

    Args:
        place: where it stands in the course.
        notebook: with its outputs.
        panels: what it displayed, in the order of their numbers.
    """

    place: Outline
    notebook: NotebookNode
    panels: list[Captured]


def html(page: Page, places: Sequence[Outline], live: Mapping[str, str]) -> str:
    """The page as HTML.

    Args:
        page: the notebook and its panels.
        places: all pages of the course, in order; this one among them.
        live: addresses where the notebook runs in a kernel, by the name of the service;
            ``{cell}`` stands for the id of a panel's cell.
    """
    number = places.index(page.place)
    lesson = _quiet(page.notebook)
    prose = "".join(_markdown(c.source) for c in lesson.cells if c.cell_type == "markdown")
    resources = {
        "place": page.place,
        "places": places,
        "sections": re.findall(r'<h2 id="(.*)">(.*)</h2>', prose),
        "before": places[number - 1] if number else None,
        "after": places[number + 1] if number + 1 < len(places) else None,
        "panels": page.panels,
        "mime": MIME,
        "live": live,
    }
    exporter = Pages()  # type: ignore[no-untyped-call]
    written, _ = exporter.from_notebook_node(lesson, resources=resources)
    names = "|".join(re.escape(place.name) for place in places)
    return _reachable(re.sub(rf'href="({names})\.ipynb', r'href="\1.html', str(written)))


def colours() -> str:
    """The colours of code, on a light and on a dark page."""
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _quiet(notebook: NotebookNode) -> NotebookNode:
    """A copy in which an exercise that nobody has written yet says nothing of itself."""
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if checks(cell.source):
            cell.outputs = [each for each in cell.outputs if Grade.NOT_WRITTEN not in str(each)]
    return copy


def _reachable(page: str) -> str:
    """The page, with all that may be too wide for a screen in the keyboard's reach.

    An empty head of a column is none.
    """
    page = page.replace("<pre>", '<pre tabindex="0">')
    page = re.sub(r"<th([^>]*)></th>", r"<td\1></td>", page)
    for kind, name in (("table", "Table"), ('math[^>]* display="block"', "Formula")):
        tag = kind.partition("[")[0]
        wide = rf'<div class="wide" role="group" tabindex="0" aria-label="{name}">\g<0></div>'
        page = re.sub(rf"<{kind}[^>]*>.*?</{tag}>", wide, page, flags=re.DOTALL)
    return page


def _code(source: str, **_: Any) -> str:
    return str(Highlight2HTML(pygments_lexer="ipython3")(source))


def _rich(outputs: Sequence[NotebookNode]) -> bool:
    """Whether a cell shows more than text: a panel, a picture, a table."""
    return any(set(each.get("data", ())) - {"text/plain"} for each in outputs)


def _exercises(source: str) -> list[Exercise]:
    """Those that a cell checks."""
    return [getattr(exercises, name) for name in checks(source)]


def _anchor(heading: str) -> str:
    """As JupyterLab names it: a link to a heading leads there from the notebook and the page."""
    return _TAG.sub("", heading).strip().replace(" ", "-").replace('"', "&quot;")


def _markdown(source: str) -> str:
    renderer = _Renderer(escape=False, exclude_anchor_links=True)
    return str(MarkdownWithMath(renderer=renderer).render(source))
