"""Publishes a wheel's tools: looks at everything first, then writes all of it or nothing; knows no route and no run.

The order is that of what is cheapest to find wrong: who may, what was signed, what the wheel says of itself, each
tool's definition, what was published before, and whether callers could still call it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Clock, Database

from toolyard_registry.catalogue.publications import Publications
from toolyard_registry.catalogue.storing import Catalogue, Channel
from toolyard_registry.published.records import USABLE, Publication, Published, State
from toolyard_registry.published.wheels import Wheel, WheelStore
from toolyard_registry.publishing.lookalikes import Flag, flags_of
from toolyard_registry.publishing.requirements import (
    before_of,
    channel_of,
    check_definition,
    check_names,
    must_be_the_same,
    must_be_the_same_signer,
    must_be_what_was_signed,
    must_go_on,
    must_not_break,
    must_not_deceive,
    must_not_go_by_anothers_name,
    must_not_take_over,
    must_register_what_it_says,
    signed_by_author,
    version_of,
    wheel_of,
)
from toolyard_registry.publishing.submissions import (
    PublishedTool,
    Publisher,
    PublishRefused,
    Replay,
    Submission,
    Unchecked,
)
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_registry.rights import HOUSE
from toolyard_registry.schemas.compatibility import Verdict, compare
from toolyard_registry.toolbox.owners import Owners


class _Tool(Struct, frozen=True):
    """A tool on its way: its release, what is there of it, and what was found out."""

    release: ToolRelease
    before: Published | None
    same: Published | None
    verdict: Verdict
    flags: tuple[Flag, ...]
    replay: Replay | None


Replaying = Callable[[str, str, ToolSpec], Awaitable[Replay]]
"""`replay(tenant, name, spec)` tries the tenant's recorded calls of a tool against a new definition."""

Confusing = Callable[[Publisher, Sequence[ToolSpec]], Awaitable[Mapping[str, Sequence[str]]]]
"""`confusable(who, specs)` names for each definition what agents would take for it, among what its publisher sees."""

Checking = Callable[[Path], Awaitable[Sequence[ToolSpec] | Unchecked]]
"""`check(wheel)` loads a wheel where it can do no harm and returns its definitions, or why that cannot be done."""


async def no_replay(_tenant: str, _name: str, _spec: ToolSpec) -> Replay:
    """Replay nothing."""
    return Replay()


async def no_confusion(_who: Publisher, _specs: Sequence[ToolSpec]) -> Mapping[str, Sequence[str]]:
    """Take nothing for anything else."""
    return {}


async def no_check(_wheel: Path) -> Unchecked:
    """Believe the manifest."""
    return Unchecked("this server loads no wheel that is published ([environments] check_published)")


