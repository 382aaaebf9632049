"""The preview panel: what does training see of a picture that is flipped and cropped at random?"""

from __future__ import annotations

import ipywidgets
import torch
from torch import Tensor

from gradlab.course import data
from gradlab.course.data import embedded
from gradlab.course.lessons.averaging.picture import draw_sheet
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, percent

DRAWS = 3


def preview_panel(
    images: Tensor | None = None, *, p: float = 0.5, padding: int | None = None
) -> PreviewPanel:
    """A panel that shows pictures as training would see them, flipped and cropped at random.

    The sliders are the probability of a flip and the padding of a crop. The random numbers stay the
    same while they move: more of the same pictures are flipped, and shifts go the same way,
    further. Another seed draws others.

    Args:
        images: (n, c, side, side) in [0, 1], one channel or three; about ten fit in a row. None:
            the ten photographs that the patches are cut from, 80 pixels wide.
        p: what the slider starts at, from 0 to 1.
        padding: likewise, pixels, from 0 to a quarter of the side; None: an eighth of it.

    Raises:
        ValueError: images are no such pictures, or a number is out of range.
    """
    if images is None:
        images = torch.from_numpy(embedded.photographs(80)).float() / 255
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.shape[2] != images.shape[3]:
        raise ValueError(
            f"images must have shape (n, 1 or 3, side, side), got {tuple(images.shape)}"
        )
    return PreviewPanel(images, p, images.shape[-1] // 8 if padding is None else padding)


class PreviewPanel(Panel):
    """See ``preview_panel``."""

    page_settings, page_bytes = 150, 2_000_000  # thirty photographs, each moved by itself

    def __init__(self, images: Tensor, p: float, padding: int) -> None:
        self._images = images.mul(255).round().byte().cpu()  # a quarter to move and to draw
        wide = {"width": "380px"}
        self.p = ipywidgets.FloatSlider(
            p, min=0, max=1, step=0.05, description="flip", readout_format=".0%", layout=wide
        )
        self.padding = ipywidgets.IntSlider(
            padding, 0, images.shape[-1] // 4, description="padding", layout=wide
        )
        self.seed = ipywidgets.IntSlider(0, 0, 20, description="seed", layout={"width": "300px"})
        super().__init__([self.p, self.padding, self.seed], self._picture())

    @property
    def page_controls(self) -> tuple[ipywidgets.FloatSlider, ipywidgets.IntSlider]:
        """Flip and padding: another seed would draw every photograph anew."""
        return self.p, self.padding

    def _picture(self) -> LivePicture:
        count = len(self._images)
        figure, (axes,) = subplots(9, 0.3 + 8.2 * (1 + DRAWS) / count)
        self.sheet = draw_sheet(axes, self._images, DRAWS)
        return LivePicture(figure, self.sheet.artists)

    def show(self) -> str:
        """Draw flips and crops from the seed, at the strength of the sliders."""
        count, _, _, side = self._images.shape
        rows = self._augmented(self._images)
        self.sheet.move(rows)
        ramp = torch.arange(2.0).expand(count, 1, 1, 2)  # 0 1, and 1 0 once it is mirrored
        flips = data.flip(ramp.repeat(DRAWS, 1, 1, 1), self._generator(), self.p.value)
        inside = torch.stack(self._augmented(torch.ones(count, 1, side, side))).mean().item()
        padding = self.padding.value
        return (
            f"Flipped with probability {self.p.value:.0%}, padded by {padding} of {side} pixels, "
            f"seed {self.seed.value}: {int(flips[:, 0, 0, 0].sum())} of {DRAWS * count} pictures "
            f"below the originals are mirrored; {percent(1 - inside)} of their pixels are padding."
        )

    def _augmented(self, images: Tensor) -> list[Tensor]:
        """``DRAWS`` times the images: all flips are drawn first, so that crops change none."""
        generator = self._generator()
        flipped = data.flip(images.repeat(DRAWS, 1, 1, 1), generator, self.p.value)
        return list(data.random_crop(flipped, generator, self.padding.value).split(len(images)))

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed.value)
