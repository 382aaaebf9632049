"""Pictures look the same whatever style their reader has set, and leave that style alone."""

import functools
import importlib
import pkgutil
import threading

import makers
import matplotlib as mpl
import pytest
from matplotlib import style
from matplotlib.lines import Line2D
from pictures import PANELS

import gradlab
from gradlab import report
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel

RED = (
    "axes.edgecolor axes.labelcolor axes.titlecolor figure.edgecolor grid.color legend.facecolor "
    "legend.labelcolor lines.markeredgecolor lines.markerfacecolor patch.edgecolor patch.facecolor "
    "text.color xtick.color xtick.labelcolor ytick.color ytick.labelcolor"
)
LARGE = (
    "axes.labelpad axes.labelsize axes.linewidth axes.titlepad axes.titlesize contour.linewidth "
    "font.size grid.linewidth legend.borderaxespad legend.borderpad legend.columnspacing "
    "legend.fontsize legend.handleheight legend.handlelength legend.handletextpad "
    "legend.labelspacing legend.markerscale lines.linewidth lines.markeredgewidth "
    "lines.markersize patch.linewidth xtick.labelsize xtick.major.pad xtick.major.size "
    "xtick.major.width xtick.minor.size ytick.labelsize ytick.major.pad ytick.major.size "
    "ytick.major.width ytick.minor.size"
)
ON = (
    "axes.formatter.use_mathtext axes.spines.right axes.spines.top figure.autolayout "
    "figure.constrained_layout.use legend.frameon legend.shadow patch.force_edgecolor "
    "savefig.transparent text.usetex xtick.labeltop xtick.minor.visible xtick.top "
    "ytick.labelright ytick.minor.visible ytick.right"
)
OFF = (
    "axes.axisbelow axes.grid axes.spines.left axes.unicode_minus contour.corner_mask "
    "figure.frameon image.resample lines.antialiased patch.antialiased text.antialiased "
    "text.parse_math xtick.bottom xtick.labelbottom ytick.labelleft ytick.left"
)
HOSTILE = {
    **dict.fromkeys(RED.split(), "red"),
    **dict.fromkeys(LARGE.split(), 22),
    **dict.fromkeys(ON.split(), True),
    **dict.fromkeys(OFF.split(), False),
    "axes.facecolor": "black",
    "axes.formatter.limits": (-1, 1),
    "axes.formatter.min_exponent": 9,
    "axes.grid.axis": "x",
    "axes.prop_cycle": mpl.cycler(color=["red"]),
    "axes.titlelocation": "center",
    "axes.titleweight": "bold",
    "axes.labelweight": "bold",
    "axes.titley": 0.5,
    "axes.xmargin": 0.4,
    "axes.ymargin": 0.4,
    "contour.algorithm": "serial",
    "figure.constrained_layout.hspace": 0.3,
    "figure.constrained_layout.w_pad": 0.5,
    "figure.dpi": 50,
    "figure.facecolor": "black",
    "figure.figsize": (1, 1),
    "figure.subplot.left": 0.3,
    "font.family": "serif",
    "font.style": "italic",
    "font.weight": "bold",
    "grid.alpha": 0.5,
    "grid.linestyle": ":",
    "image.aspect": "auto",
    "image.cmap": "jet",
    "image.interpolation": "bicubic",
    "image.origin": "lower",
    "legend.loc": "center",
    "legend.numpoints": 3,
    "lines.dash_capstyle": "round",
    "lines.dashed_pattern": (9, 9),
    "lines.dotted_pattern": (9, 1),
    "lines.linestyle": "--",
    "lines.marker": "o",
    "lines.solid_capstyle": "round",
    "markers.fillstyle": "none",
    "mathtext.fontset": "cm",
    "path.sketch": (9, 50, 9),
    "savefig.bbox": "tight",
    "savefig.dpi": 30,
    "savefig.facecolor": "black",
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "xtick.alignment": "right",
    "xtick.direction": "in",
    "ytick.alignment": "top",
    "ytick.direction": "in",
}
STYLES = {
    "hostile": HOSTILE,
    **{name: name for name in ("dark_background", "ggplot", "seaborn-v0_8-talk")},
}
SOME = "threshold", "cliff", "steer"  # in the sheets too, whose keys nearly all are hostile ones


