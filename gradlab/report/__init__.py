"""A recorded run for a paper: one figure, and one table to paste."""

from gradlab.report.pages import figure, save
from gradlab.report.tables import table

__all__ = ["figure", "save", "table"]
