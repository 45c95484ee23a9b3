"""The registry of one server: what is published, in SQL and in memory, which follows it; knows no route and no run."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from toolyard_registry.agents.repository import Repository
from toolyard_registry.agents.rights_file import RightsFile
from toolyard_registry.catalogue.definitions import Definitions
from toolyard_registry.catalogue.publications import Publications
from toolyard_registry.catalogue.storing import DRAFT, Catalogue, Channel
from toolyard_registry.catalogue.yanks import Yanks
from toolyard_registry.published.records import Standing as ReleaseStanding
from toolyard_registry.published.records import State
from toolyard_registry.published.shelf import Shelf
from toolyard_registry.published.wheels import WheelStore
from toolyard_registry.publishing.confusions import Nearness, all_confusable, own, said_by
from toolyard_registry.publishing.publishing import Checking, Publishing, Replaying, no_check, no_replay
from toolyard_registry.publishing.submissions import PublishedTool, Publisher, Submission
from toolyard_registry.releases import ToolRelease
from toolyard_registry.rights import HOUSE, Rights
from toolyard_registry.search.documents import document
from toolyard_registry.toolbox.owners import Owners
from toolyard_registry.toolbox.pins import Changed, Pins, Standing
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_runtime.run.meanings import Meanings
from toolyard_runtime.run.sights import Sights
from toolyard_runtime.store import audit

WHEELS = "wheels"
SERVER = "server"
"""Who admits what is there at first, in the audit log."""

TRIALS = 200
"""Searches by people's requests that one submission is worth: each takes some milliseconds among 10,000 tools."""

Requests = Callable[[str], Awaitable[Sequence[str]]]
"""Returns what people of a tenant have asked for lately."""

_log = logging.getLogger("toolyard.registry")


async def no_requests(_tenant: str) -> tuple[str, ...]:
    """Know of none."""
    return ()


async def _nearness(
    meanings: Meanings, specs: Sequence[ToolSpec], others: Sequence[tuple[ToolSpec, str]], asked: Sequence[str]
) -> Nearness:
    """Return what vectors say is near new tools' words and people's requests, the new tools among the others."""
    documents = {other.name: document(other, origin) for other, origin in others}
    documents |= {own(spec.name): document(spec, "") for spec in specs}
    return await meanings.among(documents, list(dict.fromkeys([*map(said_by, specs), *asked])))


