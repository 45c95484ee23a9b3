"""What is asked of recall and what it answers; holds no way of answering."""

from msgspec import Struct

from toolyard_memory.records import AsOf, Passage, PassageKind

NOW = AsOf()


class Query(Struct, frozen=True):
    """A question to memory: its words, and how much may come of it.

    `limit` bounds the hits, `budget_tokens` the text of them. `session` is the one it is asked in: what it has said
    from position `shown_from` on is in view already and is not recalled. `kinds` None looks at all; `documents` are
    globs over the names of documents that may be recalled, among those the reader may see: none, no document.
    """

    text: str
    budget_tokens: int = 1000
    limit: int = 30
    session: bytes | None = None
    shown_from: int | None = None
    now: int = 0
    as_of: AsOf = NOW
    kinds: tuple[PassageKind, ...] | None = None
    documents: tuple[str, ...] = ("*",)


class Hit(Struct, frozen=True):
    """A passage that came to mind: the parts of its score by name, `total` among them, and how the text cites it.

    One that is not `used` was left out of the text for want of room.
    """

    passage: Passage
    scores: dict[str, float]
    used: bool = True
    citation: str = ""


class Recalled(Struct, frozen=True):
    """What came to mind, best first, and the text of it that a model is shown; `degraded` says what was not asked."""

    hits: tuple[Hit, ...] = ()
    text: str = ""
    degraded: str = ""
