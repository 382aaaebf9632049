"""The course as static pages: every panel's pictures are drawn in advance, and no kernel runs."""

from gradlab.course.site.build import ExportError, build

__all__ = ["ExportError", "build"]
