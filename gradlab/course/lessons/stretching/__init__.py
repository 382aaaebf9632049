"""A product of Jacobians as an ellipse: what depth makes of a circle of small changes."""

from gradlab.course.lessons.stretching.controls import panel
from gradlab.course.lessons.stretching.jacobians import exponent, products

__all__ = ["exponent", "panel", "products"]
