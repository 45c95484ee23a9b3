"""From the journal back to the bytes that were sent to a model, proved by the commitment in the head.

Nothing of the live run is used: a request is the encoder's head for what the release, the offer and the variant say,
and the session's items between two references. The provider's profile is not in the journal; of those that are known,
the one whose bytes fit the journalled commitment was in use.
"""

import hashlib
from collections.abc import Sequence
from typing import cast

import msgspec
from toolyard_memory.sessions.compaction import along, shown
from toolyard_memory.sessions.store import Sessions
from toolyard_memory.sessions.window import Item, Kind, estimate_tokens
from toolyard_registry.releases import AgentRelease
from toolyard_sdk import events as e
from toolyard_sdk.canonical import commit
from toolyard_sdk.messages import Message, ToolSpec
from toolyard_sdk.ports import Database

from toolyard_runtime.models.encoder import (
    ENCODER,
    GENERIC,
    LLAMA_CPP,
    OLLAMA,
    OPENAI,
    VLLM,
    Profile,
    cache_salt_of,
    encode_message,
    encode_tools,
    request_head,
    with_recalled,
)
from toolyard_runtime.run import loop
from toolyard_runtime.run.binding import merged, own_sampling
from toolyard_runtime.run.segments import Sampling
from toolyard_runtime.run.showing import compaction_of, fragment_of
from toolyard_runtime.store import payloads

PROFILES: tuple[Profile, ...] = (VLLM, OPENAI, LLAMA_CPP, OLLAMA, GENERIC)


class NotRebuilt(Exception):
    """The bytes cannot be had any more, or are not those whose digest was journalled; the message says why."""


async def rebuild(
    database: Database, sessions: Sessions, release: AgentRelease, events: Sequence[e.RunEvent], seq: int
) -> bytes:
    """Return the request bytes of the model call at `seq` of a run's events; raises NotRebuilt.

    `release` is the one the run was pinned to. The head commits to the bytes returned, under the run's salt.
    """
    started, called = events[0], events[seq]
    if not isinstance(started, e.RunStarted) or not isinstance(called, e.ModelCalled):
        raise NotRebuilt(f"event {seq} is no model call")
    if called.encoder != ENCODER:
        raise NotRebuilt(f"encoder {called.encoder} made the request, and this is encoder {ENCODER}")
    if release.digest != started.release:
        raise NotRebuilt(f"the run was pinned to {started.release}")
    salt = (await payloads.load(database, started.run, [payloads.SALT_N]))[payloads.SALT_N]
    if isinstance(salt, payloads.Erased):
        raise NotRebuilt("the run was erased, and its salt with it: nothing can be compared any more")
    given = await _given(database, started)
    before = events[:seq]
    recalled = await _recalled(database, before)
    fragments = await _fragments(database, sessions, started, called, before, recalled)
    tools = _offered(release, given.client_tools, before, called.offered)
    system = _system(release.instructions, given.instructions)
    body = b",".join([*([encode_message(Message("system", system))] if system else []), *fragments])
    variant, _, streamed = called.variant.partition("+")
    for profile in PROFILES:
        head = request_head(
            model=called.model.partition("/")[2],
            tools=encode_tools(tools, profile.strict),
            sampling=merged(own_sampling(release), given.sampling),
            profile=profile,
            stream=streamed == "stream",
            variant=variant,
            cache_salt=cache_salt_of(started.tenant, profile),
        )
        whole = head + body + b"]}"
        if commit(salt.data, hashlib.sha256(whole).digest()) == called.request:
            return whole
    raise NotRebuilt("the head commits to other bytes than those that are stored now")


class _Given(msgspec.Struct, frozen=True):
    """What the request that began the run asked for beside its messages."""

    instructions: str = ""
    client_tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling | None = None


