"""What a claim of a source is, the rule that decides it, and a verdict from recorded runs.

The claims themselves stand in the lessons: ``lessons.claims()`` has them by number.
"""

from gradlab.course.claims.claim import Claim

__all__ = ["Claim"]
