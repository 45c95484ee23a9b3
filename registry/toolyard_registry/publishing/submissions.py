"""Publishes a wheel's tools: looks at everything first, then writes all of it or nothing; knows no route and no run.

The order is that of what is cheapest to find wrong: who may, what was signed, what the wheel says of itself, each
tool's definition, what was published before, and whether callers could still call it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Clock, Database

from toolyard_registry.catalogue.publications import Publications
from toolyard_registry.catalogue.storing import DRAFT, Catalogue, Channel
from toolyard_registry.names import RESERVED, NameInvalid, check_channel, check_name
from toolyard_registry.published.records import USABLE, Publication, Published, State
from toolyard_registry.published.shelf import STABLE
from toolyard_registry.published.signing import Envelope, SignatureInvalid, Statement, verify
from toolyard_registry.published.wheels import WheelRefused, WheelStore, inspect_wheel, normal_name
from toolyard_registry.publishing.lookalikes import Flag, flags_of
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_registry.schemas.checking import SchemaInvalid, compile_schema
from toolyard_registry.schemas.compatibility import Change, Verdict, compare
from toolyard_registry.schemas.differences import spec_differences
from toolyard_registry.versions import Bump, Version, at_least, bump_of, least_after, read_version

NEXT = "next"
"""The channel that a pre-release moves in place of `stable`."""

_MOST_TOOLS = 500
_MOST_DEFINITION = 64 * 1024
"""Bytes of one definition as JSON: a model reads it in every turn."""

_SHOWN = 5


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What its author's machine says of a wheel: the distribution, and the definitions its plugins register."""

    distribution: str
    version: str
    file: str
    tools: tuple[ToolSpec, ...]


class Submission(Struct, frozen=True, forbid_unknown_fields=True):
    """A wheel to publish; `channel` is moved to it ("" for `stable`, or `next` for a pre-release)."""

    manifest: Manifest
    envelope: Envelope
    wheel: bytes
    channel: str = ""
    draft: bool = False
    force: bool = False


class Replay(Struct, frozen=True):
    """How recorded calls fare with a new input schema: `example` is one that would fail, in words."""

    calls: int = 0
    failing: int = 0
    skipped: int = 0
    days: int = 0
    example: str = ""

    def __str__(self) -> str:
        said = f"{self.failing} of {self.calls} recorded calls would fail"
        return f"{said}, e.g. {self.example}" if self.example else said


class Publisher(Struct, frozen=True):
    """Who publishes: the tenant, the key's id, whether it is an operator's, and which names it may use."""

    tenant: str
    key: str
    operator: bool
    may: Callable[[str], bool]


class PublishedTool(Struct, frozen=True):
    """What became of one tool: its release, what the change asked for and why, and what to look at."""

    name: str
    version: str
    digest: str
    state: State
    bump: Bump
    changes: tuple[Change, ...]
    flags: tuple[Flag, ...]
    confusable: tuple[str, ...]
    replay: Replay | None
    new: bool = True


