"""Erasing an end user: content goes, heads stay and still prove what was decided; cancels no run itself.

Content lies in payloads, so deleting those of the user's runs (salts included: without them no commitment can be
tried against a guess) erases it, and so do the summaries of it that other runs made. Secrets of their own go with it.
What is left of the name in rows that are listed is replaced by a pseudonym that nobody can compute from it. Tables of
other packages are found by their columns in the schema: a table with `tenant` and `end_user` is pseudonymised, and one
keyed by `session` that resent conversations are found by is emptied.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import MetaData, Select, Table, Update, bindparam, delete, exists, func, null, select, tuple_, update
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_runtime.store import audit
from toolyard_runtime.store.tables import PAYLOAD, RUN, SECRET

RUNS_OF_SUBJECT = select(RUN.c.id, RUN.c.session, RUN.c.status).where(
    RUN.c.tenant == bindparam("of_tenant"), RUN.c.end_user == bindparam("subject")
)
ERASE_PAYLOADS = delete(PAYLOAD).where(PAYLOAD.c.run == bindparam("of_run"))
SECRETS_OF_SUBJECT = select(SECRET.c.name).where(
    SECRET.c.tenant == bindparam("of_tenant"), SECRET.c.owner == bindparam("subject")
)
ERASE_SECRETS = (
    delete(SECRET)
    .where(SECRET.c.tenant == bindparam("of_tenant"), SECRET.c.owner == bindparam("subject"))
    .execution_options(row=("of_tenant", "subject"))
)
LEFT = select(PAYLOAD.c.run, PAYLOAD.c.n).where(PAYLOAD.c.run.in_(bindparam("runs", expanding=True))).limit(1)
AT_ONCE = 500


class RunsOpenError(Exception):
    """The subject still has runs that have not finished: cancel `runs` first."""

    def __init__(self, runs: Sequence[bytes]) -> None:
        super().__init__(f"runs that have not finished: {len(runs)}")
        self.runs = runs


class Erasure(Struct, frozen=True):
    """What was erased: the runs whose payloads are gone, and the pseudonym that now stands for the subject.

    `secrets` counts those of their own that are gone too.
    """

    runs: tuple[bytes, ...]
    pseudonym: str
    secrets: int = 0


def _of_subject(table: Table) -> Update:
    """Put a pseudonym for the subject; on a run, drop also what the client said and the digest of its request."""
    dropped = ("metadata", "request") if table is RUN else ()
    return (
        update(table)
        .where(table.c.tenant == bindparam("of_tenant"), table.c.end_user == bindparam("subject"))
        .values(end_user=bindparam("pseudonym"), **{name: null() for name in dropped})
        .execution_options(row=("pseudonym", "of_tenant", "subject"))
    )


def _naming(table: Table, by: str) -> Select[Any]:
    """Count the rows of a table that name the subject."""
    return select(func.count()).where(table.c.tenant == bindparam("of_tenant"), table.c[by] == bindparam("subject"))


def _people(table: Table, by: str) -> Select[Any]:
    """Select whom the rows of a table name."""
    return select(table.c[by]).distinct().where(table.c.tenant == bindparam("of_tenant"), table.c[by].is_not(None))


def _summaries(tables: Mapping[str, Table]) -> Select[tuple[Any, ...]]:
    """Select the summaries of a session that rest on what the subject's runs said, whosever run made them."""
    made, item = tables["compaction"], tables["item"]
    own = select(RUN.c.id).where(RUN.c.tenant == bindparam("of_tenant"), RUN.c.end_user == bindparam("subject"))
    theirs = item.c.session == made.c.session, item.c.position <= made.c.end_position, item.c.run.in_(own)
    return select(made.c.run, made.c.summary).where(made.c.session == bindparam("of_session"), exists().where(*theirs))


