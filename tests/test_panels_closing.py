"""A panel that nobody can reach any more is closed and freed; one that a name holds stays."""

import comm
import kernels
import pytest
from test_panels import Reciprocal

from gradlab.course.lessons import plane
from gradlab.course.prediction import predict


def live():
    return len(comm.get_comm_manager().comms)


# By code


def test_a_closed_panel_leaves_no_widget_behind():
    before = live()
    panel = plane.panel()
    assert live() > before + 20
    panel.close()
    panel.close()
    assert live() == before
    assert panel.closed


def test_a_closed_panel_holds_nothing_and_says_so():
    panel = Reciprocal()
    slider = panel.slider
    panel.close()
    touches = (lambda: panel.slider, lambda: panel.picture, lambda: panel.readout, panel.reset)
    for touch in touches:
        with pytest.raises(AttributeError, match="This Reciprocal is closed"):
            touch()
    assert "closed" in panel._repr_mimebundle_()[0]["text/plain"]
    slider.value = 0  # nobody is there to fail


def test_what_a_panel_never_had_is_named():
    with pytest.raises(AttributeError, match="Reciprocal has no 'slyder'"):
        Reciprocal().slyder  # noqa: B018


def test_a_closed_prediction_leaves_its_panel_open():
    panel = Reciprocal()
    before = live()
    asked = predict(panel, "?", truth=1.0, idea="")
    asked.close()
    assert live() == before
    with pytest.raises(AttributeError, match=r"This Prediction is closed"):
        asked.skip()
    assert panel.readout == "1/x = 1.0"


# In a kernel

SETUP = """
import comm, torch
from gradlab import panels, training
from gradlab.course import models
from gradlab.course.lessons import features, plane, pruning, race
from gradlab.course.prediction import predict
from gradlab.course.sweep import recorded
from gradlab.training import Steered
live = lambda: print(len(comm.get_comm_manager().comms))
torch.manual_seed(0)
net = models.pruning_cnn(width=32)
torch.nn.functional.cross_entropy(net(torch.rand(16, 3, 32, 32)), torch.arange(16) % 10).backward()
small, batch = models.mlp(3, 8, outputs=2), (torch.ones(4, 8), torch.tensor([0, 1, 0, 1]))
optimizer = torch.optim.SGD(small.parameters(), lr=0.1)
runs = {"one": training.train(small, optimizer, [batch] * 9)}
steered = Steered(small, optimizer, lambda: [batch])
pruned, grown = recorded("pruning"), recorded("features")
"""
QUICK = {
    "threshold": "panels.threshold(net)",
    "named": "panel = panels.threshold(net)\npanel",
    "plane": "plane.panel()",
    "race": "race.panel(runs)",
    "steer": "panels.steer(steered)",
    "importance": "pruning.importance_panel(pruned)",
    "speed": "pruning.speed_panel(pruned)",
    "maps": "features.maps_panel(grown)",
    "predict": 'predict(plane.panel(), "?", truth=1.0, idea="")',
}


@pytest.fixture(scope="module")
def kernel():
    with kernels.kernel() as kernel:
        kernel.run(SETUP)
        yield kernel


def test_no_kind_of_panel_leaves_widgets_when_its_cell_runs_again(kernel):
    for cell, code in QUICK.items():
        kernel.run(code, cell)
        widgets = kernel.run("live()")
        for _ in range(2):
            kernel.run(code, cell)
        assert kernel.run("live()") == widgets, code


@pytest.mark.once
@pytest.mark.slow
def test_forty_runs_of_a_cell_take_less_memory_than_ten_panels_that_stay(kernel):
    """What an allocator keeps for itself comes in pieces of the size of a few panels."""

    def after(runs, code):
        for _ in range(runs):
            kernel.run(code, "many times")
        return kernel.memory()

    kernel.run("held = []")
    memory = [after(2, QUICK["threshold"]), after(38, QUICK["threshold"])]
    memory.append(after(10, f"held.append({QUICK['threshold']})\nheld[-1]"))
    of_runs, of_panels = memory[1] - memory[0], memory[2] - memory[1]
    assert of_runs < of_panels
    kernel.run("held = None")


@pytest.mark.parametrize(
    ("code", "stays"),
    [
        ("plane.panel()", False),
        ("held = plane.panel()\nheld", True),
        ("held = {'it': plane.panel()}\nheld['it']", True),
        ("import ipywidgets\nheld = ipywidgets.HBox([plane.panel()])\nheld.children[0]", True),
        ("held = predict(plane.panel(), '?', truth=1.0, idea='')\nheld.panel", True),
    ],
)
def test_what_no_name_holds_is_closed_when_its_cell_runs_again(kernel, code, stays):
    kernel.run("held = None")
    kernel.run(f"{code}", "again")
    kernel.run("import weakref; it = weakref.ref(_)")
    kernel.run("1", "again")
    assert kernel.run("print(it() is not None and not it().closed)") == str(stays)


def test_a_panel_whose_views_are_gone_is_closed_unless_a_name_holds_it(kernel):
    kernel.run("import weakref; named = plane.panel()", "first")
    kernel.run("plane.panel()", "second")
    kernel.run("unnamed = weakref.ref(_)")
    for views in (1, 0):  # as the page says it
        kernel.run(f"named.set_state({{'_view_count': {views}}})")
        kernel.run(f"unnamed().set_state({{'_view_count': {views}}})")
    assert kernel.run("print(named.closed, unnamed() is None or unnamed().closed)") == "False True"


def test_a_panel_that_no_page_has_shown_yet_stays(kernel):
    kernel.run("plane.panel()", "unseen")
    kernel.run("it = weakref.ref(_)")
    assert kernel.run("print(it().closed)") == "False"


def test_a_cell_that_fails_closes_nothing_that_is_still_named(kernel):
    kernel.run("panel = plane.panel()", "failing")
    request = kernel.send("1 / 0; panel = plane.panel()", "failing")
    assert kernel.reply(request)["ename"] == "ZeroDivisionError"
    list(kernel.outputs(request))
    assert kernel.run("print(panel.closed)") == "False"
