"""What the catalogue keeps comes back as it was, by digest and by channel, to its own tenant only."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import TextClause, create_engine, text, update
from sqlalchemy.dialects.postgresql import psycopg
from toolyard_registry.agents.repository import Repository, load_repository
from toolyard_registry.catalogue import statements
from toolyard_registry.catalogue.storing import Catalogue, CatalogueDamaged, Channel
from toolyard_registry.catalogue.tables import METADATA
from toolyard_registry.names import NameInvalid, parse
from toolyard_registry.plugins import load_plugins
from toolyard_registry.toolbox.collecting import open_toolbox
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_sdk import Conflict
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.canonical import digest
from toolyard_sdk.ports import Transaction

from tests.registry.test_plugins import GOOD

AGENT = Channel("agent", "one")


class Ticking:
    """A clock that moves by one microsecond whenever it is asked."""

    def __init__(self) -> None:
        self.at = 0

    def now(self) -> int:
        self.at += 1
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the catalogue waits for nothing")


class Shelf:
    """A catalogue over a database of its own, with what was audited."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.database = database
        self.audited: list[AuditRecord] = []
        self.catalogue = Catalogue(database, Ticking(), self._audit)

    async def _audit(self, tx: Transaction, record: AuditRecord) -> None:
        self.audited.append(record)

    async def publish(self, repository: Repository, tenant: str = "t") -> list[str]:
        tx = self.database.begin()
        moved = await self.catalogue.publish(tx, tenant, "files", repository)
        await self.database.commit(tx)
        return [str(channel) for channel in moved]

    async def move(self, channel: Channel, digest: str, tenant: str = "t") -> str:
        tx = self.database.begin()
        old = await self.catalogue.move(tx, tenant, "ann", channel, digest)
        await self.database.commit(tx)
        return old


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    path = tmp_path / "toolyard.db"
    engine = create_engine(f"sqlite:///{path}")
    METADATA.create_all(engine)
    engine.dispose()
    database = SqliteDatabase(path)
    yield Shelf(database)
    await database.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("agents", "prompts", "policies", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "agents/one.toml").write_text('prompt = "plain"\ntools = ["add"]\npolicy = "p"\n[variables]\nv = "é"\n')
    (tmp_path / "prompts/plain.md").write_text("+++\n[variables.v]\ndefault = 'x'\n+++\nFirst {{v}}.\n")
    (tmp_path / "policies/p.toml").write_text('[[rule]]\nid = "a"\ndecision = "ask"\narguments = { a = "1" }\n')
    (tmp_path / "tools/sums.py").write_text(GOOD)
    return tmp_path


def load(root: Path) -> Repository:
    repository = load_repository(root, open_toolbox(root, plugins=load_plugins(points=())))
    assert repository.problems == ()
    return repository


async def test_what_is_published_is_read_back_equal(shelf: Shelf, root: Path) -> None:
    repository = load(root)
    moved = await shelf.publish(repository)
    assert moved == ["agent:one@draft", "prompt:plain@draft", "tool:add@draft"]
    agent, prompt, tool = repository.agents["one"], repository.prompts["plain"], repository.toolbox.releases["add"]
    assert await shelf.catalogue.agent("t", agent.digest) == agent
    assert await shelf.catalogue.tool("t", tool.digest) == tool
    assert await shelf.catalogue.prompt("t", prompt.digest) == msgspec.structs.replace(prompt, path="", first_line=1)


async def test_a_schema_keeps_the_order_in_which_the_model_reads_it(shelf: Shelf, root: Path) -> None:
    (root / "tools/sums.py").write_text(GOOD.replace("a: int, b: int", "z: int, a: int, b: int"))
    agent = load(root).agents["one"]
    await shelf.publish(load(root))
    stored = await shelf.catalogue.agent("t", agent.digest)
    assert msgspec.json.encode(stored) == msgspec.json.encode(agent)


async def test_publishing_again_changes_nothing_and_audits_nothing(shelf: Shelf, root: Path) -> None:
    await shelf.publish(load(root))
    audited = list(shelf.audited)
    counts = [select_count(name) for name in METADATA.tables]
    before = [await shelf.database.read(count) for count in counts]
    assert await shelf.publish(load(root)) == []
    assert shelf.audited == audited
    assert [await shelf.database.read(count) for count in counts] == before


