"""`remember`, `recall`, `correct` and `forget`, the server's own tools for memory: each call works within a scene."""

from collections.abc import Awaitable, Mapping
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace
from toolyard_memory.memory import Memory
from toolyard_memory.moments import read_moment
from toolyard_memory.records import AsOf, Evidence, Fact, MemoryRefused, NewFact, NoSuchMemory, Reader, Trust
from toolyard_memory.retrieval.query import Query
from toolyard_memory.standing import Said
from toolyard_registry.names import OWN_SOURCE
from toolyard_registry.releases import AgentRelease
from toolyard_registry.toolbox.remembering import CORRECT, FORGET, RECALL, REMEMBER, SPECS
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, ToolError
from toolyard_sdk.ids import read, show
from toolyard_sdk.messages import ToolResult, ToolSpec
from toolyard_sdk.ports import Transaction

from toolyard_runtime.run.hearsay import Told

NOBODY = (
    "There is no memory here: the request does not say for which end user it is. Answer without it, and do not promise "
    "to remember."
)

ASKED: Final = {"subject": "about", "valid_from": "since", "valid_to": "until"}
"""What the arguments of these tools call the fields of a fact."""


class Scene(Struct, frozen=True):
    """What a call of these tools works in: whose memory, on behalf of which agent, and what was said.

    `said` is the end user's message that the run answers, None where it has no words. `told` are the messages in which
    what is put down has to stand to be the end user's own word. Else it is as much worth as `trust` says: the agent's
    word, or less once something from outside was read.
    """

    memory: Memory
    reader: Reader
    tx: Transaction
    now: int
    said: Evidence | None
    told: tuple[Told, ...]
    trust: Trust
    release: AgentRelease
    run: bytes
    session: bytes