async def _given(database: Database, started: e.RunStarted) -> _Given:
    wanted = [content for content in (started.instructions, started.client_tools, started.sampling) if content]
    found = await payloads.load(database, started.run, [content.n for content in wanted]) if wanted else {}

    def data(content: e.Content | None) -> bytes | None:
        if content is None:
            return None
        payload = found[content.n]
        if isinstance(payload, payloads.Erased):
            raise NotRebuilt("what the request asked for was erased")
        return payload.data

    words, tools, sampling = data(started.instructions), data(started.client_tools), data(started.sampling)
    return _Given(
        words.decode() if words else "",
        msgspec.json.decode(tools, type=tuple[ToolSpec, ...]) if tools else (),
        msgspec.json.decode(sampling, type=Sampling) if sampling else None,
    )


async def _fragments(
    database: Database,
    sessions: Sessions,
    started: e.RunStarted,
    called: e.ModelCalled,
    before: Sequence[e.RunEvent],
    recalled: str,
) -> list[bytes]:
    """Return the encoded messages of the window, oldest first, after the compactions that were made until then.

    Only the run's own have reasoning, and what came to mind stands before the last words its user began it with.
    """
    chain = await sessions.chain(started.session, started.base) if started.base is not None else []
    made = along(chain, await sessions.compactions(started.session)) if chain else []
    made = [one for one in made if one.run != started.run]
    for seq, event in enumerate(before):
        if isinstance(event, e.WindowCompacted):
            made.append(compaction_of(event, started.run, seq))
    own = await _own(database, started.run, loop.fold(before).items, chain[-1].position + 1 if chain else 0)
    items = shown([*chain, *own], made)
    first = next((index for index, item in enumerate(items) if item.ref == called.window_start), None)
    if first is None:
        raise NotRebuilt("the session no longer holds the items that were sent")
    items = items if made else items[first:]  # before there were compactions a window just let go of what was older
    found = await payloads.load_many(database, {(item.ref.run, item.ref.n) for item in items})
    asked = {content.n for content in started.inputs} if recalled else set()
    fragments: list[bytes] = []
    last = -1
    for item in items:
        payload = found[item.ref.run, item.ref.n]
        if isinstance(payload, payloads.Erased):
            raise NotRebuilt("a message that was sent was erased")
        if item.kind == "user" and item.ref.run == started.run and item.ref.n in asked:
            last = len(fragments)
        fragments.append(fragment_of(item, payload.data, own=item.ref.run == started.run))
    if last >= 0:
        fragments[last] = with_recalled(fragments[last], recalled)
    return fragments


async def _own(database: Database, run: bytes, ns: Sequence[int], position: int) -> list[Item]:
    """Return a run's own items, the first of which lies at `position` of its session."""
    found = await payloads.load(database, run, ns)
    items = []
    for place, n in enumerate(ns, position):
        payload = found[n]
        if isinstance(payload, payloads.Erased):
            raise NotRebuilt("a message that was sent was erased")
        items.append(Item(e.ItemRef(run, n), cast(Kind, payload.kind), estimate_tokens(payload.data), place))
    return items


async def _recalled(database: Database, before: Sequence[e.RunEvent]) -> str:
    """Return the text of what came to mind before a model call, "" for nothing."""
    event = next((event for event in before if isinstance(event, e.MemoryRecalled)), None)
    if event is None or event.text is None or not isinstance(before[0], e.RunStarted):
        return ""
    kept = (await payloads.load(database, before[0].run, [event.text.n]))[event.text.n]
    if isinstance(kept, payloads.Erased):
        raise NotRebuilt("what came to mind was erased")
    return kept.data.decode()


def _offered(
    release: AgentRelease, client_tools: tuple[ToolSpec, ...], before: Sequence[e.RunEvent], wanted: str
) -> tuple[ToolSpec, ...]:
    """Return the tools of the offer in force: those of the release that were shown, and the client's."""
    for event in reversed(before):
        if isinstance(event, e.ToolsOffered) and event.digest == wanted:
            shown = {candidate.name for candidate in event.candidates if not candidate.left_out}
            return (*(tool.spec for tool in release.tools if tool.spec.name in shown), *client_tools)
    raise NotRebuilt(f"nothing before the call offers {wanted}")


def _system(own: str, asked: str) -> str:
    return f"{own}\n\n{asked}" if own and asked else own or asked
