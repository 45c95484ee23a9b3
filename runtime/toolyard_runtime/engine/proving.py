"""Says what is left of an end user, or of what was forgotten: rows, words, vectors, and bytes in files; erases nothing.

Files are those of the state folder and the database. They hold what all tenants said: whoever asks for bytes in them
has to be an operator of the server, which is not judged here. A database elsewhere (PostgreSQL) keeps its files itself.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from sqlalchemy import bindparam, select
from toolyard_memory.erasure.needles import LEAST, Needle, distinct, pieces, whole
from toolyard_memory.erasure.subjects import Subjects
from toolyard_memory.records import Owner

from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.store.erasure import RUNS_OF_SUBJECT, Eraser
from toolyard_runtime.store.opening import OwnedDatabase
from toolyard_runtime.store.tables import PAYLOAD

if TYPE_CHECKING:  # loaded when somebody wants a proof, as all that is imported below
    from toolyard_memory.erasure.reading import Place

UNREAD: Final = ("server.json",)
"""Files that are not searched: the key of this machine, which is nobody's content."""

BACKUP: Final = ".bak"
AT_ONCE: Final = 200
CONTENTS = select(PAYLOAD.c.data).where(PAYLOAD.c.run.in_(bindparam("runs", expanding=True)))
TERMS: Final = "passage_text_terms"
"""The terms that passages have: the full-text index writes words its own way."""


class Found(Struct, frozen=True):
    """Something of `size` bytes that was looked for and lies in a file, `at` bytes from its beginning.

    `stays_in` are tables with rows that hold the same, which are not the end user's: so it lies there by right.
    """

    what: str
    file: str
    at: int
    size: int
    stays_in: tuple[str, ...] = ()


class Files(Struct, frozen=True):
    """What a search of files gave: how much was looked for, where, and what was found.

    `backups` names copies of the database, and how much of it lies in each: no erasure reaches them.
    """

    needles: int
    files: int
    bytes: int
    found: tuple[Found, ...]
    backups: dict[str, int]
    missed: tuple[str, ...]


class Proof(Struct, frozen=True):
    """What is left: rows by table, terms of no passage, vectors of no passage; `files` where they were searched.

    `clean` is whether nothing is; `notes` say in words what was not looked at.
    """

    clean: bool
    rows: dict[str, int]
    terms: int
    index_sound: bool
    vectors: int
    stray_vectors: int
    files: Files | None
    notes: tuple[str, ...]