class Eraser:
    """Erases subjects from the tables of all packages; made once, over the metadata each of them registers."""

    def __init__(
        self, database: Database, clock: Clock, entropy: Callable[[int], bytes], metadata: Sequence[MetaData]
    ) -> None:
        self._database = database
        self._clock = clock
        self._entropy = entropy
        tables = {table.name: table for one in metadata for table in one.sorted_tables}
        self.tables: tuple[Table, ...] = tuple(tables.values())
        naming = [table for table in tables.values() if {"tenant", "end_user"} <= set(table.c.keys())]
        self._named = [_of_subject(table) for table in naming]
        self._naming = {table.name: _naming(table, "end_user") for table in naming}
        self._naming[SECRET.name] = _naming(SECRET, "owner")
        self._people = [*(_people(table, "end_user") for table in naming), _people(SECRET, "owner")]
        continuation = tables.get("continuation")
        self._forget = (
            delete(continuation).where(continuation.c.session == bindparam("of_session"))
            if continuation is not None
            else None
        )

        covering = _summaries(tables) if "compaction" in tables else None
        self._summaries = (
            delete(PAYLOAD)
            .where(tuple_(PAYLOAD.c.run, PAYLOAD.c.n).in_(covering))
            .execution_options(row=("of_session", "of_tenant", "subject"))
            if covering is not None
            else None
        )
        self._summaries_left = (
            select(PAYLOAD.c.n).where(tuple_(PAYLOAD.c.run, PAYLOAD.c.n).in_(covering)).limit(1)
            if covering is not None
            else None
        )

    async def erase(self, tx: Transaction, tenant: str, subject: str, actor: str) -> Erasure:
        """Erase one end user of a tenant; raises RunsOpenError while a run of theirs goes on.

        Commit with `full` durability (a thread does it: many rows are looked at), then call the database's `scrub`, so
        that the write-ahead log holds nothing of it either.
        """
        rows = await self._database.scan(RUNS_OF_SUBJECT, {"of_tenant": tenant, "subject": subject})
        still_open = [run for run, _, status in rows if status != "finished"]
        if still_open:
            raise RunsOpenError(still_open)
        pseudonym = "erased:" + self._entropy(16).hex()
        if self._summaries is not None:
            for session in {session for _, session, _ in rows}:
                tx.write(self._summaries, (session, tenant, subject))
        for run, _, _ in rows:
            tx.write(ERASE_PAYLOADS, (run,))
        if self._forget is not None:
            for session in {session for _, session, _ in rows}:
                tx.write(self._forget, (session,))
        for statement in self._named:
            tx.write(statement, (pseudonym, tenant, subject))
        secrets = len(await self._database.scan(SECRETS_OF_SUBJECT, {"of_tenant": tenant, "subject": subject}))
        tx.write(ERASE_SECRETS, (tenant, subject))
        detail: dict[str, str | int | float | bool] = {"runs": len(rows), "secrets": secrets}
        entry = AuditRecord(self._clock.now(), tenant, actor, "subject.erase", pseudonym, detail=detail)
        await audit.record(self._database, tx, f"erasure:{tenant}", entry)
        return Erasure(tuple(run for run, _, _ in rows), pseudonym, secrets)

    async def people(self, tenant: str) -> set[str]:
        """Return everybody whom any row of a tenant names; it looks at all of them."""
        found: set[str] = set()
        for statement in self._people:
            found.update(row[0] for row in await self._database.scan(statement, {"of_tenant": tenant}))
        return found

    async def left(self, tenant: str, subject: str) -> dict[str, int]:
        """Return how many rows name a subject, by table: after an erasure, none."""
        of = {"of_tenant": tenant, "subject": subject}
        found = {name: int((await self._database.scan(one, of))[0][0]) for name, one in self._naming.items()}
        return {name: count for name, count in found.items() if count}

    async def verify_erased(self, tenant: str, pseudonym: str) -> bool:
        """Tell whether no payload is left of any run that now stands under this pseudonym, nor a summary of one."""
        rows = await self._database.scan(RUNS_OF_SUBJECT, {"of_tenant": tenant, "subject": pseudonym})
        runs = [run for run, _, _ in rows]
        for start in range(0, len(runs), AT_ONCE):
            if await self._database.scan(LEFT, {"runs": runs[start : start + AT_ONCE]}):
                return False
        for session in {session for _, session, _ in rows} if self._summaries_left is not None else ():
            given = {"of_session": session, "of_tenant": tenant, "subject": pseudonym}
            if await self._database.scan(self._summaries_left, given):
                return False
        return True