@pytest.fixture(autouse=True)
def defaults():
    """Every test begins with matplotlib's own style, and the next one does too."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


@pytest.fixture
def writes(monkeypatch):
    """The names of all settings that are written."""
    written, write = [], mpl.RcParams.__setitem__

    def noted(self, key, value):
        written.append(key)
        write(self, key, value)

    monkeypatch.setattr(mpl.RcParams, "__setitem__", noted)
    return written


@functools.cache
def plain(name):
    """The kind of a panel, and its picture as it is with matplotlib's own style."""
    with mpl.rc_context():
        mpl.rcdefaults()
        panel = PANELS[name]()
        return type(panel), panel.picture.png


def figure(folder, width):
    return report.save(makers.recording(), folder / "run.png", width=width).read_bytes()


@pytest.mark.parametrize(
    ("name", "guest"),
    [
        pytest.param(name, guest, marks=() if name in SOME else pytest.mark.once)
        for name in PANELS
        for guest in STYLES
        if guest == "hostile" or name in SOME
    ],
)
def test_every_picture_has_the_same_pixels_in_every_style_and_writes_none(name, guest, writes):
    _, expected = plain(name)
    style.use(STYLES[guest])
    writes.clear()
    # What is made is drawn and moved; a PNG is drawn as fine as a picture that rests.
    assert PANELS[name]().picture.png == expected
    assert writes == []


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
    """Of each there is a quickly made one; here, where most of them have been made by now."""
    for module in pkgutil.walk_packages(gradlab.__path__, "gradlab."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    ours = {kind for kind in kinds(Panel) if kind.__module__.startswith("gradlab.")}
    ours = {kind for kind in ours if not unfinished(kind)}
    made = {plain(name)[0] for name in makers.PANELS if name != "lengths"}
    assert made | {type(makers.PANELS["lengths"]())} == ours


@pytest.mark.parametrize("width", ["column", "page"])
def test_the_figure_for_a_paper_has_the_same_bytes_in_every_style(width, tmp_path):
    expected = figure(tmp_path, width)
    for guest in STYLES.values():
        with style.context(guest):
            assert figure(tmp_path, width) == expected, guest


def more_ticks(guest):
    figure, (axes,) = subplots(4, 3)
    axes.set(xlim=(0, 1))
    picture = LivePicture(figure, [])
    style.use(guest)
    axes.set(xlim=(-3, 20))
    picture.redraw()
    return picture.png


def test_ticks_that_come_later_look_like_the_first():
    assert more_ticks(HOSTILE) == more_ticks({})


# The reader's style


class Meanwhile(Line2D):
    """An artist during whose drawing another thread sets the size of letters."""

    def draw(self, renderer):
        thread = threading.Thread(target=mpl.rcParams.update, args=({"font.size": 22},))
        thread.start()
        thread.join()


def test_what_another_thread_sets_while_a_picture_is_drawn_stays():
    figure, (axes,) = subplots(4, 3)
    axes.add_line(Meanwhile([0, 1], [0, 1]))
    picture = LivePicture(figure, [])
    assert mpl.rcParams["font.size"] == 22
    for draw in (picture.redraw, picture.sharpen):
        mpl.rcParams["font.size"] = 10
        draw()
        assert mpl.rcParams["font.size"] == 22


def test_saving_a_figure_writes_at_most_the_kind_of_fonts_and_puts_it_back(writes, tmp_path):
    before = mpl.rcParams.copy()  # not `dict`, which would choose a backend
    report.save(makers.recording(), tmp_path / "run.png")
    assert writes == []
    report.save(makers.recording(), tmp_path / "run.pdf")
    assert set(writes) == {"pdf.fonttype"}
    assert mpl.rcParams.copy() == before
