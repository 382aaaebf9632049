"""Pictures look the same whatever style their reader has set, and leave that style alone."""

import matplotlib as mpl

BAD: dict = {"color": "red", "size": 22, "width": 7, "weight": "bold"}
HOSTILE = {
    "axes.axisbelow": False,
    "axes.edgecolor": "red",
    "axes.facecolor": "black",
    "axes.formatter.limits": (-1, 1),
    "axes.formatter.min_exponent": 9,
    "axes.formatter.use_mathtext": True,
    "axes.grid": False,
    "axes.grid.axis": "x",
    "axes.labelcolor": "red",
    "axes.labelpad": 30,
    "axes.labelsize": 22,
    "axes.labelweight": "bold",
    "axes.linewidth": 7,
    "axes.prop_cycle": mpl.cycler(color=["red"]),
    "axes.spines.left": False,
    "axes.spines.top": True,
    "axes.titlecolor": "red",
    "axes.titlelocation": "center",
    "axes.titlepad": 30,
    "axes.titlesize": 22,
    "axes.titleweight": "bold",
    "axes.titley": 0.5,
    "axes.unicode_minus": False,
    "axes.xmargin": 0.4,
}
