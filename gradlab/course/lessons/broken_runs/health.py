"""A check-up: does a script of the reader's own still show the sign of a known fault?"""

from __future__ import annotations

from gradlab.course.lessons.broken_runs.faults import fault, found
from gradlab.course.lessons.broken_runs.running import Run, Script, run

_LEARNS = 0.6  # chance is 0.1; the healthy scripts end between 0.7 and 0.95, by the seed


def checkup(script: Script, seed: int = 0) -> Checkup:
    """Run a script on the digits, seeded, and look for the sign of every fault of this lesson.

    Args:
        script: a function of (digits, watch), as those of this lesson.
        seed: of the weights and of the order of the images.

    Raises:
        ValueError: the script took no step with its optimizer while it was watched.

    Note:
        It knows these faults and no other, by their signs in this small task. No sign is no proof.
    """
    done = run(script, seed)
    return Checkup(done, found(done))


class Checkup:
    """What a check-up found; its repr says it in words.

    Attributes:
        run: what was recorded, for ``panels.history(checkup.run.recording, checkup.run.losses)``.
        signs: the faults that show.
        healthy: none shows, and the network names at least 60 % of the test images rightly.
    """

    def __init__(self, run: Run, signs: tuple[str, ...]) -> None:
        self.run, self.signs = run, signs
        self.healthy = not signs and run.accuracy >= _LEARNS

    def __repr__(self) -> str:
        ends = f"test accuracy {self.run.accuracy:.0%} after {len(self.run.recording)} steps"
        if self.healthy:
            return f"Healthy: no sign of a known fault; {ends}."
        lines = [f"Not healthy yet: {ends}."]
        lines += [f"- What is seen: {fault(name).sign}" for name in self.signs]
        return "\n".join(lines if self.signs else [*lines, "- It shows no known sign."])
