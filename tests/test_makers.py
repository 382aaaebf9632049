"""Of every kind of panel there is a quickly made one."""

import importlib
import pkgutil

import pytest
from makers import PANELS

import gradlab
from gradlab.panels.panel import Panel


def kinds(panel):
    """Every class below ``panel``."""
    below = panel.__subclasses__()
    return set(below).union(*map(kinds, below))


def unfinished(panel):
    """Whether a class leaves something to its subclasses."""
    members = {}
    for base in reversed(panel.__mro__):
        members |= vars(base)
    return any(getattr(member, "__isabstractmethod__", False) for member in members.values())


@pytest.mark.once
def test_no_kind_of_panel_is_forgotten():
    for module in pkgutil.walk_packages(gradlab.__path__, "gradlab."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    ours = {kind for kind in kinds(Panel) if kind.__module__.startswith("gradlab.")}
    ours = {kind for kind in ours if not unfinished(kind)}
    assert {type(make()) for make in PANELS.values()} == ours
