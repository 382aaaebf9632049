"""What did the sources get right? The ledger as a page that one can filter and open."""

from gradlab.course.lessons.report_card.controls import ledger_panel

__all__ = ["ledger_panel"]
