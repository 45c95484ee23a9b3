"""A neighbourhood as a picture: an SVG of what is spoken of beside who speaks of it; pure, and without script or style.

Entities stand in a column on the left, passages in one on the right, a line for every mention; what a fact says of two
entities is an arc in the margin with its name. The same neighbourhood always gives the same bytes: each side is ordered
by the middle of what it is joined with (the barycentre rule of Sugiyama, Tagawa and Toda, 1981), which crosses few
lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from toolyard_memory.graph.neighbourhood import Edge, Entity, Near, Neighbourhood
from toolyard_memory.moments import show_moment

MOST: Final = 40
"""Entities and passages that a picture has room for; it says how many it leaves out."""

ROW: Final = 26
TOP: Final = 64
MARGIN: Final = 190
ENTITIES_AT: Final = 400
PASSAGES_AT: Final = 560
WIDTH: Final = 1200
SWEEPS: Final = 4
NAME_LENGTH: Final = 28
TEXT_LENGTH: Final = 76
RELATION_LENGTH: Final = 22

INK, PALE, LINE, LIGHT, ACCENT = "#1a1a1a", "#595959", "#9aa5b1", "#ffffff", "#0b5394"

Placed = Mapping[bytes, int]
"""The height of the middle of each node, in pixels from the top."""


def draw(neighbourhood: Neighbourhood) -> str:
    """Return the neighbourhood as an SVG document; its texts are escaped and shortened."""
    entities, passages = _chosen(neighbourhood)
    joined = {id_ for one in (entities, passages) for id_ in one}
    mentions = sorted(pair for pair in neighbourhood.mentions if pair[0] in joined and pair[1] in joined)
    left, right = _ordered(list(entities), list(passages), mentions)
    rows = max(len(left), len(right), 1)
    heights = {id_: TOP + ROW // 2 + number * ROW for side in (left, right) for number, id_ in enumerate(side)}
    related = (edge for edge in neighbourhood.edges if edge.source in heights and edge.target in heights)
    edges = sorted(related, key=lambda edge: (edge.source, edge.target, edge.relation, edge.passage))
    more = len(neighbourhood.entities) + len(neighbourhood.passages) - len(heights)
    height = TOP + rows * ROW + (ROW if more or neighbourhood.cut else 0) + 12
    said = f"{len(left)} entities and {len(right)} passages that speak of them"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" role="img" aria-labelledby="graph-title graph-desc" '
            'font-family="system-ui, sans-serif" font-size="13">'
        ),
        '<title id="graph-title">What memory joins</title>',
        f'<desc id="graph-desc">{escape(_told(said, edges, entities))}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="{LIGHT}"/>',
        _text(ENTITIES_AT, 32, "Spoken of", anchor="end", fill=PALE),
        _text(PASSAGES_AT, 32, "Said", fill=PALE),
        *(_line(heights[entity], heights[passage]) for entity, passage in mentions),
        *_arcs(edges, heights),
        *(_entity(entities[id_], heights[id_]) for id_ in left),
        *(_passage(passages[id_], heights[id_]) for id_ in right),
    ]
    if more or neighbourhood.cut:
        rest = f"{more} more are not drawn" if more else "there is more around it"
        parts.append(_text(PASSAGES_AT, TOP + rows * ROW + ROW // 2 + 5, rest, fill=PALE))
    return "\n".join([*parts, "</svg>\n"])


def _chosen(neighbourhood: Neighbourhood) -> tuple[dict[bytes, Entity], dict[bytes, Near]]:
    """Return what there is room for: the entities that join most, or are related, and the passages they join."""
    joins: dict[bytes, int] = {}
    for entity, _ in neighbourhood.mentions:
        joins[entity] = joins.get(entity, 0) + 1
    related = {end for edge in neighbourhood.edges for end in (edge.source, edge.target)}

    def weight(one: Entity) -> tuple[bool, int, int, bytes]:
        return one.id not in related, -joins.get(one.id, 0), one.mentions, one.id

    entities = {one.id: one for one in sorted(neighbourhood.entities, key=weight)[:MOST]}
    spoken: dict[bytes, int] = {}
    for entity, passage in neighbourhood.mentions:
        if entity in entities:
            spoken[passage] = spoken.get(passage, 0) + 1
    best = sorted(neighbourhood.passages, key=lambda near: (-spoken.get(near.id, 0), -near.at, near.id))[:MOST]
    return entities, {near.id: near for near in sorted(best, key=lambda near: (near.at, near.position, near.id))}


def _ordered(
    left: list[bytes], right: list[bytes], mentions: Sequence[tuple[bytes, bytes]]
) -> tuple[list[bytes], list[bytes]]:
    of_left: dict[bytes, list[bytes]] = {}
    of_right: dict[bytes, list[bytes]] = {}
    for entity, passage in mentions:
        of_left.setdefault(entity, []).append(passage)
        of_right.setdefault(passage, []).append(entity)
    for _ in range(SWEEPS):
        left = _by_middle(left, right, of_left)
        right = _by_middle(right, left, of_right)
    return left, right


def _by_middle(side: list[bytes], other: list[bytes], joined: Mapping[bytes, list[bytes]]) -> list[bytes]:
    place = {id_: number for number, id_ in enumerate(other)}
    here = {id_: number for number, id_ in enumerate(side)}

    def middle(id_: bytes) -> tuple[float, int]:
        places = [place[one] for one in joined.get(id_, ())]
        return (sum(places) / len(places) if places else float(here[id_]), here[id_])

    return sorted(side, key=middle)


def _told(said: str, edges: Sequence[Edge], entities: Mapping[bytes, Entity]) -> str:
    """Return in words what the picture shows, for who does not see it."""
    facts = (f"{entities[e.source].shown} {e.relation} {entities[e.target].shown}" for e in edges)
    return _legible("; ".join((said, *dict.fromkeys(facts))), 2000)


def _legible(text: str, length: int) -> str:
    """Return a text in one line of at most `length` characters, without any that XML or a screen cannot show."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * length])
    line = " ".join(shown.split())
    return line if len(line) <= length else line[: length - 1] + "\u2026"


