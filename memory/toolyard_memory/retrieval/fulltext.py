"""Finding passages by their words in SQL, in either dialect; knows no ranking beyond which words are rare.

Each word of a question is looked up by itself, within the owner's scope: the newest `EACH` passages that have it. That
bounds what a common word costs, says how common it is with this owner, and is the same on SQLite and Postgres. What a
person types never is syntax: on SQLite a word is letters and digits between quotes, on Postgres it goes through
`plainto_tsquery`. Every row is judged by the rule of `toolyard_memory.passages` before it is returned.
"""

import heapq
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, and_, bindparam, cast, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB
from toolyard_sdk.ports import Database

from toolyard_memory.passages import OF_PASSAGE, SEEN_FROM, VISIBLE, Passages, passage_of, readable, sight
from toolyard_memory.records import AsOf, Owner, Passage, PassageKind, Reader, documents_of
from toolyard_memory.retrieval.asking import MOST_WORDS
from toolyard_memory.retrieval.assembly import Place
from toolyard_memory.retrieval.ranking import SPAN
from toolyard_memory.tables.documents import CHUNK, DOCUMENT
from toolyard_memory.tables.passages import PASSAGE

Dialect = Literal["sqlite", "postgresql"]

EACH: Final = 400
"""Passages that are looked up for one word."""

NOBODY: Final = "nobody"
"""A scope that no owner has."""

_WORD_IN: Final[dict[Dialect, str]] = {
    "sqlite": (
        "SELECT * FROM (SELECT {n} AS n, rowid AS key FROM passage_text WHERE passage_text MATCH :match{n} "
        "ORDER BY rowid DESC LIMIT :most)"
    ),
    "postgresql": (
        "SELECT * FROM (SELECT {n} AS n, key FROM ("
        "(SELECT key FROM passage WHERE scope = :scope AND numnode(plainto_tsquery('english', :match{n})) > 0 AND "
        "tokens @@ (CAST(:scope_word AS tsquery) && plainto_tsquery('english', :match{n})) ORDER BY -key LIMIT :most) "
        "UNION ALL "
        "(SELECT key FROM passage WHERE scope = :ground AND numnode(plainto_tsquery('english', :match{n})) > 0 AND "
        "tokens @@ (CAST(:ground_word AS tsquery) && plainto_tsquery('english', :match{n})) ORDER BY -key LIMIT :most)"
        ") AS of{n} ORDER BY key DESC LIMIT :most) AS newest{n}"
    ),
}

POSTINGS: Final[dict[Dialect, tuple[Any, ...]]] = {
    dialect: tuple(
        text(" UNION ALL ".join(one.format(n=n) for n in range(count))) for count in range(1, MOST_WORDS + 1)
    )
    for dialect, one in _WORD_IN.items()
}
"""By the number of words: (which word, key of a passage that has it)."""


ROWS = select(*OF_PASSAGE, DOCUMENT.c.agents, DOCUMENT.c.name).select_from(SEEN_FROM).where(VISIBLE)
BY_ID = ROWS.where(PASSAGE.c.id.in_(bindparam("ids", expanding=True)))

_NEAR, _CENTRE = PASSAGE.alias("near"), PASSAGE.alias("centre")
_CLOSE = _NEAR.c.position.between(_CENTRE.c.position - SPAN, _CENTRE.c.position + SPAN)


def _statements(dialect: Dialect) -> tuple[Any, ...]:
    """Return the selects of passages by the integers in the JSON list `keys`, and of those that stand around them.

    A list of parameters would be another statement for every length of it.
    """
    if dialect == "sqlite":
        keys: Any = select(literal_column("value")).select_from(func.json_each(bindparam("keys")))
    else:
        listed = func.jsonb_array_elements_text(cast(bindparam("keys"), JSONB)).column_valued("listed")
        keys = select(cast(listed, BigInteger))
    spoken = _NEAR.join(_CENTRE, and_(_NEAR.c.session == _CENTRE.c.session, _CLOSE))
    written = _NEAR.join(_CENTRE, and_(_NEAR.c.source == _CENTRE.c.source, _CLOSE))
    before_and_after = (
        select(_NEAR.c.key)
        .select_from(place)
        .where(_CENTRE.c.key.in_(keys), _CENTRE.c.kind == kind, _NEAR.c.kind == kind)
        for place, kind in ((spoken, "message"), (written, "chunk"))
    )
    by_key, *around = (ROWS.where(PASSAGE.c.key.in_(which)) for which in (keys, *before_and_after))
    return by_key, *around


BY_KEY, AROUND_MESSAGES, AROUND_PIECES = (
    {"sqlite": one, "postgresql": other}
    for one, other in zip(_statements("sqlite"), _statements("postgresql"), strict=True)
)

PLACES = (
    select(CHUNK.c.id, DOCUMENT.c.name, DOCUMENT.c.title, CHUNK.c.heading, CHUNK.c.page)
    .select_from(
        CHUNK.join(DOCUMENT, DOCUMENT.c.id == CHUNK.c.document).join(
            PASSAGE, and_(PASSAGE.c.id == CHUNK.c.id, PASSAGE.c.source == CHUNK.c.document)
        )
    )
    .where(CHUNK.c.id.in_(bindparam("ids", expanding=True)), DOCUMENT.c.tenant == bindparam("of_tenant"))
)
"""Where pieces stand in the current version of their document."""

_encode = msgspec.json.encode


