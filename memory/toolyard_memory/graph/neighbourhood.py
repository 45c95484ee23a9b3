"""A bounded piece of one reader's graph as a value: passages, what they speak of, and how these hang together."""

from typing import Final

from msgspec import Struct

from toolyard_memory.records import PassageKind

HUB: Final = 64
"""Mentions above which an entity tells no passages apart: nobody is found by it."""


class Near(Struct, frozen=True):
    """A passage of a neighbourhood; `words` is how its text begins."""

    id: bytes
    kind: PassageKind
    session: bytes | None
    position: int
    at: int
    speaker: str
    words: str


class Entity(Struct, frozen=True):
    """Something that is spoken of; `mentions` counts the passages that do, up to a little more than `HUB`."""

    id: bytes
    name: str
    shown: str
    kind: str
    mentions: int


class Edge(Struct, frozen=True):
    """What a passage, a fact, says of two entities."""

    source: bytes
    target: bytes
    relation: str
    passage: bytes


class Neighbourhood(Struct, frozen=True):
    """Passages and entities around some of them; `mentions` are pairs (entity, passage) of those in it.

    `cut` says that there was more than was asked for.
    """

    passages: tuple[Near, ...] = ()
    entities: tuple[Entity, ...] = ()
    mentions: tuple[tuple[bytes, bytes], ...] = ()
    edges: tuple[Edge, ...] = ()
    cut: bool = False