def _text(x: int, y: int, text: str, *, anchor: str = "start", fill: str = INK) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _line(start: int, stop: int) -> str:
    x, end = ENTITIES_AT + 10, PASSAGES_AT - 10
    half = (x + end) // 2
    return f'<path d="M{x} {start} C{half} {start} {half} {stop} {end} {stop}" fill="none" stroke="{LINE}"/>'


def _arcs(edges: Iterable[Edge], heights: Placed) -> list[str]:
    """Draw relations left of the entities, those of the same two and of the same name once."""
    drawn: list[str] = []
    for source, target, relation in dict.fromkeys((edge.source, edge.target, edge.relation) for edge in edges):
        start, stop = heights[source], heights[target]
        away = MARGIN - min(60, abs(stop - start) // 4)
        half = (start + stop) // 2
        drawn.append(
            f'<path d="M{MARGIN + 10} {start} C{away} {start} {away} {stop} {MARGIN + 10} {stop}" fill="none" '
            f'stroke="{ACCENT}"/>'
        )
        label = _legible(relation, RELATION_LENGTH)
        drawn.append(_text(away - 4 if away < MARGIN else MARGIN - 4, half + 4, label, anchor="end", fill=ACCENT))
    return drawn


def _entity(one: Entity, height: int) -> str:
    label = _legible(f"{one.shown} ({one.kind})", 200)
    short = _legible(one.shown, NAME_LENGTH)
    return (
        f"<g><title>{escape(label)}</title>"
        f'<circle cx="{ENTITIES_AT + 6}" cy="{height}" r="4" fill="{ACCENT}"/>'
        f"{_text(ENTITIES_AT - 4, height + 4, short, anchor='end')}</g>"
    )


def _passage(near: Near, height: int) -> str:
    who = f"{near.speaker}, " if near.speaker else ""
    words = f"{who}{show_moment(near.at)}: {near.words}"
    return (
        f"<g data-kind={quoteattr(near.kind)}><title>{escape(_legible(words, 200))}</title>"
        f'<circle cx="{PASSAGES_AT - 6}" cy="{height}" r="4" fill="{LIGHT}" stroke="{INK}"/>'
        f"{_text(PASSAGES_AT + 4, height + 4, _legible(words, TEXT_LENGTH))}</g>"
    )
