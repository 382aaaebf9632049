"""Binder: the folder renders, its layers are the right ones, its packages the oldest admitted."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import oldest
import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAME = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
PIN = re.compile(r"([\w-]+)(?:==?([\d.]+\d)(?:\.\*)?(?:=(.+))?)?")


def pins() -> dict[str, tuple[str | None, str | None]]:
    """Package → the version that Binder takes, as far as it is given, and the build."""
    environment = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())
    *packages, by_pip = environment["dependencies"]
    packages += by_pip["pip"]
    lines = [PIN.fullmatch(line) for line in packages]
    assert None not in lines, packages
    return {line[1]: (line[2], line[3]) for line in lines}


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """What mybinder.org would build; repo2docker asks no Docker for it."""
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)],
        capture_output=True,
        text=True,
        env=os.environ | {"DOCKER_HOST": "tcp://127.0.0.1:9"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_binder_builds_the_environment_of_its_folder(dockerfile):
    assert 'env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"' in dockerfile
    assert f"environment-2epy-2d{pins()['python'][0].replace('.', '-2e')}" in dockerfile


def test_binder_installs_the_course_after_the_packages(dockerfile):
    """So a commit to the course rebuilds one small layer."""
    packages = dockerfile.index("env update")
    sources = dockerfile.index("COPY --chown=0:0 src/ ")
    course = dockerfile.index("RUN ./binder/postBuild")
    assert packages < sources < course


def test_post_build_stops_at_the_first_failing_line(tmp_path):
    post_build = ROOT / "binder" / "postBuild"
    assert os.access(post_build, os.X_OK)
    (tmp_path / "pip").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "pip").chmod(0o755)
    done = subprocess.run([post_build], env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.returncode == 7


def test_post_build_installs_gradlab_and_nothing_else():
    commands = re.findall(r"^pip .*", (ROOT / "binder" / "postBuild").read_text(), re.MULTILINE)
    assert commands == ["pip install --no-deps --editable ."]


def lower_bounds(*groups: list[str]) -> dict[str, str]:
    """Package → its lower bound, which must be the only bound."""
    requirements = [Requirement(requirement) for group in groups for requirement in group]
    bounds = {requirement.name: list(requirement.specifier) for requirement in requirements}
    bounds.pop(PROJECT["name"], None)  # an extra that takes in other extras
    assert {
        name for name, bound in bounds.items() if [one.operator for one in bound] != [">="]
    } == set()
    return {name: bound[0].version for name, bound in bounds.items()}


def test_binder_pins_the_oldest_versions_that_the_course_admits():
    bounds = lower_bounds(PROJECT["dependencies"], PROJECT["optional-dependencies"]["course"])
    pinned = {name: version for name, (version, _) in pins().items()}
    assert pinned.keys() - {"python", "pip"} == {CONDA_NAME.get(name, name) for name in bounds}
    assert {name: pinned[CONDA_NAME.get(name, name)] for name in bounds} == bounds


def test_the_second_environment_holds_every_dependency_at_its_lower_bound():
    extras = PROJECT["optional-dependencies"].values()
    bounds = lower_bounds(PROJECT["dependencies"], *extras)
    assert oldest.constraints() == sorted(
        f"{name}=={version}.*" for name, version in bounds.items()
    )


def test_binder_has_the_python_that_the_project_requires():
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(
        pins()["python"][0]
    )


def test_binder_takes_the_cpu_build_of_torch():
    assert pins()["pytorch"][1] == "cpu*"


def test_every_package_of_binder_is_pinned():
    assert [name for name, (version, _) in pins().items() if not version] == ["pip"]
