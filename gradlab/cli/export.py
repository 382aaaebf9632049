"""``gradlab export``: notebooks as static pages whose sliders move without a kernel."""

import argparse
from collections.abc import Callable
from pathlib import Path

from gradlab.cli.words import count, fail


def add(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    export = add_parser(
        "export",
        help="write notebooks as static pages whose sliders move without a kernel",
        description="Run notebooks and write one page for each, with every panel's pictures drawn "
        "in advance, and a gallery of all panels as index.html. The pages ask nothing of any "
        "server: put the folder on a static host, or open it from the disk.",
    )
    export.add_argument(
        "notebooks", nargs="*", type=Path, metavar="NOTEBOOK", help="default: the whole course"
    )
    export.add_argument("site", type=Path, metavar="SITE", help="the folder that is made")
    export.add_argument(
        "--live",
        action="append",
        default=[],
        type=_service,
        metavar="NAME=ADDRESS",
        help="where a notebook runs in a kernel; {notebook} stands for the name of its file, "
        "{cell} for the id of a panel's cell; may be given several times",
    )
    export.add_argument(
        "--jobs", type=count, default=1, metavar="N", help="kernels at a time (default: 1)"
    )


def _service(text: str) -> tuple[str, str]:
    name, equals, address = text.partition("=")
    if not (name and equals and address):
        raise argparse.ArgumentTypeError(f"must be NAME=ADDRESS, got {text!r}")
    return name, address


def run(arguments: argparse.Namespace) -> int:
    """Write the pages, and say what they show."""
    from gradlab.course import doctor
    from gradlab.course.notebooks import notebooks

    try:
        from gradlab.course.site.build import ExportError, build
    except ModuleNotFoundError as error:
        return fail(f"pages cannot be written ({error}). Install them: {doctor.SITE}")
    asked = arguments.notebooks or sorted(notebooks().glob("*.ipynb"))
    try:
        pages = build(asked, arguments.site, live=dict(arguments.live), jobs=arguments.jobs)
    except (ExportError, ValueError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("interrupted: no site was written")
    for page in pages:
        settings = sum(map(len, page.panels))
        print(f"{page.place.name}.html: {len(page.panels)} panels, {settings:,} settings")
    print(f"{arguments.site / 'index.html'}: the gallery of all panels")
    return 0
