"""Print the oldest admitted version of every direct dependency, as constraints for pip."""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
BOUND = re.compile(r"([\w-]+)>=([\d.]+)")


def constraints():
    """`name==X.Y.*` for each requirement `name>=X.Y` of the project and of its extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    requirements = project["dependencies"] + [one for extra in extras for one in extra]
    bounds = [BOUND.fullmatch(requirement) for requirement in requirements]
    return sorted({f"{bound[1]}=={bound[2]}.*" for bound in bounds if bound})


if __name__ == "__main__":
    print("\n".join(constraints()))
