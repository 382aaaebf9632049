"""What the sources claim, the rules that decide it, and the verdicts from recorded runs.

- ``Claim``: a rule; the lessons hold them, and ``lessons.claims()`` has them by number
- ``ledger``: an entry for everything that the sources claim
"""

from gradlab.course.claims.claim import Claim
from gradlab.course.claims.entries import ledger

__all__ = ["Claim", "ledger"]
