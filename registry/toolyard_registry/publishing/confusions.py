"""Tells which tools an agent would take for each other, by what finds them in a search; knows no catalogue."""

from collections.abc import Iterable, Mapping, Sequence

from toolyard_sdk.messages import ToolSpec

from toolyard_registry.search.documents import document
from toolyard_registry.search.meaning import Near
from toolyard_registry.search.searching import Search

ALIKE = 0.5
"""How well another tool fits a tool's own words, beside how well it fits them itself, to be taken for it."""

BOTH = 0.9
"""How well the second of two tools fits a request, beside the first, for the request to mean either."""

_SHOWN = 5
_OWN = "\x00own"
"""A key that no tool's name can be."""

Nearness = Mapping[str, Near]
"""By text, what vectors say is near it: the names of tools, and of new ones what `own` returns."""


def own(name: str) -> str:
    """Return what stands for a new tool beside those that are there, one of which may have its name."""
    return f"{_OWN} {name}"


def said_by(spec: ToolSpec) -> str:
    """Return the words of a tool that others are compared by."""
    return f"{spec.name} {spec.description}"


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
    near: Nearness | None = None,
) -> dict[str, tuple[str, ...]]:
    """Return for each of many new tools of one source what `confusable` says, reading the others once.

    With `near`, a tool also counts that does so by words and vectors together.
    """
    known = {other.name: (other, origin) for other, origin in others}
    search = _searching(known.values())
    found = {}
    for spec in specs:
        search.remove(spec.name)
        found[spec.name] = _found(search, spec, source, requests, near or {})
        if spec.name in known:
            other, origin = known[spec.name]
            search.add(other.name, document(other, origin))
    return found


def _searching(tools: Iterable[tuple[ToolSpec, str]]) -> Search:
    search = Search()
    for tool, origin in tools:
        search.add(tool.name, document(tool, origin))
    return search


def _found(
    search: Search, spec: ToolSpec, source: str, requests: Iterable[str] = (), near: Nearness | None = None
) -> tuple[str, ...]:
    """Look for a new tool's words among itself and the others; it is gone again afterwards."""
    search.add(_OWN, document(spec, source))
    found: dict[str, float] = {}
    for text, share in ((said_by(spec), ALIKE), *((request, BOTH) for request in requests)):
        said = search.scores(text)
        there = near.get(text) if near else None
        for scores in (said,) if there is None else (said, _together(search, said, there, own(spec.name))):
            for name, fits in _as_well(scores, share).items():
                found[name] = max(found.get(name, 0.0), fits)
    search.remove(_OWN)
    return tuple(sorted(found, key=lambda name: (-found[name], name))[:_SHOWN])


def _as_well(scores: Mapping[str, float], share: float) -> dict[str, float]:
    """Return how well others fit beside the new tool, those that do so well enough."""
    itself = scores.get(_OWN, 0.0)
    if itself <= 0 or (share != ALIKE and itself < share * max(scores.values())):
        return {}
    return {name: score / itself for name, score in scores.items() if name != _OWN and score >= share * itself}


def _together(search: Search, said: Mapping[str, float], there: Near, itself: str) -> dict[str, float]:
    """Return the scores of words and vectors, each beside its best: the least fitting of a few is no measure."""
    near = {_OWN if name == itself else name: score for name, score in there.scores.items()}
    near = {name: score for name, score in near.items() if name in search}
    together: dict[str, float] = {}
    for scores, share in ((said, 1.0), (near, there.share)):
        best = max(scores.values(), default=1.0)
        for name, score in scores.items():
            together[name] = together.get(name, 0.0) + share * score / best
    return together
