"""The store of documents: added, changed, retired and erased by version, and who may see which; knows no ranking.

Only the pieces of current versions are passages, so nothing that searches meets a former one. A new version keeps the
passages of the pieces it shares with the one before, and with them their vectors; what only former versions say is kept
beside, to be shown and cited. Access is by tenant and by globs over the agent's name.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.documents import versions
from toolyard_memory.documents.cutting import CUTTING, Piece, words_of
from toolyard_memory.documents.names import EVERY_AGENT, checked_globs, checked_name
from toolyard_memory.documents.reading.apart import Readers
from toolyard_memory.documents.reading.kinds import READERS, Read, kind_of
from toolyard_memory.documents.reading.outcome import Unreadable
from toolyard_memory.documents.versions import Added, Citation, Shown, Version, version_of
from toolyard_memory.passages import AT_ONCE, Passages, granted, passage_of, readable
from toolyard_memory.records import MemoryRefused, NoSuchMemory, Passage, Reader, documents_of

REMEMBERED: Final = 256
"""Readers whose grants are remembered."""


class Documents:
    """The store of documents; writes join a transaction, reads see what was committed."""

    def __init__(self, database: Database, passages: Passages, new_id: NewId, readers: Readers | None = None) -> None:
        self._database = database
        self._passages = passages
        self._new_id = new_id
        self._readers = readers or Readers()
        self._grants: dict[tuple[str, str], tuple[int, frozenset[bytes]]] = {}

    async def add(
        self,
        tx: Transaction,
        tenant: str,
        name: str,
        data: bytes,
        media_type: str,
        agents: Iterable[str],
        actor: str,
        at: int,
    ) -> Added:
        """Add a file, as a new version where it has changed; raises MemoryRefused, with `file` for what is unreadable.

        `agents` are globs over those that may recall it; none leaves that as it was, and a new document to all. The
        commit is refused when somebody else adds the same document meanwhile.
        """
        name, chosen = checked_name(name), checked_globs(agents)
        kind = kind_of(name, media_type)
        if kind is None:
            known = ", ".join(READERS)
            raise MemoryRefused("file", f"it is of no kind that is read: send {known}, as Content-Type or by its name")
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        same = (digest, kind, CUTTING)
        current = await self._current(tenant, name)
        if current is not None and (current.digest, current.media_type, current.chunking) == same:
            return self._regranted(tx, current, chosen or current.agents)
        try:
            read = await self._readers.read(data, kind)
        except Unreadable as error:
            raise MemoryRefused("file", str(error)) from error
        latest = await self._latest(tenant, name)  # reading took its time
        version = Version(
            id=self._new_id(),
            tenant=tenant,
            name=name,
            version=latest.version + 1 if latest else 1,
            digest=digest,
            media_type=kind,
            title=read.title,
            size=len(data),
            agents=chosen or (latest.agents if latest else EVERY_AGENT),
            chunking=CUTTING,
            added_at=at,
            added_by=actor,
            retired_at=None,
            pieces=len(read.pieces),
        )
        before = latest if latest is not None and latest.retired_at is None else None
        return await self._put(tx, version, read, before)

    async def retire(self, tx: Transaction, tenant: str, name: str, at: int) -> Version:
        """Take a document out of recall; its versions stay to be shown. Raises NoSuchMemory."""
        current = await self._current(tenant, checked_name(name))
        if current is None:
            raise NoSuchMemory(name)
        former = await self._passages_of(current)
        self._retire(tx, current, at)
        self._let_go(tx, former)
        self._count_change(tx, tenant)
        return msgspec.structs.replace(current, retired_at=at)

    async def erase(self, tx: Transaction, tenant: str, name: str) -> tuple[Version, ...]:
        """Delete all versions of a document with all their words, newest first; raises NoSuchMemory."""
        every = await self._versions(tenant, checked_name(name))
        if not every:
            raise NoSuchMemory(name)
        for version in every:
            self._passages.drop(tx, await self._passages_of(version))
        for version in every:
            tx.write(versions.ERASE_WORDS, (tenant, version.id))
            tx.write(versions.ERASE_PIECES, (version.id,))
            tx.write(versions.ERASE_VERSION, (version.id,), expect=1)
        self._count_change(tx, tenant)
        return every

    async def listed(self, tenant: str, after: str = "", limit: int = 100) -> list[Version]:
        """Return at most `limit` current documents by name, those that come after a name."""
        wanted = {"of_tenant": tenant, "after_name": after, "at_most": limit}
        return [version_of(row) for row in await self._database.scan(versions.CURRENT, wanted)]

    async def show(self, tenant: str, name: str, number: int | None = None) -> Shown:
        """Return a version with its text, the newest without a number; raises NoSuchMemory."""
        name = checked_name(name)
        every = await self._versions(tenant, name)
        version = next((one for one in every if number in (None, one.version)), None)
        if version is None:
            raise NoSuchMemory(name)
        rows = await self._database.scan(versions.TEXTS, {"of_tenant": tenant, "of_document": version.id})
        return Shown(version, _laid_out(rows), tuple(sorted(one.version for one in every)))

    async def granted(self, reader: Reader) -> frozenset[bytes]:
        """Return the ids of the current documents that a reader may see."""
        if not reader.grounded:
            return frozenset()
        tenant, agent = reader.owner.tenant, reader.agent
        rows = await self._database.read(versions.CHANGES, {"of_tenant": tenant})
        changes = rows[0][0] if rows else 0
        known = self._grants.get((tenant, agent))
        if known is not None and known[0] == changes:
            return known[1]
        grants = await self._database.scan(versions.GRANTS, {"of_tenant": tenant})
        found = frozenset(id_ for id_, agents in grants if granted(agents, agent))
        if len(self._grants) >= REMEMBERED:
            self._grants.clear()
        self._grants[tenant, agent] = changes, found
        return found

    async def cited(self, reader: Reader, passages: Iterable[bytes]) -> dict[bytes, Citation]:
        """Return where passages stand, by id: in the newest version the reader may see; the others are left out."""
        wanted = list(dict.fromkeys(passages))
        found: dict[bytes, Citation] = {}
        for start in range(0, len(wanted), AT_ONCE):
            part = {"of_tenant": reader.owner.tenant, "ids": wanted[start : start + AT_ONCE]}
            for id_, agents, *where in await self._database.read(versions.CITED, part):
                if readable(agents, reader):
                    found[id_] = Citation(*where)
        return found

    async def former(self, reader: Reader, piece: bytes) -> tuple[Passage, Citation] | None:
        """Return a piece that only retired versions have, and where it stood in the newest of them; None for no such.

        The reader must have been allowed to recall that version, and be allowed to recall the document now.
        """
        cited = (await self.cited(reader, [piece])).get(piece)
        latest = await self._latest(reader.owner.tenant, cited.name) if cited is not None else None
        if cited is None or latest is None or not readable(msgspec.json.encode(latest.agents).decode(), reader):
            return None
        wanted = {"of_tenant": latest.tenant, "of_document": cited.document, "of_piece": piece}
        for text, at, ordinal in await self._database.read(versions.FORMER, wanted):
            ground = documents_of(latest.tenant)
            found = Passage(piece, ground, "chunk", text, at, trust="page", position=ordinal, source=cited.document)
            return found, cited
        return None

    async def _put(self, tx: Transaction, version: Version, read: Read, before: Version | None) -> Added:
        """Write a version; pieces with the words of one of the version before keep its passage."""
        known: dict[str, list[Passage]] = {}
        for passage in reversed(await self._passages_of(before) if before is not None else ()):
            known.setdefault(passage.text, []).append(passage)
        added: list[Passage] = []
        for ordinal, piece in enumerate(read.pieces):
            words = words_of(read.text, piece)
            if known.get(words):
                id_ = known[words].pop().id
                tx.write(versions.MOVE, (version.id, ordinal, version.tenant, id_), expect=1)
            else:
                id_ = self._new_id()
                added.append(self._passage(id_, version, words, ordinal))
            tx.write(versions.ADD_PIECE, _row(version.id, ordinal, id_, piece))
        if before is not None:
            self._retire(tx, before, version.added_at)
            self._let_go(tx, [passage for left in known.values() for passage in left])
        for passage in added:
            self._passages.add(tx, passage)
        tx.write(versions.ADD_VERSION, _version_row(version))
        self._count_change(tx, version.tenant)
        return Added("changed" if before else "added", version, before, tuple(added), len(read.pieces) - len(added))

    def _passage(self, id_: bytes, version: Version, words: str, ordinal: int) -> Passage:
        return Passage(
            id_,
            documents_of(version.tenant),
            "chunk",
            words,
            version.added_at,
            trust="page",
            position=ordinal,
            source=version.id,
        )

    def _regranted(self, tx: Transaction, current: Version, globs: tuple[str, ...]) -> Added:
        if globs == current.agents:
            return Added("unchanged", current, kept=current.pieces)
        tx.write(versions.GRANT, (msgspec.json.encode(globs).decode(), current.id), expect=1)
        self._count_change(tx, current.tenant)
        return Added("granted", msgspec.structs.replace(current, agents=globs), current, kept=current.pieces)

    def _retire(self, tx: Transaction, version: Version, at: int) -> None:
        tx.write(versions.RETIRE, (at, version.id), expect=1)

    def _let_go(self, tx: Transaction, former: Sequence[Passage]) -> None:
        """Keep the words of passages that no current version has, and drop them."""
        for passage in former:
            tx.write(versions.KEEP_WORDS, (passage.id, passage.owner.tenant, passage.text))
        self._passages.drop(tx, former)

    def _count_change(self, tx: Transaction, tenant: str) -> None:
        tx.write(versions.COUNT_CHANGE, (tenant,))

    async def _versions(self, tenant: str, name: str) -> tuple[Version, ...]:
        rows = await self._database.read(versions.OF_NAME, {"of_tenant": tenant, "of_name": name})
        return tuple(version_of(row) for row in rows)

    async def _latest(self, tenant: str, name: str) -> Version | None:
        return next(iter(await self._versions(tenant, name)), None)

    async def _current(self, tenant: str, name: str) -> Version | None:
        latest = await self._latest(tenant, name)
        return latest if latest is not None and latest.retired_at is None else None

    async def _passages_of(self, version: Version) -> list[Passage]:
        wanted = {"of_document": version.id, "of_tenant": version.tenant}
        return [passage_of(row) for row in await self._database.scan(versions.PASSAGES_OF, wanted)]


def _version_row(version: Version) -> tuple[object, ...]:
    return (
        version.id,
        version.tenant,
        version.name,
        version.version,
        version.digest,
        version.media_type,
        version.title,
        version.size,
        msgspec.json.encode(version.agents).decode(),
        version.chunking,
        version.added_at,
        version.added_by,
        version.retired_at,
    )


def _row(document: bytes, ordinal: int, id_: bytes, piece: Piece) -> tuple[object, ...]:
    return document, ordinal, id_, piece.start, piece.stop, piece.heading, piece.page


def _laid_out(rows: Sequence[Sequence[Any]]) -> str:
    """Return a document's text from its pieces: what each is found by ends with its own words."""
    text: list[str] = []
    at = 0
    for start, stop, words in rows:
        own = words[len(words) - (stop - start) :]
        text += ("\n" * (start - at), own[max(at - start, 0) :])
        at = stop
    return "".join(text)