class _Remember(Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    about: Annotated[str, Meta(min_length=1, max_length=200)] = "user"
    attribute: Annotated[str, Meta(max_length=100)] = ""
    since: Annotated[str, Meta(max_length=40)] = ""
    until: Annotated[str, Meta(max_length=40)] = ""


class _Recall(Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[str, Meta(min_length=1, max_length=1000)]
    as_of: Annotated[str, Meta(max_length=40)] = ""


class _Correct(Struct, frozen=True, forbid_unknown_fields=True):
    fact: Annotated[str, Meta(max_length=64)]
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    since: Annotated[str, Meta(max_length=40)] = ""
    until: Annotated[str, Meta(max_length=40)] = ""


class _Forget(Struct, frozen=True, forbid_unknown_fields=True):
    facts: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(min_length=1, max_length=50)]


class Changed(Struct, frozen=True):
    """What a call has changed, by id, as its result says it and the journal keeps it."""

    added: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()


class _Work(Protocol):
    def __call__(self, scene: Scene, asked: Any, /) -> Awaitable[ToolResult]: ...


class MemoryTool:
    """Implements the Tool port for one of them; `within` ties it to a scene."""

    def __init__(self, spec: ToolSpec, arguments: type, work: _Work, scene: Scene | None = None) -> None:
        self.spec = spec
        self._arguments = arguments
        self._work = work
        self._scene = scene

    def within(self, scene: Scene | None) -> "MemoryTool":
        """Return one that works in a scene; None where the request names no end user."""
        return MemoryTool(self.spec, self._arguments, self._work, scene)

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid unless the arguments are those of this tool."""
        self._read(arguments)

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Do the work; raises ToolError in words the model can act on."""
        del context
        asked = self._read(arguments)
        if self._scene is None:
            raise ToolError(NOBODY)
        try:
            return await self._work(self._scene, asked)
        except MemoryRefused as error:
            field = ASKED.get(error.field, error.field)
            raise ToolError(f"Nothing was changed: {field}: {error.message}.") from error
        except NoSuchMemory as error:
            raise ToolError(f"There is no such fact: {error}. `{RECALL}` shows the ids of facts.") from error

    def _read(self, arguments: bytes) -> Any:
        try:
            return msgspec.json.decode(arguments, type=self._arguments)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ArgumentsInvalid(f"{error}. See the schema of {self.spec.name}.") from error


async def _new(
    scene: Scene, asked: _Remember | _Correct, subject: str, attribute: str, tool: str, wrong: Fact | None = None
) -> NewFact:
    """Return the fact that a call puts down; raises ToolError for times that are none."""
    new = NewFact(
        asked.text,
        (scene.said if scene.said is not None else Evidence("stated", words=asked.text),),
        subject=subject,
        attribute=attribute,
        valid_from=_moment("since", asked.since),
        valid_to=_moment("until", asked.until),
        trust=scene.trust,
        writer=f"tool:{tool}",
        release=scene.release.digest,
        run=scene.run,
        agent=_private(scene),
    )
    own = await scene.memory.own_word(scene.reader.owner, new, await _heard(scene), scene.now, wrong)
    return new if own is None else replace(new, evidence=(own,), trust="user")


async def _heard(scene: Scene) -> list[Said]:
    """Return those of the told messages that memory holds as this end user's, and that the fact may rest on."""
    places = {one.position for one in scene.told}
    held = await scene.memory.passages.of_session(scene.reader, scene.session, places) if places else []
    private = _private(scene)
    heard = {
        (one.source, one.n): one
        for one in held
        if one.kind == "message" and one.speaker == "user" and one.trust == "user" and one.agent in ("", private)
    }
    found = ((one, heard.get((one.ref.run, one.ref.n))) for one in scene.told)
    return [
        Said(told.ref.run, told.ref.n, passage.at, passage.text, told.others)
        for told, passage in found
        if passage is not None and passage.text == told.text  # of a long one a passage is a piece
    ]


async def _remember(scene: Scene, asked: _Remember) -> ToolResult:
    new = await _new(scene, asked, asked.about, asked.attribute, REMEMBER)
    written = await scene.memory.put_down(scene.tx, scene.reader.owner, new, scene.now)
    name = show("fact", written.fact.id)
    if written.known:
        return ToolResult(f"Known already, as {name}.")
    changed = Changed((name,), tuple(show("fact", one) for one in written.superseded))
    took = f", in place of {', '.join(changed.superseded)}" if changed.superseded else ""
    return ToolResult(f"Remembered as {name}{took}.", structured=msgspec.to_builtins(changed))


async def _correct(scene: Scene, asked: _Correct) -> ToolResult:
    old = await scene.memory.facts.kept(scene.reader, _fact(asked.fact))
    new = await _new(scene, asked, old.subject, old.attribute, CORRECT, old)
    written = await scene.memory.put_right(scene.tx, scene.reader.owner, old.id, new, scene.now)
    changed = Changed(
        (show("fact", written.fact.id),), tuple(show("fact", one) for one in (written.superseded or (old.id,)))
    )
    return ToolResult(f"Corrected: {asked.fact} is now {changed.added[0]}.", structured=msgspec.to_builtins(changed))


async def _forget(scene: Scene, asked: _Forget) -> ToolResult:
    wanted = [(await scene.memory.facts.kept(scene.reader, _fact(name))).id for name in asked.facts]
    gone = await scene.memory.facts.forget(scene.tx, scene.reader.owner, wanted, "tool:forget", scene.now)
    changed = Changed(forgotten=tuple(show("fact", one) for one in gone.facts))
    more = len(gone.facts) - len(set(wanted))
    told = f", {more} of them because they were derived from it" if more > 0 else ""
    return ToolResult(f"Forgotten: {len(gone.facts)} facts{told}.", structured=msgspec.to_builtins(changed))


async def _recall(scene: Scene, asked: _Recall) -> ToolResult:
    moment = _moment("as_of", asked.as_of)
    query = Query(
        asked.query,
        budget_tokens=scene.release.memory.tokens if scene.release.memory is not None else 1000,
        session=scene.session,
        now=scene.now,
        as_of=AsOf(moment, moment),
        documents=scene.release.memory.knowledge if scene.release.memory is not None else (),
    )
    try:
        found = await scene.memory.recall.search(scene.reader, query)
    except MemoryRefused as error:
        raise ToolError(f"`query`: {error.message}.") from error
    if not found.text:
        return ToolResult("Nothing comes to mind about that.")
    named = [
        f"{hit.citation} is {show('fact', hit.passage.id)}"
        for hit in found.hits
        if hit.used and hit.passage.kind == "fact"
    ]
    ids = [f"Ids: {', '.join(named)}."] if named else []
    degraded = [f"[{found.degraded}]"] if found.degraded else []
    return ToolResult("\n".join((found.text, *ids, *degraded)))


TOOLS: Mapping[str, MemoryTool] = {
    REMEMBER: MemoryTool(SPECS[REMEMBER], _Remember, _remember),
    RECALL: MemoryTool(SPECS[RECALL], _Recall, _recall),
    CORRECT: MemoryTool(SPECS[CORRECT], _Correct, _correct),
    FORGET: MemoryTool(SPECS[FORGET], _Forget, _forget),
}


def tools_of(release: AgentRelease) -> Mapping[str, MemoryTool]:
    """Return those of the tools that a release has, by name."""
    own = [tool.spec.name for tool in release.tools if tool.source == OWN_SOURCE and tool.spec.name in TOOLS]
    return {name: TOOLS[name] for name in own}


def changed_by(structured: Any) -> Changed | None:
    """Read what a result of one of these tools says it has changed; None for nothing."""
    if not isinstance(structured, dict):
        return None
    try:
        changed = msgspec.convert(structured, Changed)
    except msgspec.ValidationError:
        return None
    return changed if changed != Changed() else None


def _private(scene: Scene) -> str:
    settings = scene.release.memory
    return scene.release.name if settings is not None and settings.private else ""


def _fact(name: str) -> bytes:
    raw = read("fact", name)
    if raw is None:
        raise ToolError(f"{name!r} is no id of a fact: they begin with fact_ and stand in what `{RECALL}` gives.")
    return raw


def _moment(field: str, text: str) -> int | None:
    if not text:
        return None
    at = read_moment(text)
    if at is None:
        raise ToolError(f"`{field}` is {text!r}, which is no date: write it as 2026-05-03.")
    return at