class PublishRefused(ValueError):
    """A submission that is not published: `code` is a stable word, `field` what of it is wrong."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field


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

Confusing = Callable[[str, Sequence[ToolSpec]], Awaitable[Mapping[str, Sequence[str]]]]
"""`confusable(tenant, specs)` names for each definition what agents would take for it, among what the tenant has."""

Checking = Callable[[Path], Awaitable[Sequence[ToolSpec] | None]]
"""`check(wheel)` loads a wheel where it can do no harm and returns its definitions, None where that cannot be done."""


async def no_replay(_tenant: str, _name: str, _spec: ToolSpec) -> Replay:
    """Replay nothing."""
    return Replay()


async def no_confusion(_tenant: str, _specs: Sequence[ToolSpec]) -> Mapping[str, Sequence[str]]:
    """Take nothing for anything else."""
    return {}


async def no_check(_wheel: Path) -> None:
    """Believe the manifest."""


class Publishing:
    """Publishes what authors submit; `known` are the tools that are there by other ways, by name."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        publications: Publications,
        wheels: WheelStore,
        clock: Clock,
        *,
        known: Callable[[], Mapping[str, ToolRelease]] = dict,
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
        self._confusable = confusable
        self._replay = replay
        self._check = check
        self._turn = asyncio.Lock()
        self._written = 0

    async def publish(self, who: Publisher, submission: Submission) -> tuple[PublishedTool, ...]:
        """Publish every tool of a wheel, or none; raises PublishRefused, and Conflict where another node was faster."""
        manifest = submission.manifest
        version = _version(manifest)
        if submission.force and not who.operator:
            raise PublishRefused("missing_role", "only an operator may force what is refused", "force")
        channel = _channel(submission, version)
        _check_names(who, manifest)
        statement = _signed(submission.envelope)
        wheel = await asyncio.to_thread(_opened, submission)
        _same_things(submission, statement, wheel)
        seen = self._written
        tools = await self._look_at_all(who, submission)
        if all(tool.same is not None for tool in tools):
            return self._all_there(tools)
        path = await asyncio.to_thread(self._wheels.put, wheel, manifest.file, submission.wheel)
        checked = await self._check(path)
        if checked is not None:
            _same_definitions(manifest.tools, checked)
        async with self._turn:
            if self._written != seen:  # what has come since may be higher, of another signer, or the very same
                tools = await self._look_at_all(who, submission)
                if all(tool.same is not None for tool in tools):
                    return self._all_there(tools)
            done = await self._write(who, submission, tools, channel, wheel=wheel, checked=checked is not None)
            self._written += 1
        return done

    async def _look_at_all(self, who: Publisher, submission: Submission) -> list[_Tool]:
        specs = submission.manifest.tools
        taken = {*await self._publications.names(who.tenant), *self._known(), *(spec.name for spec in specs)}
        return [await self._look(who, submission, spec, taken) for spec in specs]

    def _all_there(self, tools: Sequence[_Tool]) -> tuple[PublishedTool, ...]:
        return tuple(self._told(tool, tool.same.standing.state, new=False) for tool in tools if tool.same)

    async def _look(self, who: Publisher, submission: Submission, spec: ToolSpec, taken: Collection[str]) -> _Tool:
        """Find out all there is to say about one tool; raises PublishRefused."""
        manifest = submission.manifest
        release = tool_release(spec, manifest.distribution, manifest.version)
        own = await self._publications.of_name(who.tenant, spec.name)
        same = next((one for one in own if one.publication.version == manifest.version), None)
        if same is not None:
            _must_be_the_same(release, same, submission)
            return _Tool(release, None, same, Verdict(), (), None)
        _check_schemas(spec)
        flags = await asyncio.to_thread(flags_of, spec, [name for name in taken if name != spec.name])
        before = _before(own)
        verdict, replay = Verdict(), None
        if before is not None:
            verdict = compare(before.release.spec, spec)
            replay = await self._replay(who.tenant, spec.name, spec)
        if not submission.force:
            _must_go_on(spec.name, manifest.version, own)
            _must_be_the_same_signer(spec.name, submission.envelope, before)
            _must_not_deceive(flags)
            if not own:
                _must_not_take_over(spec.name, manifest.distribution, self._known().get(spec.name))
            if before is not None:
                _must_not_break(spec.name, manifest.version, before, verdict, replay)
        return _Tool(release, before, None, verdict, flags, replay)

    async def _write(
        self, who: Publisher, submission: Submission, tools: Sequence[_Tool], channel: str, *, wheel: str, checked: bool
    ) -> tuple[PublishedTool, ...]:
        alike = await self._confusable(who.tenant, [tool.release.spec for tool in tools if tool.same is None])
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
                wheel=wheel,
                file=submission.manifest.file,
                envelope=submission.envelope,
                checked="wheel" if checked else "manifest",
                bump=tool.verdict.bump,
                forced=submission.force,
                warnings=tuple(flag.words for flag in tool.flags),
                published_at=now,
            )
            self._catalogue.put_tool(tx, who.tenant, tool.release)
            await self._publications.add(tx, who.tenant, publication, state, message)
            if state in USABLE:
                place = Channel("tool", tool.release.spec.name, channel)
                await self._catalogue.move(tx, who.tenant, who.key, place, tool.release.digest)
            done.append(self._told(tool, state, alike.get(tool.release.spec.name, ()), new=True))
        await self._database.commit(tx, "full")
        return tuple(done)

    def _told(self, tool: _Tool, state: State, alike: Sequence[str] = (), *, new: bool) -> PublishedTool:
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
        )


def _version(manifest: Manifest) -> Version:
    version = read_version(manifest.version)
    if version is None:
        message = f"{manifest.version[:80]!r} is no semantic version: write it as 1.4.2, or 1.5.0rc1 for a pre-release"
        raise PublishRefused("invalid_version", message, "manifest.version")
    return version


def _channel(submission: Submission, version: Version) -> str:
    channel = submission.channel or (STABLE if version.final else NEXT)
    try:
        check_channel(channel)
    except NameInvalid as error:
        raise PublishRefused("invalid_value", str(error), "channel") from error
    if channel == DRAFT:
        message = f"the channel `{DRAFT}` follows the server's files; choose another one"
        raise PublishRefused("invalid_value", message, "channel")
    return channel


