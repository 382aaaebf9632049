"""What the sources claim, each with the rule that decides it, and a verdict from recorded runs."""

from gradlab.claims import pruning
from gradlab.claims.claim import Claim, Seeds, TooFewSeeds, Verdict, over_seeds, paired
from gradlab.course.lessons.features import claims as features

_CLAIMS: tuple[Claim, ...] = (*features.CLAIMS, *pruning.CLAIMS)

ALL = {claim.number: claim for claim in _CLAIMS}
"""Every claim, by its number."""

__all__ = ["ALL", "Claim", "Seeds", "TooFewSeeds", "Verdict", "over_seeds", "paired"]
