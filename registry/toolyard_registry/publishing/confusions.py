"""Tells which tools an agent would take for each other, by what finds them in a search; knows no catalogue."""

from collections.abc import Iterable, Sequence

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
    search = _searching((other, origin) for other, origin in others if other.name != spec.name)
    return _found(search, spec, source, requests)


def all_confusable(
    specs: Iterable[ToolSpec],
    source: str,
    others: Iterable[tuple[ToolSpec, str]],
    requests: Sequence[str] = (),
) -> dict[str, tuple[str, ...]]:
    """Return for each of many new tools of one source what `confusable` says, reading the others once."""
    known = {other.name: (other, origin) for other, origin in others}
    search = _searching(known.values())
    found = {}
    for spec in specs:
        search.remove(spec.name)
        found[spec.name] = _found(search, spec, source, requests)
        if spec.name in known:
            other, origin = known[spec.name]
            search.add(other.name, document(other, origin))
    return found


def _searching(tools: Iterable[tuple[ToolSpec, str]]) -> Search:
    search = Search()
    for tool, origin in tools:
        search.add(tool.name, document(tool, origin))
    return search


def _found(search: Search, spec: ToolSpec, source: str, requests: Iterable[str] = ()) -> tuple[str, ...]:
    """Look for a new tool's words among itself and the others; it is gone again afterwards."""
    search.add(_OWN, document(spec, source))
    found: dict[str, float] = {}
    for text, share in ((f"{spec.name} {spec.description}", ALIKE), *((request, BOTH) for request in requests)):
        scores = search.scores(text)
        own = scores.pop(_OWN, 0.0)
        if own <= 0:
            continue
        for name, score in scores.items():
            if score >= share * own and (share == ALIKE or own >= share * max(scores.values())):
                found[name] = max(found.get(name, 0.0), score / own)
    search.remove(_OWN)
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:_SHOWN])