class Publishing:
    """Publishes what authors submit; `known` are the tools that are there by other ways, by name.

    `owners` have the names by which settings and ways out are granted.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        publications: Publications,
        wheels: WheelStore,
        clock: Clock,
        *,
        known: Callable[[], Mapping[str, ToolRelease]] = dict,
        owners: Callable[[], Owners] = dict,
        confusable: Confusing = no_confusion,
        replay: Replaying = no_replay,
        check: Checking = no_check,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._publications = publications
        self._wheels = wheels
        self._clock = clock
        self._known = known
        self._owners = owners
        self._confusable = confusable
        self._replay = replay
        self._check = check
        self._turn = asyncio.Lock()
        self._written = 0

    async def publish(self, who: Publisher, submission: Submission) -> tuple[PublishedTool, ...]:
        """Publish every tool of a wheel, or none; raises PublishRefused, and Conflict where another node was faster."""
        manifest = submission.manifest
        version = version_of(manifest)
        if submission.force and not who.operator:
            raise PublishRefused("missing_role", "only an operator may force what is refused", "force")
        channel = channel_of(submission, version)
        check_names(who, manifest)
        statement = signed_by_author(submission.envelope)
        wheel = await asyncio.to_thread(wheel_of, submission)
        must_be_what_was_signed(submission, statement, wheel.sha256)
        seen = self._written
        tools = await self._look_at_all(who, submission, wheel)
        if all(tool.same is not None for tool in tools):
            return self._all_there(tools)
        path = await asyncio.to_thread(self._wheels.put, wheel.sha256, manifest.file, submission.wheel)
        checked = await self._check(path)
        unchecked = checked.why if isinstance(checked, Unchecked) else ""
        if not isinstance(checked, Unchecked):
            must_register_what_it_says(manifest.tools, checked)
        async with self._turn:
            if self._written != seen:  # what has come since may be higher, of another signer, or the very same
                tools = await self._look_at_all(who, submission, wheel)
                if all(tool.same is not None for tool in tools):
                    return self._all_there(tools)
            done = await self._write(who, submission, tools, channel, wheel=wheel, unchecked=unchecked)
            self._written += 1
        return done

    async def _look_at_all(self, who: Publisher, submission: Submission, wheel: Wheel) -> list[_Tool]:
        specs = submission.manifest.tools
        known = self._known_to(who)
        taken = {*await self._publications.names(who.tenant), *known, *(spec.name for spec in specs)}
        tools = [await self._look(who, submission, spec, known, taken) for spec in specs]
        if not submission.force and any(tool.same is None for tool in tools):
            signers = await self._publications.plugins(who.tenant)
            must_not_go_by_anothers_name(who, wheel, submission.envelope.signer, self._owners(), signers)
        return tools

    def _known_to(self, who: Publisher) -> Mapping[str, ToolRelease]:
        """Return the tools that are there by other ways: for the house all, since its agents take names from both."""
        known = self._known()
        return known if who.tenant == HOUSE else {name: one for name, one in known.items() if who.sees(name)}

    def _all_there(self, tools: Sequence[_Tool]) -> tuple[PublishedTool, ...]:
        return tuple(self._told(tool, tool.same.standing.state, new=False) for tool in tools if tool.same)

    async def _look(
        self,
        who: Publisher,
        submission: Submission,
        spec: ToolSpec,
        known: Mapping[str, ToolRelease],
        taken: Collection[str],
    ) -> _Tool:
        """Find out all there is to say about one tool; raises PublishRefused."""
        manifest = submission.manifest
        release = tool_release(spec, manifest.distribution, manifest.version)
        own = await self._publications.of_name(who.tenant, spec.name)
        same = next((one for one in own if one.publication.version == manifest.version), None)
        if same is not None:
            must_be_the_same(release, same, submission)
            return _Tool(release, None, same, Verdict(), (), None)
        check_definition(spec)
        flags = await asyncio.to_thread(flags_of, spec, [name for name in taken if name != spec.name])
        before = before_of(own)
        verdict, replay = Verdict(), None
        if before is not None:
            verdict = await asyncio.to_thread(compare, before.release.spec, spec)
            replay = await self._replay(who.tenant, spec.name, spec)
        if not submission.force:
            must_go_on(spec.name, manifest.version, own)
            must_be_the_same_signer(spec.name, submission.envelope, before)
            must_not_deceive(flags)
            if not own:
                must_not_take_over(spec.name, manifest.distribution, known.get(spec.name))
            if before is not None:
                must_not_break(spec.name, manifest.version, before, verdict, replay)
        return _Tool(release, before, None, verdict, flags, replay)

    async def _write(
        self,
        who: Publisher,
        submission: Submission,
        tools: Sequence[_Tool],
        channel: str,
        *,
        wheel: Wheel,
        unchecked: str,
    ) -> tuple[PublishedTool, ...]:
        alike = await self._confusable(who, [tool.release.spec for tool in tools if tool.same is None])
        tx, now = self._database.begin(), self._clock.now()
        done = []
        for tool in tools:
            if tool.same is not None:
                done.append(self._told(tool, tool.same.standing.state, new=False))
                continue
            state, message = _state(who, submission, tool)
            publication = Publication(
                name=tool.release.spec.name,
                version=tool.release.version,
                digest=tool.release.digest,
                source=tool.release.source,
                publisher=who.key,
                wheel=wheel.sha256,
                file=submission.manifest.file,
                envelope=submission.envelope,
                checked="manifest" if unchecked else "wheel",
                bump=tool.verdict.bump,
                forced=submission.force,
                warnings=tuple(flag.words for flag in tool.flags),
                published_at=now,
                unchecked=unchecked,
                plugins=tuple(wheel.plugins),
            )
            self._catalogue.put_tool(tx, who.tenant, tool.release)
            await self._publications.add(tx, who.tenant, publication, state, message)
            if state in USABLE:
                place = Channel("tool", tool.release.spec.name, channel)
                await self._catalogue.move(tx, who.tenant, who.key, place, tool.release.digest)
            done.append(self._told(tool, state, alike.get(tool.release.spec.name, ()), unchecked, new=True))
        await self._database.commit(tx, "full")
        return tuple(done)

    def _told(
        self, tool: _Tool, state: State, alike: Sequence[str] = (), unchecked: str = "", *, new: bool
    ) -> PublishedTool:
        return PublishedTool(
            name=tool.release.spec.name,
            version=tool.release.version,
            digest=tool.release.digest,
            state=state,
            bump=tool.verdict.bump,
            changes=tool.verdict.changes,
            flags=tool.flags,
            confusable=tuple(alike),
            replay=tool.replay,
            new=new,
            unchecked=tool.same.publication.unchecked if tool.same is not None else unchecked,
        )


def _state(who: Publisher, submission: Submission, tool: _Tool) -> tuple[State, str]:
    """Return how a release begins: an author ends a draft, and no wait for an operator."""
    told = next((flag for flag in tool.flags if flag.kind == "instructs"), None)
    if told is not None and not who.operator:
        return "quarantined", told.words
    return ("draft" if submission.draft else "active"), ""