def select_count(table: str) -> TextClause:
    return text(f"SELECT count(*) FROM {table}")


async def test_draft_follows_the_files_and_the_old_release_stays(shelf: Shelf, root: Path) -> None:
    first = load(root).agents["one"]
    await shelf.publish(load(root))
    (root / "prompts/plain.md").write_text("Second.\n")
    (root / "agents/one.toml").write_text('prompt = "plain"\n')
    second = load(root).agents["one"]
    assert await shelf.publish(load(root)) == ["agent:one@draft", "prompt:plain@draft"]
    assert await shelf.catalogue.resolve("t", "agent", parse("one")) == second.digest
    assert await shelf.catalogue.agent("t", first.digest) == first
    assert [move.digest for move in await shelf.catalogue.history("t", AGENT)] == [first.digest, second.digest]
    record = shelf.audited[-2]
    assert (record.action, record.object, record.actor) == ("channel.move", "agent:one@draft", "files")
    assert (record.old, record.new) == (first.digest, second.digest)


async def test_what_is_gone_from_the_files_is_withdrawn_and_may_come_back(shelf: Shelf, root: Path) -> None:
    agent = load(root).agents["one"]
    await shelf.publish(load(root))
    words = (root / "agents/one.toml").read_text()
    (root / "agents/one.toml").unlink()
    assert await shelf.publish(load(root)) == ["agent:one@draft"]
    assert await shelf.catalogue.resolve("t", "agent", parse("one")) is None
    assert await shelf.catalogue.places("t", "agent") == ()
    assert await shelf.catalogue.agent("t", agent.digest) == agent
    (root / "agents/one.toml").write_text(words)
    await shelf.publish(load(root))
    assert [move.digest for move in await shelf.catalogue.history("t", AGENT)] == [agent.digest, "", agent.digest]


async def test_a_reference_is_resolved_by_digest_version_and_channel(shelf: Shelf, root: Path) -> None:
    repository = load(root)
    await shelf.publish(repository)
    agent, tool = repository.agents["one"], repository.toolbox.releases["add"]
    assert await shelf.move(Channel("agent", "one", "production"), agent.digest) == ""
    resolve = shelf.catalogue.resolve
    assert await resolve("t", "agent", parse("one@production")) == agent.digest
    assert await resolve("t", "agent", parse("one@staging")) is None
    assert await resolve("t", "agent", parse(f"one@{agent.digest}")) == agent.digest
    assert await resolve("t", "agent", parse(f"two@{agent.digest}")) is None
    assert await resolve("t", "tool", parse(f"add@{tool.version}")) == tool.digest
    assert await resolve("t", "tool", parse("add@9.9")) is None
    assert await resolve("t", "agent", parse("one@1.0")) is None
    assert await resolve("t", "agent", parse("none")) is None


async def test_two_who_move_a_channel_at_once_cannot_both_succeed(shelf: Shelf, root: Path) -> None:
    agent = load(root).agents["one"]
    production = Channel("agent", "one", "production")
    one, other = shelf.database.begin(), shelf.database.begin()
    await shelf.catalogue.move(one, "t", "ann", production, agent.digest)
    await shelf.catalogue.move(other, "t", "bob", production, "sha256:other")
    await shelf.database.commit(one)
    with pytest.raises(Conflict):
        await shelf.database.commit(other)
    (move,) = await shelf.catalogue.history("t", production)
    assert (move.digest, move.moved_by) == (agent.digest, "ann")


async def test_moving_a_channel_to_where_it_is_writes_nothing(shelf: Shelf) -> None:
    assert await shelf.move(AGENT, "sha256:x") == ""
    assert await shelf.move(AGENT, "sha256:x") == "sha256:x"
    assert len(shelf.audited) == 1
    with pytest.raises(NameInvalid):
        await shelf.move(Channel("agent", "one", "1.0"), "sha256:x")


