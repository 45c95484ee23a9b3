"""Tells which tools an agent would take for each other, by what finds them in a search; knows no catalogue."""

from collections.abc import Iterable

from toolyard_sdk.messages import ToolSpec

from toolyard_registry.search.documents import document
from toolyard_registry.search.searching import Search

ALIKE = 0.5
"""How well another tool fits a tool's own words, beside how well it fits them itself, to be taken for it."""

BOTH = 0.9
"""How well the second of two tools fits a request, beside the first, for the request to mean either."""

_SHOWN = 5
_OWN = "\x00own"
"""A key that no tool's name can be."""


def confusable(
    spec: ToolSpec, source: str, others: Iterable[tuple[ToolSpec, str]], requests: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the names of tools that agents will confuse a new one with, the likeliest first, at most 5.

    `others` come with their sources. A tool counts when it fits the new one's own words nearly as well as the new one
    does, or when one of the `requests` that people have made fits both.
    """
    search = Search()
    search.add(_OWN, document(spec, source))
    for other, origin in others:
        if other.name != spec.name:
            search.add(other.name, document(other, origin))
    found: dict[str, float] = {}
    for text, share in ((f"{spec.name} {spec.description}", ALIKE), *((request, BOTH) for request in requests)):
        scores = search.scores(text)
        own = scores.pop(_OWN, 0.0)
        if own <= 0:
            continue
        for name, score in scores.items():
            if score >= share * own and (share == ALIKE or own >= share * max(scores.values())):
                found[name] = max(found.get(name, 0.0), score / own)
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:_SHOWN])