class Registry:
    """What is published on this server. `shelf` holds what the server's own agents may name, `yanks` what nobody may.

    Everything in memory is changed only once the database has it.
    """

    def __init__(self, database: Database, clock: Clock, repository: Path, state_dir: Path) -> None:
        self.catalogue = Catalogue(database, clock, self._record_move)
        self.shelf = Shelf()
        self.yanks = Yanks()
        self.wheels = WheelStore(state_dir / WHEELS)
        self.pins = Pins()
        self.changed: tuple[Changed, ...] = ()
        self.publications = Publications(database, clock, self._record)
        self._definitions = Definitions(database, self.catalogue, clock, self._record)
        self._rights = RightsFile(repository)
        self.sights = Sights(self.rights, clock.now)
        self._database = database
        self._clock = clock
        self._shelves = {HOUSE: self.shelf}
        self._publishing = Publishing(database, self.catalogue, self.publications, self.wheels, clock)

    async def open(self) -> None:
        """Read what was published before the server started."""
        await self._fill(HOUSE, self.shelf)
        await self.yanks.load(self.publications)
        self.pins.learn(await self._definitions.all(HOUSE))

    async def sighted(self, repository: Repository) -> None:
        """Write down which definitions are new, and remember which of them are other than those that were admitted."""
        self.changed = repository.changed
        if not repository.news:
            return
        tx = self._database.begin()
        written = []
        for one in repository.news:
            admitted = self.pins.admitted(one.place)
            before = admitted.digest if admitted is not None else ""
            written.append(await self._definitions.add(tx, HOUSE, SERVER, one.release, one.standing, before))
        await self._database.commit(tx, "full")
        self.pins.note(written)
        for one in repository.news:
            if one.standing == "quarantined":
                _log.warning(
                    "%s of %s has changed and waits for an operator", one.release.spec.name, one.release.source
                )

    async def decide(self, actor: str, changed: Changed, standing: Standing) -> None:
        """Admit or reject a definition that waits; agents are read again. Raises Conflict."""
        tx = self._database.begin()
        decided = await self._definitions.add(tx, HOUSE, actor, changed.presented, standing, changed.admitted.digest)
        await self._database.commit(tx, "full")
        self.pins.learn([decided])

    def judge_by(
        self,
        *,
        installed: Callable[[], Mapping[str, ToolRelease]],
        owners: Callable[[], Owners] = dict,
        replay: Replaying = no_replay,
        check: Checking = no_check,
        requests: Requests = no_requests,
        meanings: Meanings | None = None,
    ) -> None:
        """Say what publishing looks at beside the catalogue: the tools and names there are, recorded calls, the wheel.

        `requests` returns what people of a tenant have asked for lately, the newest first; `meanings` has vectors tell
        what is alike, too.
        """

        async def alike(who: Publisher, specs: Sequence[ToolSpec]) -> Mapping[str, Sequence[str]]:
            there = {name: release for name, release in installed().items() if who.sees(name)}
            shelf = self._shelves[who.tenant]
            published = (shelf.release(shelf.entries(name)[0]) for name in shelf.names())
            there |= {release.spec.name: release for release in published}
            others = [(release.spec, release.source) for release in there.values()]
            asked = (await requests(who.tenant))[: max(TRIALS // max(len(specs), 1), 1)]
            near = await _nearness(meanings, specs, others, asked) if meanings is not None else {}
            return await asyncio.to_thread(all_confusable, specs, "", others, asked, near)

        self._publishing = Publishing(
            self._database,
            self.catalogue,
            self.publications,
            self.wheels,
            self._clock,
            known=installed,
            owners=owners,
            confusable=alike,
            replay=replay,
            check=check,
        )

    def rights(self) -> Rights:
        """Return who may publish what, as the file says now."""
        return self._rights.current

    @property
    def rights_problem(self) -> ConfigError | None:
        """What is wrong with the file of rights as it is now; while there is something, nobody has any."""
        self._rights.current  # noqa: B018 - it is read again where it has changed
        return self._rights.problem

    async def publish(self, who: Publisher, submission: Submission) -> tuple[PublishedTool, ...]:
        """Publish a wheel's tools; raises PublishRefused and Conflict."""
        await self.shelf_of(who.tenant)
        done = await self._publishing.publish(who, submission)
        for tool in done:
            await self._refresh(who.tenant, tool.name)
        return done

    async def stand(
        self, tenant: str, actor: str, release: tuple[str, str], state: State, message: str = ""
    ) -> ReleaseStanding:
        """Change how a release stands; in force everywhere once this returns. Raises Conflict."""
        tx = self._database.begin()
        standing = await self.publications.stand(tx, tenant, actor, release, state, message)
        await self._database.commit(tx, "full")
        self.yanks.note(tenant, *release, standing)
        await self._refresh(tenant, release[0])
        return standing

    async def move(self, tenant: str, actor: str, channel: Channel, digest: str) -> str:
        """Point a tool's channel at a release; returns what it pointed at. Raises Conflict and NameInvalid."""
        tx = self._database.begin()
        before = await self.catalogue.move(tx, tenant, actor, channel, digest)
        await self._database.commit(tx, "full")
        await self._refresh(tenant, channel.name)
        return before

    async def shelf_of(self, tenant: str) -> Shelf:
        """Return what a tenant has published."""
        shelf = self._shelves.get(tenant)
        if shelf is None:
            shelf = Shelf()
            await self._fill(tenant, shelf)
            shelf = self._shelves.setdefault(tenant, shelf)
        return shelf

    async def _fill(self, tenant: str, shelf: Shelf) -> None:
        shelf.fill(await self.publications.of_tenant(tenant))
        for name, channel, digest in await self.catalogue.heads(tenant, "tool"):
            if channel != DRAFT:
                shelf.point(name, channel, digest)

    async def _refresh(self, tenant: str, name: str) -> None:
        """Bring what is in memory of one name up to what was committed."""
        shelf = await self.shelf_of(tenant)
        shelf.fill(await self.publications.of_name(tenant, name))
        heads = {channel: digest for _, channel, digest in await self.catalogue.heads(tenant, "tool", name)}
        for channel in {*shelf.channels(name), *heads} - {DRAFT}:
            shelf.point(name, channel, heads.get(channel, ""))

    async def _record_move(self, tx: Transaction, entry: AuditRecord) -> None:
        await audit.record(self._database, tx, f"channel:{entry.tenant}:{entry.object}", entry)

    async def _record(self, tx: Transaction, entry: AuditRecord) -> None:
        await audit.record(self._database, tx, f"tool:{entry.tenant}:{entry.object}", entry)


async def open_registry(database: Database, clock: Clock, repository: Path, state_dir: Path) -> Registry:
    """Return the registry of a server, with what was published before it started."""
    registry = Registry(database, clock, repository, state_dir)
    await registry.open()
    return registry
