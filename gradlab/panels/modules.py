"""The layers of a large model by module, so that a list of them stays legible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST = 24
"""Names that one list shows; more are not legible beside a picture."""
_FEW = 8  # names that say too little of a model with more than MOST layers


def by_module(names: Sequence[str]) -> dict[str, list[str]]:
    """At most ``MOST`` groups of layers, in the model's order: each layer alone where they are few.

    Else the modules as deep down as ``MOST`` groups allow: ``layer1.0`` holds
    ``layer1.0.conv1.weight``. Where a module has too many children, neighbours share a group, as
    ``blocks.0 … blocks.4``.
    """
    if len(names) <= MOST:
        return {name: [name] for name in names}
    depths = range(1, 1 + max(name.count(".") + 1 for name in names))
    levels = [_prefixes(names, depth) for depth in depths]
    small = [level for level in levels if len(level) <= MOST]
    if small and len(small[-1]) >= _FEW:
        return small[-1]
    return _bundled(levels[len(small)])


def _prefixes(names: Iterable[str], depth: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(".".join(name.split(".")[:depth]), []).append(name)
    return found


def _bundled(groups: dict[str, list[str]]) -> dict[str, list[str]]:
    """As many neighbours in each group as it takes."""
    prefixes = list(groups)
    together = -(-len(prefixes) // MOST)
    found = {}
    for start in range(0, len(prefixes), together):
        some = prefixes[start : start + together]
        title = some[0] if len(some) == 1 else f"{some[0]} … {some[-1]}"
        found[title] = [name for prefix in some for name in groups[prefix]]
    return found
