"""Two ways to do one thing, timed in turns: what disturbs the one disturbs the other."""

import gc
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Paired:
    """Seconds of `a` and of `b`, pair by pair; a ratio below 1 says that `a` is the faster."""

    a: tuple[float, ...]
    b: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Seconds of `a` / seconds of `b`, of each pair."""
        return tuple(a / b for a, b in zip(self.a, self.b, strict=True))

    @property
    def median(self) -> float:
        """The median ratio."""
        return statistics.median(self.ratios)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The middle half of the ratios lies between these."""
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high

    def row(self, name: str, target: str = "") -> tuple[str, ...]:
        """A row for `table`, under `HEADER`."""
        low, high = self.quartiles
        return (
            name,
            f"{statistics.median(self.a) * 1e3:.2f} ms",
            f"{statistics.median(self.b) * 1e3:.2f} ms",
            f"{self.median:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{min(self.ratios):.2f} to {max(self.ratios):.2f}",
            target,
        )


HEADER = ("a / b", "a", "b", "ratio", "middle half", "all", "target")


def paired(
    a: Callable[[], object],
    b: Callable[[], object],
    repeats: int = 30,
    *,
    before: Callable[[], object] = lambda: None,
) -> Paired:
    """Time `a` and `b` in turns, the first of a pair alternating; `before` each, untimed."""
    seconds: dict[Callable[[], object], list[float]] = {a: [], b: []}
    gc.disable()
    try:
        for repeat in range(-2, repeats):  # two pairs to warm up
            for way in (a, b) if repeat % 2 else (b, a):
                before()
                _finish()
                start = time.perf_counter()
                way()
                _finish()
                if repeat >= 0:
                    seconds[way].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return Paired(tuple(seconds[a]), tuple(seconds[b]))


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> str:
    """The rows as a Markdown table, columns aligned."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width for width in widths]
    cells = [[c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in (header, rule)]
    cells += [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def machine() -> str:
    """What the figures were measured on, in one line."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}, {gpu}"
    )


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
