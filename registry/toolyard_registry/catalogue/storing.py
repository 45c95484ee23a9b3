"""The catalogue in SQL: immutable releases by digest and the channels that point at them; begins no transaction.

What the files of the server say belongs to the tenant that the caller names: every row has one, and nothing is read
across tenants.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.canonical import digest as digest_of
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_registry.agents.repository import Repository
from toolyard_registry.catalogue import statements
from toolyard_registry.names import Reference, check_channel
from toolyard_registry.prompts import Prompt
from toolyard_registry.releases import AgentRelease, Policy, ToolRelease

Kind = Literal["agent", "prompt", "tool"]
KINDS: tuple[Kind, ...] = ("agent", "prompt", "tool")
Audit = Callable[[Transaction, AuditRecord], Awaitable[None]]
"""Adds a record to the audit log within the same transaction, at the end of what it holds about the same object."""

DRAFT = "draft"
MOST = 100
_TOOL_SEAL = ("spec", "source", "version")

Body = TypeVar("Body", bound=Struct)


class Channel(Struct, frozen=True):
    """A movable name for a release of something: `agent:support@production`."""

    kind: Kind
    name: str
    channel: str = DRAFT

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}@{self.channel}"


class Move(Struct, frozen=True):
    """One move of a channel: where to (an empty digest: withdrawn), when (UTC microseconds) and by whom."""

    seq: int
    digest: str
    moved_at: int
    moved_by: str


class Place(Struct, frozen=True):
    """Where a channel of something points now."""

    name: str
    digest: str


class _Head(Struct, frozen=True):
    """Where a channel is: its last move's number and digest."""

    seq: int = 0
    digest: str = ""


class CatalogueDamaged(Exception):
    """A stored release is not what its digest says: somebody has changed the database behind the catalogue's back."""