class Proving:
    """Looks for what should be gone."""

    def __init__(
        self, database: OwnedDatabase, eraser: Eraser, subjects: Subjects, long_term: LongTerm, state_dir: Path
    ) -> None:
        self._database = database
        self._eraser = eraser
        self._subjects = subjects
        self._long_term = long_term
        self._state_dir = state_dir.absolute()

    async def needles(self, tenant: str, subject: str) -> tuple[Needle, ...]:
        """Return what to look for once an end user is erased; to be called before."""
        from toolyard_memory.erasure.collecting import needles_of  # noqa: PLC0415 - loaded when it is wanted

        needles = list(await needles_of(self._database, Owner(tenant, subject), self._index))
        rows = await self._database.scan(RUNS_OF_SUBJECT, {"of_tenant": tenant, "subject": subject})
        runs = [run for run, _, _ in rows]
        for start in range(0, len(runs), AT_ONCE):
            contents = await self._database.scan(CONTENTS, {"runs": runs[start : start + AT_ONCE]})
            needles += pieces("content of a run", (data for (data,) in contents))
        return distinct(needles)

    async def needles_of(self, tenant: str, ids: Sequence[bytes]) -> tuple[Needle, ...]:
        """Return what to look for once passages and facts are forgotten; to be called before."""
        from toolyard_memory.erasure.collecting import needles_of_passages  # noqa: PLC0415 - as above

        return await needles_of_passages(self._database, tenant, ids, self._index)

    async def of_subject(
        self, tenant: str, subject: str, needles: Sequence[Needle] | None, words: Sequence[str] = ()
    ) -> Proof:
        """Say what is left of an end user; files are searched for `needles` where there are any, and for `words`."""
        owner, notes = Owner(tenant, subject), []
        rows = {**await self._subjects.left(owner), **await self._eraser.left(tenant, subject)}
        if needles is not None:
            named = [*whole("id of the end user", [subject]), *whole("scope", [owner.scope]), *whole("word", words)]
            needles = distinct([*named, *needles])
            if len(subject.encode()) < LEAST:
                notes.append(f"the end user's id has fewer than {LEAST} bytes: it is everywhere by chance")
        return await self._proof(tenant, rows, needles, notes)

    async def of_forgotten(self, tenant: str, needles: Sequence[Needle]) -> Proof:
        """Say what is left of passages that were forgotten."""
        note = "what was said in conversations is history: it stays until the person is erased"
        rows = await self._subjects.orphans()
        return await self._proof(tenant, rows, needles, [note])

    async def _proof(
        self, tenant: str, rows: dict[str, int], needles: Sequence[Needle] | None, notes: list[str]
    ) -> Proof:
        from toolyard_memory.erasure.looking import NotSearched  # noqa: PLC0415 - as above
        from toolyard_memory.erasure.words import words_left  # noqa: PLC0415 - as above
        from toolyard_memory.vectors.index import IndexDown  # noqa: PLC0415 - as above

        words, vectors, strays, files = await words_left(self._database), 0, 0, None
        try:
            if self._long_term.in_use:
                index = self._long_term.memory().vectors
                vectors, strays = await index.strays(tenant) if index is not None else (0, 0)
            if needles is not None:
                files = await self._search(needles)
        except (IndexDown, NotSearched) as error:
            notes.append(f"not told: {error}")
        if needles is None:
            notes.append("files were not searched: they hold what all tenants said, so only an operator of the server")
        if self._database.dialect != "sqlite":
            notes.append("PostgreSQL keeps its files itself: what its log and its archive keep is for its operator")
        told = files is not None or needles is None
        lies = files is not None and (files.missed or not all(one.stays_in for one in files.found))
        clean = told and not (rows or words.terms or strays or lies) and words.sound
        return Proof(clean, rows, words.terms, words.sound, vectors, strays, files, tuple(notes))

    @property
    def _index(self) -> str:
        return str(self._long_term.folder.absolute())

    async def _search(self, needles: Sequence[Needle]) -> Files:
        """Search every file; raises NotSearched, also where there is none: nothing is shown by looking at nothing."""
        from toolyard_memory.erasure.looking import NotSearched, searched  # noqa: PLC0415 - as above

        names = await asyncio.to_thread(self._files)
        path = self._file()
        tables = (TERMS, *(str(table.name) for table in self._eraser.tables))
        done = await searched(needles, names, str(path or ""), tables if path is not None else ())
        if not done.files:
            raise NotSearched("there is no file that could be read")
        backups: dict[str, int] = dict.fromkeys(self._database.copies(), 0)
        places: list[Place] = []
        for place in done.places:
            name = Path(place.file).name
            if name.endswith(BACKUP):
                backups[name] = backups.get(name, 0) + 1
            else:
                places.append(place)
        found = tuple(
            Found(
                needles[one.needle].what,
                self._shown(one.file),
                one.at,
                len(needles[one.needle].data),
                done.stays.get(one.needle, ()),
            )
            for one in places
        )
        missed = tuple(self._shown(name) for name in done.missed)
        return Files(len(needles), done.files, done.bytes, found, backups, missed)

    def _files(self) -> list[str]:
        from toolyard_memory.erasure.looking import files_below  # noqa: PLC0415 - as above

        found, path = dict.fromkeys(files_below(self._state_dir, UNREAD)), self._file()
        if path is not None:  # it may lie elsewhere
            found.update(dict.fromkeys(str(one) for one in path.parent.glob(f"{path.name}*") if one.is_file()))
        return list(found)

    def _file(self) -> Path | None:
        path: Path | None = getattr(self._database, "path", None)
        return path.absolute() if path is not None else None

    def _shown(self, file: str) -> str:
        return file.removeprefix(f"{self._state_dir}/")