def _check_names(who: Publisher, manifest: Manifest) -> None:
    names = [spec.name for spec in manifest.tools]
    if not names or len(names) > _MOST_TOOLS:
        message = f"a wheel holds 1 to {_MOST_TOOLS} tools, and this one {len(names)}"
        raise PublishRefused("invalid_value", message, "manifest.tools")
    for index, name in enumerate(names):
        field = f"manifest.tools[{index}].name"
        try:
            check_name(name, "tool name")
        except NameInvalid as error:
            raise PublishRefused("invalid_name", str(error), field) from error
        if name.lower() in RESERVED:
            raise PublishRefused("invalid_name", f"the name `{name}` is the server's own; choose another one", field)
        if names.count(name) > 1:
            raise PublishRefused("invalid_name", f"the wheel holds two tools named `{name}`", field)
        if not who.may(name):
            raise PublishRefused("missing_role", f"this key may not publish `{name}`; rights.toml says who may", field)


def _signed(envelope: Envelope) -> Statement:
    try:
        return verify(envelope)
    except SignatureInvalid as error:
        raise PublishRefused("invalid_signature", str(error), "envelope") from error


def _opened(submission: Submission) -> str:
    """Read the wheel and return its hash; raises PublishRefused unless it is the manifest's."""
    manifest = submission.manifest
    try:
        wheel = inspect_wheel(submission.wheel, manifest.file)
    except WheelRefused as error:
        raise PublishRefused("invalid_wheel", str(error), "wheel") from error
    if (wheel.name, wheel.version) != (manifest.distribution, manifest.version):
        message = (
            f"the wheel is {wheel.name} {wheel.version}, the manifest says {manifest.distribution} {manifest.version}"
        )
        raise PublishRefused("invalid_wheel", message, "manifest.distribution")
    return wheel.sha256


def _same_things(submission: Submission, statement: Statement, sha256: str) -> None:
    """Compare what was signed with what was sent."""
    manifest = submission.manifest
    if statement.wheel != f"sha256:{sha256}":
        message = f"the wheel's hash is sha256:{sha256}, and {statement.wheel[:80]} was signed"
        raise PublishRefused("hash_differs", message, "wheel")
    named = normal_name(statement.distribution), statement.version
    if named != (normal_name(manifest.distribution), manifest.version):
        message = f"{statement.distribution} {statement.version} was signed, not what the manifest says"
        raise PublishRefused("invalid_signature", message, "envelope")
    signed = {tool.name: tool.digest for tool in statement.tools}
    sent = {spec.name: tool_release(spec, manifest.distribution, manifest.version).digest for spec in manifest.tools}
    if signed != sent:
        other = sorted(name for name in signed.keys() | sent.keys() if signed.get(name) != sent.get(name))
        message = f"the definitions of {', '.join(other[:_SHOWN])} are not those that were signed"
        raise PublishRefused("invalid_signature", message, "manifest.tools")


def _same_definitions(said: Sequence[ToolSpec], found: Sequence[ToolSpec]) -> None:
    """Compare the manifest's definitions with those that the wheel registers."""
    by_name = {spec.name: spec for spec in found}
    for spec in said:
        other = by_name.pop(spec.name, None)
        if other is None:
            raise PublishRefused("manifest_differs", f"the wheel registers no tool `{spec.name}`", "manifest.tools")
        apart = spec_differences(spec, other)
        if apart:
            message = f"the wheel's `{spec.name}` is not what the manifest says: {apart[0]}"
            raise PublishRefused("manifest_differs", message, "manifest.tools")
    if by_name:
        message = f"the wheel also registers {', '.join(sorted(by_name)[:_SHOWN])}, which the manifest leaves out"
        raise PublishRefused("manifest_differs", message, "manifest.tools")


def _check_schemas(spec: ToolSpec) -> None:
    size = len(msgspec.json.encode(spec))
    if size > _MOST_DEFINITION:
        message = (
            f"the definition of `{spec.name}` has {size} bytes, and a model reads it in every turn; "
            f"at most {_MOST_DEFINITION} are taken"
        )
        raise PublishRefused("invalid_schema", message, "manifest.tools")
    for field, schema in (("input_schema", spec.input_schema), ("output_schema", spec.output_schema)):
        if schema is None:
            continue
        try:
            compile_schema(schema)
        except SchemaInvalid as error:
            raise PublishRefused("invalid_schema", f"the {field} of `{spec.name}`: {error}", field) from error
    if spec.input_schema.get("type") != "object":
        message = f'the input_schema of `{spec.name}` must have "type": "object": arguments are one'
        raise PublishRefused("invalid_schema", message, "input_schema")
    if not spec.description.strip():
        message = f"`{spec.name}` has no description: a model chooses tools by it"
        raise PublishRefused("invalid_schema", message, "description")