class Catalogue:
    """Writes releases and channels into the caller's transaction, and reads what has been committed."""

    def __init__(self, database: Database, clock: Clock, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def put_tool(self, tx: Transaction, tenant: str, release: ToolRelease) -> None:
        """Write a tool's release; one that is there stays as it is."""
        now, name = self._clock.now(), release.spec.name
        tx.write(statements.PUT_TOOL, (tenant, name, now))
        row = (tenant, release.digest, name, release.source, release.version, _encoded(release), now)
        tx.write(statements.PUT_TOOL_RELEASE, row)

    def put_prompt(self, tx: Transaction, tenant: str, prompt: Prompt) -> None:
        """Write a prompt's release; one that is there stays as it is."""
        bare = msgspec.structs.replace(prompt, path="", first_line=1)
        row = (tenant, prompt.digest, prompt.name, _encoded(bare), self._clock.now())
        tx.write(statements.PUT_PROMPT, row)

    def put_agent(self, tx: Transaction, tenant: str, release: AgentRelease) -> None:
        """Write an agent's release and those of its tools; what is there stays as it is."""
        for tool in release.tools:
            self.put_tool(tx, tenant, tool)
        model, policy = release.model, release.policy.digest
        row = (tenant, release.digest, release.name, model, policy, _encoded(release), self._clock.now())
        tx.write(statements.PUT_AGENT_RELEASE, row)

    async def move(self, tx: Transaction, tenant: str, actor: str, channel: Channel, digest: str) -> str:
        """Point a channel at a release ("" withdraws it) and return the digest it pointed at.

        A channel that is already there is left alone. The commit raises Conflict when somebody moves it meanwhile;
        NameInvalid when it cannot be a channel's name.
        """
        check_channel(channel.channel)
        rows = await self._database.read(statements.HEAD, {"tenant": tenant, **msgspec.structs.asdict(channel)})
        head = _Head(rows[0][3], rows[0][4]) if rows else _Head()
        await self._move(tx, (tenant, actor), channel, head, digest)
        return head.digest

    async def publish(
        self,
        tx: Transaction,
        tenant: str,
        actor: str,
        repository: Repository,
        *,
        channel: str = DRAFT,
        kinds: Collection[Kind] = KINDS,
    ) -> tuple[Channel, ...]:
        """Write what a repository's files say and make `channel` follow it; what is gone from the files is withdrawn.

        Only what is of these `kinds` has the channel: its moves stand in the tenant's audit log, by name. Returns the
        channels that moved, in order of kind and name.
        """
        wanted: dict[tuple[Kind, str], str] = {}
        for tool in repository.toolbox.releases.values():
            self.put_tool(tx, tenant, tool)
            wanted["tool", tool.spec.name] = tool.digest
        for prompt in repository.prompts.values():
            self.put_prompt(tx, tenant, prompt)
            wanted["prompt", prompt.name] = prompt.digest
        for agent in repository.agents.values():
            self.put_agent(tx, tenant, agent)
            wanted["agent", agent.name] = agent.digest
        keys = {"tenant": tenant, "channel": check_channel(channel)}
        rows = await self._database.read(statements.HEADS_OF_CHANNEL, keys)
        heads = {(row[0], row[1]): _Head(row[3], row[4]) for row in rows}
        moved = []
        for kind, name in sorted(heads.keys() | wanted.keys()):
            if kind not in kinds:
                continue
            one = Channel(kind, name, channel)
            head, digest = heads.get((kind, name), _Head()), wanted.get((kind, name), "")
            if await self._move(tx, (tenant, actor), one, head, digest):
                moved.append(one)
        return tuple(moved)

    async def _move(self, tx: Transaction, who: tuple[str, str], channel: Channel, head: _Head, digest: str) -> bool:
        if head.digest == digest:
            return False
        now, (tenant, actor) = self._clock.now(), who
        row = (tenant, channel.kind, channel.name, channel.channel, head.seq + 1, digest, now, actor)
        tx.write(statements.MOVE_CHANNEL, row, expect=1)
        await self._audit(tx, AuditRecord(now, tenant, actor, "channel.move", str(channel), head.digest, digest))
        return True

    async def agent(self, tenant: str, digest: str) -> AgentRelease | None:
        """Return an agent's release as it was written; raises CatalogueDamaged when it no longer is."""
        return await self._release(statements.AGENT_BODY, tenant, digest, AgentRelease)

    async def policy(self, tenant: str, digest: str) -> Policy | None:
        """Return a policy from a release of an agent that has it; raises CatalogueDamaged."""
        rows = await self._database.read(statements.HOLDER_OF_POLICY, {"tenant": tenant, "policy": digest})
        holder = await self.agent(tenant, rows[0][0]) if rows else None
        return holder.policy if holder is not None else None

    async def prompt(self, tenant: str, digest: str) -> Prompt | None:
        """Return a prompt's release as it was written, without its place in a file; raises CatalogueDamaged."""
        return await self._release(statements.PROMPT_BODY, tenant, digest, Prompt)

    async def tool(self, tenant: str, digest: str) -> ToolRelease | None:
        """Return a tool's release as it was written; raises CatalogueDamaged."""
        return await self._release(statements.TOOL_BODY, tenant, digest, ToolRelease)

    async def _release(self, statement: Any, tenant: str, digest: str, type_: type[Body]) -> Body | None:
        rows = await self._database.read(statement, {"tenant": tenant, "digest": digest})
        if not rows:
            return None
        body = rows[0][0]
        # The digest is checked over what is stored, not over what is decoded: a later version's record may have more
        # fields than the one that was sealed.
        stored = msgspec.json.decode(body)
        sealed = [stored.get(name) for name in _TOOL_SEAL] if type_ is ToolRelease else stored
        if type_ is not ToolRelease:
            del stored["digest"]
        if digest_of(sealed) != digest:
            raise CatalogueDamaged(f"the stored release {digest} is not what its digest says")
        return msgspec.json.decode(body, type=type_)

    async def resolve(self, tenant: str, kind: Kind, reference: Reference, channel: str = DRAFT) -> str | None:
        """Return the digest a reference names, by `channel` where it says nothing; None when there is no such thing.

        A version is a tool's: of several releases of one version (pinned differently) it means the newest. A range
        means something of what was published only, and nothing here.
        """
        keys = {"tenant": tenant, "name": reference.name}
        if reference.by == "digest":
            rows = await self._database.read(statements.NAMED[kind], {**keys, "digest": reference.value})
            return str(rows[0][0]) if rows else None
        if reference.by == "range":
            return None
        if reference.by == "version":
            if kind != "tool":
                return None
            rows = await self._database.read(statements.TOOL_VERSION, {**keys, "version": reference.value})
            return str(rows[0][0]) if rows else None
        wanted = reference.value or channel
        rows = await self._database.read(statements.HEAD, {**keys, "kind": kind, "channel": wanted})
        return str(rows[0][4]) or None if rows else None

    async def places(
        self, tenant: str, kind: Kind, channel: str = DRAFT, *, after: str = "", limit: int = MOST
    ) -> tuple[Place, ...]:
        """List where a channel points for everything of a kind, by name, at most 100."""
        keys = {"tenant": tenant, "kind": kind, "channel": channel, "after": after, "most": _most(limit)}
        rows = await self._database.read(statements.PLACES, keys)
        return tuple(Place(row[1], row[4]) for row in rows)

    async def heads(self, tenant: str, kind: Kind, name: str | None = None) -> tuple[tuple[str, str, str], ...]:
        """Return (name, channel, digest) of every channel of a kind that points somewhere, of one name where given."""
        keys = {"tenant": tenant, "kind": kind}
        if name is None:
            rows = await self._database.scan(statements.HEADS_OF_KIND, keys)
        else:
            rows = await self._database.read(statements.HEADS_OF_NAME, {**keys, "name": name})
        return tuple((row[1], row[2], row[4]) for row in rows if row[4])

    async def history(self, tenant: str, channel: Channel, *, after: int = 0, limit: int = MOST) -> tuple[Move, ...]:
        """List a channel's moves, oldest first, at most 100."""
        keys = {"tenant": tenant, **msgspec.structs.asdict(channel), "after": after, "most": _most(limit)}
        rows = await self._database.read(statements.HISTORY, keys)
        return tuple(Move(*row) for row in rows)


def _encoded(record: Struct) -> str:
    # Not the canonical form: the order of a schema's properties is the order in which a model reads them.
    return msgspec.json.encode(record).decode()


def _most(limit: int) -> int:
    return max(1, min(limit, MOST))