class Sought(Struct, frozen=True):
    """Who looks, from which moment, and for what: `kinds` None is any; `documents` are globs over their names.

    What `session` has said from position `shown_from` on is left out: a model has it before it already.
    """

    reader: Reader
    as_of: AsOf = AsOf()
    kinds: tuple[PassageKind, ...] | None = None
    documents: tuple[str, ...] = ()
    session: bytes | None = None
    shown_from: int | None = None


class Looked(Struct, frozen=True):
    """Which of the words of a question are found where: `counts` in how many passages (up to `EACH`), `keys` these."""

    counts: tuple[int, ...]
    found: tuple[tuple[int, ...], ...]

    def best(self, most: int) -> list[int]:
        """Return the keys of the passages that have the rarest and most words, newest first among equals."""
        sums: dict[int, float] = {}
        for count, keys in zip(self.counts, self.found, strict=True):
            rarity = rarity_of(count)
            for key in keys:
                sums[key] = sums.get(key, 0.0) + rarity
        return [key for _, key in heapq.nlargest(most, ((total, key) for key, total in sums.items()))]


def rarity_of(count: int) -> float:
    """Return the weight of a word that `count` passages of the owner have: 0.69 for `EACH`, 6.0 for one.

    An inverse document frequency against `EACH` in place of the number of passages: what is more common than that does
    not tell passages apart, and the number need not be known.
    """
    return math.log1p(EACH / max(count, 1))


def match_of(owners: Sequence[Owner], word: str) -> str:
    """Return the FTS5 expression for passages of these owners that have a word, whatever the word is."""
    quoted = "".join(letter for letter in word if letter.isalnum())
    scopes = " OR ".join(owner.scope for owner in owners)
    return f'scope:({scopes}) AND text:("{quoted}")'


class FullText:
    """Looks passages up by their words, and reads them with what stands around them."""

    def __init__(self, database: Database, passages: Passages) -> None:
        self._database = database
        self._passages = passages

    async def look_up(self, sought: Sought, words: Sequence[str]) -> Looked:
        """Return which of the words are found where; at most `MOST_WORDS` of them are looked for."""
        words = words[:MOST_WORDS]
        if not words:
            return Looked((), ())
        owner = sought.reader.owner
        ground = documents_of(owner.tenant)
        parameters: dict[str, Any] = {"most": EACH}
        if self._database.dialect == "sqlite":
            owners = (owner, ground) if sought.documents else (owner,)
            parameters.update({f"match{n}": match_of(owners, word) for n, word in enumerate(words)})
        else:
            parameters.update({f"match{n}": word for n, word in enumerate(words)})
            scopes = {"scope": owner.scope, "ground": ground.scope if sought.documents else NOBODY}
            parameters.update(scopes | {f"{name}_word": f"'={scope}'" for name, scope in scopes.items()})
        rows = await self._database.scan(POSTINGS[self._database.dialect][len(words) - 1], parameters)
        found: list[list[int]] = [[] for _ in words]
        for n, key in rows:
            found[n].append(key)
        return Looked(tuple(map(len, found)), tuple(map(tuple, found)))

    async def read(self, sought: Sought, keys: Iterable[int]) -> dict[bytes, Passage]:
        """Return those of the passages with these keys that may be recalled, by id."""
        return await self._read(BY_KEY, sought, keys)

    async def around(self, sought: Sought, passages: Iterable[Passage]) -> dict[bytes, Passage]:
        """Return what was said or stands just before and after these passages, themselves included."""
        centres = list(passages)
        found: dict[bytes, Passage] = {}
        for kind, statements in (("message", AROUND_MESSAGES), ("chunk", AROUND_PIECES)):
            keys = [one.key for one in centres if one.kind == kind]
            if keys:
                found |= await self._read(statements, sought, keys)
        return found

    async def load(self, sought: Sought, ids: Collection[bytes]) -> dict[bytes, Passage]:
        """Return those of the passages with these ids that may be recalled: whatever index named them."""
        if not ids:
            return {}
        seen = sight(sought.reader, sought.as_of, self._passages.now)
        rows = await self._database.read(BY_ID, {**seen, "ids": list(ids)})
        return {row[0]: passage_of(row) for row in rows if _admitted(row, sought)}

    async def _read(self, statements: Mapping[str, Any], sought: Sought, keys: Iterable[int]) -> dict[bytes, Passage]:
        seen = sight(sought.reader, sought.as_of, self._passages.now)
        parameters = {**seen, "keys": _encode(list(keys)).decode()}
        rows = await self._database.scan(statements[self._database.dialect], parameters)
        return {row[0]: passage_of(row) for row in rows if _admitted(row, sought)}

    async def places(self, tenant: str, pieces: Sequence[bytes]) -> dict[bytes, Place]:
        """Return where pieces of documents stand, for their citations."""
        if not pieces:
            return {}
        rows = await self._database.read(PLACES, {"of_tenant": tenant, "ids": list(pieces)})
        return {row[0]: Place(*row[1:]) for row in rows}


def _admitted(row: Sequence[Any], sought: Sought) -> bool:
    """Tell whether a visible row is among what is sought; of documents, whether they are granted and asked for."""
    owner, kind, session, position = row[2], row[3], row[9], row[10]
    if sought.kinds is not None and kind not in sought.kinds:
        return False
    if owner == "":
        agents, name = row[len(OF_PASSAGE) :]
        return readable(agents, sought.reader) and any(fnmatchcase(name, glob) for glob in sought.documents)
    if sought.session is None or sought.shown_from is None:
        return True
    return bool(session != sought.session or position < sought.shown_from)
