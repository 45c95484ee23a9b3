"""Documents and their versions as rows: the records that callers see, and the statements that read and write them."""

from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import BindParameter, and_, bindparam, delete, func, insert, select, text, update

from toolyard_memory.passages import OF_PASSAGE
from toolyard_memory.records import Passage
from toolyard_memory.tables.documents import CHUNK, DOCUMENT, FORMER_PIECE, KNOWLEDGE
from toolyard_memory.tables.passages import PASSAGE

Outcome = Literal["added", "changed", "granted", "unchanged"]
"""What adding a file did: a first version, a new one, only another choice of agents, nothing."""


class Version(Struct, frozen=True):
    """A version of a document. `digest` is `sha256:` and the hex of the file's bytes, `agents` are globs over agents.

    `pieces` is how many it was cut into by `chunking`; times are UTC microseconds.
    """

    id: bytes
    tenant: str
    name: str
    version: int
    digest: str
    media_type: str
    title: str
    size: int
    agents: tuple[str, ...]
    chunking: str
    added_at: int
    added_by: str
    retired_at: int | None
    pieces: int


class Added(Struct, frozen=True):
    """What adding a file did. `before` is the version it took the place of; `passages` are the new ones, to be linked.

    Of the document's pieces `kept` are those of the version before.
    """

    outcome: Outcome
    version: Version
    before: Version | None = None
    passages: tuple[Passage, ...] = ()
    kept: int = 0


class Shown(Struct, frozen=True):
    """A version with its text, and the numbers of all versions that are kept, in order."""

    version: Version
    text: str
    versions: tuple[int, ...]


class Citation(Struct, frozen=True):
    """Where a passage stands: characters [start, stop) of a version's text; `page` 0 where there are none."""

    document: bytes
    name: str
    version: int
    title: str
    digest: str
    heading: str
    page: int
    start: int
    stop: int
    retired_at: int | None


_TENANT: BindParameter[str] = bindparam("of_tenant")
_NAME: BindParameter[str] = bindparam("of_name")
_DOCUMENT: BindParameter[bytes] = bindparam("of_document")
_NAMED = and_(DOCUMENT.c.tenant == _TENANT, DOCUMENT.c.name == _NAME)
_PIECES = select(func.count()).where(CHUNK.c.document == DOCUMENT.c.id).scalar_subquery()
_VERSION = (*DOCUMENT.c, _PIECES)

OF_NAME = select(*_VERSION).where(_NAMED).order_by(DOCUMENT.c.version.desc())
CURRENT = (
    select(*_VERSION)
    .where(DOCUMENT.c.tenant == _TENANT, DOCUMENT.c.retired_at.is_(None), DOCUMENT.c.name > bindparam("after_name"))
    .order_by(DOCUMENT.c.name)
    .limit(bindparam("at_most"))
)
GRANTS = select(DOCUMENT.c.id, DOCUMENT.c.agents).where(DOCUMENT.c.tenant == _TENANT, DOCUMENT.c.retired_at.is_(None))
CHANGES = select(KNOWLEDGE.c.changes).where(KNOWLEDGE.c.tenant == _TENANT)
TEXTS = (
    select(CHUNK.c.start, CHUNK.c.stop, func.coalesce(PASSAGE.c.text, FORMER_PIECE.c.text))
    .outerjoin(PASSAGE, and_(PASSAGE.c.id == CHUNK.c.id, PASSAGE.c.tenant == _TENANT))
    .outerjoin(FORMER_PIECE, and_(FORMER_PIECE.c.id == CHUNK.c.id, FORMER_PIECE.c.tenant == _TENANT))
    .where(CHUNK.c.document == _DOCUMENT)
    .order_by(CHUNK.c.ordinal)
)
PASSAGES_OF = (
    select(*OF_PASSAGE)
    .where(PASSAGE.c.source == _DOCUMENT, PASSAGE.c.tenant == _TENANT, PASSAGE.c.owner == "")
    .order_by(PASSAGE.c.position)
)
CITED = (
    select(
        CHUNK.c.id,
        DOCUMENT.c.agents,
        DOCUMENT.c.id,
        DOCUMENT.c.name,
        DOCUMENT.c.version,
        DOCUMENT.c.title,
        DOCUMENT.c.digest,
        CHUNK.c.heading,
        CHUNK.c.page,
        CHUNK.c.start,
        CHUNK.c.stop,
        DOCUMENT.c.retired_at,
    )
    .join(DOCUMENT, DOCUMENT.c.id == CHUNK.c.document)
    .where(CHUNK.c.id.in_(bindparam("ids", expanding=True)), DOCUMENT.c.tenant == _TENANT)
    .order_by(DOCUMENT.c.version)
)

FORMER = (
    select(FORMER_PIECE.c.text, DOCUMENT.c.added_at, CHUNK.c.ordinal)
    .select_from(
        CHUNK.join(DOCUMENT, DOCUMENT.c.id == CHUNK.c.document).join(FORMER_PIECE, FORMER_PIECE.c.id == CHUNK.c.id)
    )
    .where(
        CHUNK.c.id == bindparam("of_piece"),
        CHUNK.c.document == _DOCUMENT,
        DOCUMENT.c.tenant == _TENANT,
        FORMER_PIECE.c.tenant == _TENANT,
    )
    .order_by(CHUNK.c.ordinal)
    .limit(1)
)
"""The words of a piece that only retired versions have, in one of them."""

ADD_VERSION = insert(DOCUMENT)
ADD_PIECE = insert(CHUNK)
KEEP_WORDS = insert(FORMER_PIECE)
RETIRE = (
    update(DOCUMENT)
    .where(DOCUMENT.c.id == _DOCUMENT, DOCUMENT.c.retired_at.is_(None))
    .values(retired_at=bindparam("at"))
    .execution_options(row=("at", "of_document"))
)
GRANT = (
    update(DOCUMENT)
    .where(DOCUMENT.c.id == _DOCUMENT, DOCUMENT.c.retired_at.is_(None))
    .values(agents=bindparam("globs"))
    .execution_options(row=("globs", "of_document"))
)
MOVE = (
    update(PASSAGE)
    .where(PASSAGE.c.tenant == _TENANT, PASSAGE.c.id == bindparam("of_id"))
    .values(source=bindparam("document"), position=bindparam("ordinal"))
    .execution_options(row=("document", "ordinal", "of_tenant", "of_id"))
)
ERASE_WORDS = (
    delete(FORMER_PIECE)
    .where(
        FORMER_PIECE.c.tenant == _TENANT,
        FORMER_PIECE.c.id.in_(select(CHUNK.c.id).where(CHUNK.c.document == _DOCUMENT)),
    )
    .execution_options(row=("of_tenant", "of_document"))
)
ERASE_PIECES = delete(CHUNK).where(CHUNK.c.document == _DOCUMENT)
ERASE_VERSION = delete(DOCUMENT).where(DOCUMENT.c.id == _DOCUMENT)
COUNT_CHANGE = text(
    "INSERT INTO knowledge (tenant, changes) VALUES (:of_tenant, 1) "
    "ON CONFLICT (tenant) DO UPDATE SET changes = knowledge.changes + 1"
)
"""Both dialects write it so; SQLAlchemy has a construct for each of them and none for both."""

_globs = msgspec.json.Decoder(tuple[str, ...]).decode


def version_of(row: Any) -> Version:
    """Return the version of a row that `OF_NAME` and its like select."""
    id_, tenant, name, number, digest, media_type, title, size, agents, *rest = row
    return Version(id_, tenant, name, number, digest, media_type, title, size, _globs(agents), *rest)
