"""What the panels of exploding and vanishing gradients say alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gradlab.course.lessons.growth.picture import HIGHEST, LOWEST


def edges(norms: ArrayLike) -> str:
    """What stands on the edge of the picture, because its axis cannot hold it: a sentence or ''."""
    values = np.asarray(norms)
    finite = np.isfinite(values)
    counts = {
        f"above {HIGHEST:.0e}": np.count_nonzero(finite & (values > HIGHEST)),
        f"below {LOWEST:.0e}": np.count_nonzero((values > 0) & (values < LOWEST)),
        "exactly zero": np.count_nonzero(values == 0),
        "infinite or NaN": np.count_nonzero(~finite),
    }
    said = [f"{count} {where}" for where, count in counts.items() if count]
    return f" On the edge of the picture: {', '.join(said)}." if said else ""