async def test_a_tenant_sees_nothing_of_another(shelf: Shelf, root: Path) -> None:
    repository = load(root)
    agent, tool = repository.agents["one"], repository.toolbox.releases["add"]
    await shelf.publish(repository, "t")
    catalogue = shelf.catalogue
    assert await catalogue.agent("u", agent.digest) is None
    assert await catalogue.prompt("u", repository.prompts["plain"].digest) is None
    assert await catalogue.tool("u", tool.digest) is None
    for reference in ("one", f"one@{agent.digest}"):
        assert await catalogue.resolve("u", "agent", parse(reference)) is None
    assert await catalogue.resolve("u", "tool", parse(f"add@{tool.version}")) is None
    assert await catalogue.places("u", "agent") == ()
    assert await catalogue.history("u", AGENT) == ()
    assert await shelf.move(AGENT, "sha256:u", "u") == ""
    assert await catalogue.resolve("t", "agent", parse("one")) == agent.digest
    assert len(await shelf.publish(repository, "v")) == 3


async def test_lists_go_on_after_a_place_and_never_hold_more_than_asked(shelf: Shelf) -> None:
    for name in ("c", "a", "b"):
        await shelf.move(Channel("agent", name), f"sha256:{name}")
    places = await shelf.catalogue.places("t", "agent", limit=2)
    assert [place.name for place in places] == ["a", "b"]
    assert [place.digest for place in await shelf.catalogue.places("t", "agent", after="b")] == ["sha256:c"]
    await shelf.move(Channel("agent", "a"), "sha256:2")
    (move,) = await shelf.catalogue.history("t", Channel("agent", "a"), after=1, limit=0)
    assert (move.seq, move.digest, move.moved_by) == (2, "sha256:2", "ann")


@pytest.mark.parametrize("kind", ["agent", "tool", "prompt"])
async def test_a_release_that_was_changed_in_the_database_is_not_handed_out(
    shelf: Shelf, root: Path, kind: str
) -> None:
    repository = load(root)
    await shelf.publish(repository)
    table, name, read = {
        "agent": (statements.AGENT_RELEASE, repository.agents["one"].digest, shelf.catalogue.agent),
        "tool": (statements.TOOL_RELEASE, repository.toolbox.releases["add"].digest, shelf.catalogue.tool),
        "prompt": (statements.PROMPT, repository.prompts["plain"].digest, shelf.catalogue.prompt),
    }[kind]
    stored = await read("t", name)
    changed = msgspec.json.encode(stored).decode().replace("First", "Last").replace("Add two", "Destroy two")
    tx = shelf.database.begin()
    tx.write(update(table).values(body=changed).where(table.c.digest == name), (changed, name), expect=1)
    await shelf.database.commit(tx)
    with pytest.raises(CatalogueDamaged, match=name):
        await read("t", name)


async def test_a_release_of_a_version_with_more_fields_is_still_whole(shelf: Shelf, root: Path) -> None:
    agent = load(root).agents["one"]
    later = {**msgspec.to_builtins(agent), "colour": "green"}
    del later["digest"]
    sealed = {**later, "digest": digest(later)}
    tx = shelf.database.begin()
    row = ("t", sealed["digest"], "one", "", "", msgspec.json.encode(sealed).decode(), 1)
    tx.write(statements.PUT_AGENT_RELEASE, row)
    await shelf.database.commit(tx)
    stored = await shelf.catalogue.agent("t", sealed["digest"])
    assert stored == msgspec.structs.replace(agent, digest=sealed["digest"])


@pytest.mark.parametrize("name", ["PUT_TOOL", "PUT_TOOL_RELEASE", "PUT_PROMPT", "PUT_AGENT_RELEASE", "MOVE_CHANNEL"])
def test_a_write_tells_postgres_the_type_of_every_value(name: str) -> None:
    dialect = psycopg.dialect()  # type: ignore[no-untyped-call]  # its stubs are incomplete
    written = str(getattr(statements, name).compile(dialect=dialect))
    assert written.count("%(") > 3
    assert re.sub(r"%\(\w+\)s::(VARCHAR|BIGINT)", "", written).count("%(") == 0