def _must_be_the_same(release: ToolRelease, there: Published, submission: Submission) -> None:
    one = there.publication
    name = f"{one.name}@{one.version}"
    if one.digest != release.digest:
        apart = spec_differences(there.release.spec, release.spec)
        what = "; ".join(str(difference) for difference in apart[:_SHOWN]) or f"it came from {one.source}"
        message = f"{name} is published already and never changes. What differs: {what}. Publish it as another version"
        raise PublishRefused("version_taken", message, "manifest.version")
    signed = verify(submission.envelope).wheel
    if signed != f"sha256:{one.wheel}":
        message = (
            f"{name} is published already, with the same definition and another wheel (sha256:{one.wheel}). "
            "Publish it as another version"
        )
        raise PublishRefused("version_taken", message, "wheel")


def _before(own: Sequence[Published]) -> Published | None:
    """Return the release that callers use now: the highest usable version, a pre-release only without another."""
    usable = [(read_version(one.publication.version), one) for one in own if one.standing.state in USABLE]
    known = [(version.final, version, index) for index, (version, _) in enumerate(usable) if version is not None]
    return usable[max(known)[2]][1] if known else None


def _must_go_on(name: str, version: str, own: Sequence[Published]) -> None:
    new = read_version(version)
    every = [(there, one.publication.version) for one in own if (there := read_version(one.publication.version))]
    if not every or new is None:
        return
    highest, shown = max(every)
    if new <= highest:
        following = least_after(highest, "patch")
        message = f"{name} {version} goes back: {shown} is published already; publish it as {following} or later"
        raise PublishRefused("version_goes_back", message, "manifest.version")


def _must_be_the_same_signer(name: str, envelope: Envelope, before: Published | None) -> None:
    if before is not None and before.publication.envelope.signer != envelope.signer:
        one = before.publication
        message = (
            f"{name}@{one.version} was signed by {one.envelope.signer[:16]}, this is signed by {envelope.signer[:16]}: "
            "sign it with the same key, or let an operator publish it with --force"
        )
        raise PublishRefused("signer_changed", message, "envelope")


def _must_not_take_over(name: str, distribution: str, there: ToolRelease | None) -> None:
    """Refuse the name of another plugin's tool: its version counts among the published ones, a range means both."""
    if (
        there is not None
        and read_version(there.version) is not None
        and normal_name(there.source) != normal_name(distribution)
    ):
        message = (
            f"`{name}` is a tool of {there.source} here, and this is {distribution}: choose another name, "
            "or let an operator publish it with --force"
        )
        raise PublishRefused("name_taken", message, "manifest.tools")


def _must_not_deceive(flags: Sequence[Flag]) -> None:
    worst = next((flag for flag in flags if flag.kind in ("look_alike", "hidden")), None)
    if worst is not None:
        code = "look_alike_name" if worst.kind == "look_alike" else "hidden_characters"
        raise PublishRefused(code, f"{worst.words}; change it, or let an operator publish it with --force", worst.path)


def _must_not_break(name: str, version: str, before: Published, verdict: Verdict, replay: Replay | None) -> None:
    old, new = read_version(before.publication.version), read_version(version)
    if old is None or new is None or at_least(bump_of(old, new), _asked(old, verdict.bump)):
        return
    reasons = [f"{change.path}: {change.reason}" for change in verdict.changes if change.bump == verdict.bump]
    more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    tried = f" {replay}." if replay is not None and replay.failing else ""
    message = (
        f"{name} {version} is no {verdict.bump} change over {before.publication.version}, and needs to be one: "
        f"{'; '.join(reasons[:_SHOWN])}{more}.{tried} Publish it as {least_after(old, verdict.bump)} or later, "
        "or let an operator publish it with --force"
    )
    raise PublishRefused(
        "breaking_change" if verdict.bump == "major" else "bump_too_small", message, "manifest.version"
    )


def _asked(before: Version, needed: Bump) -> Bump:
    """Return the bump a version has to show: any goes for a patch, and before 1.0.0 for what is no break."""
    if needed == "major":
        return "major"
    return "minor" if needed == "minor" and before.major else "none"


def _state(who: Publisher, submission: Submission, tool: _Tool) -> tuple[State, str]:
    if submission.draft:
        return "draft", ""
    told = next((flag for flag in tool.flags if flag.kind == "instructs"), None)
    if told is not None and not who.operator:
        return "quarantined", told.words
    return "active", ""
