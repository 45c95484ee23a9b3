"""What comes to mind when a run begins, and what it leaves to be recalled: implements `Mind` on a Memory.

A run that cannot recall goes on without and says so; nothing here ends one.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

from toolyard_memory.memory import Memory
from toolyard_memory.records import Evidence, Owner, Passage, Reader, Trust
from toolyard_memory.retrieval.query import Query
from toolyard_memory.sessions.window import Item, estimate_tokens
from toolyard_registry.releases import AgentRelease
from toolyard_sdk import events as e
from toolyard_sdk.ids import show
from toolyard_sdk.ports import Tool

from toolyard_runtime.models.encoder import decode_message, with_recalled, words_of
from toolyard_runtime.run.hearsay import heard_from, told_in
from toolyard_runtime.run.mind import Gathered
from toolyard_runtime.run.remembering import MemoryTool, Scene, changed_by, tools_of
from toolyard_runtime.run.runlog import RunIdentity, RunLog

PATIENCE = 2.0
"""Seconds that a run waits for what comes to mind."""

LONGEST = 2_000
"""Characters of a request that are searched with."""

PIECE = 4_000
"""Characters of a message in one passage: longer ones are several."""

TOLD = frozenset({"user", "assistant"})
"""Roles whose messages are heard."""


def reader_of(identity: RunIdentity) -> Reader:
    """Return as whom a run reads; without an end user, only documents are seen."""
    return Reader(Owner(identity.tenant, identity.end_user or ""), identity.agent)


class Recalling:
    """Implements Mind."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._log = logging.getLogger("toolyard.memory")

    def tools(self, release: AgentRelease) -> Mapping[str, Tool]:
        """Return the tools for its memory that a release has, by name."""
        return tools_of(release)

    def within(self, tool: Tool, log: RunLog, gathered: Gathered) -> Tool:
        """Return a tool that works in this run's memory, its writes gathered; other tools as they are."""
        return tool.within(self._scene(log, gathered)) if isinstance(tool, MemoryTool) else tool

    def changed(self, log: RunLog, structured: Any) -> e.MemoryWritten | None:
        """Return the event for what a call has changed; None for nothing. Indexes are told of it once it is there."""
        changed = changed_by(structured)
        if changed is None:
            return None
        log.once_durable(self._memory.stir)
        return e.MemoryWritten(log.now(), changed.added, changed.superseded, changed.forgotten)

    async def come_to_mind(self, log: RunLog, turn: int) -> e.MemoryRecalled | None:
        """Return what comes to mind for the run's request; None where it asks nothing in words."""
        settings, asked = log.agent.release.memory, log.asked
        if settings is None or asked is None:
            return None
        message, window = log.contents[asked.n], log.conversation.window
        text = words_of(decode_message(message)).strip()
        if not text:
            return None
        room = window.room_left(settings.tokens)
        query = Query(
            text[-LONGEST:],
            budget_tokens=max(room, 1),
            session=log.identity.session,
            shown_from=window.shown_from,
            now=log.now(),
            documents=settings.knowledge,
        )
        meters, began = log.services.meters, perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._memory.recall.search(reader_of(log.identity), query)
        except Exception:  # noqa: BLE001 - whatever went wrong, the run goes on
            self._log.exception("nothing was recalled for run_%s", log.identity.run.hex())
            meters.count(meters.recalls, "failed")
            return e.MemoryRecalled(log.now(), turn, (), degraded="failed")
        meters.count(meters.recalls, "degraded" if found.degraded else "ok")
        meters.observe(meters.recall_seconds, perf_counter() - began)
        recalled = tuple(
            e.Recalled(
                show(hit.passage.kind, hit.passage.id),
                provenance(hit.passage),
                {name: round(score, 4) for name, score in hit.scores.items()},
                used=hit.used,
            )
            for hit in found.hits
        )
        content = log.put("recalled", found.text.encode()) if found.text else None
        takes = estimate_tokens(with_recalled(message, found.text)) - estimate_tokens(message) if found.text else 0
        degraded = "vectors" if found.degraded else ""
        return e.MemoryRecalled(log.now(), turn, recalled, content, degraded, takes, room)

    async def hear(self, log: RunLog, *, asked: bool) -> None:
        """Let the run's transaction hold what can be recalled of it: what its user `asked`, else what it answered."""
        for n, passage in enumerate(passages_of(log, newly_said(log, asked=asked))):
            if n:  # a long message is many passages, and whoever else is served need not wait for all of them
                await asyncio.sleep(0)
            await self._memory.hear(log.tx, passage)
        log.once_durable(self._memory.stir)

    def _scene(self, log: RunLog, gathered: Gathered) -> Scene | None:
        """Return what a call of a memory tool works in; None where the request names no end user."""
        identity = log.identity
        if identity.end_user is None:
            return None
        said, heard = grounds_of(log), heard_from(log)
        return Scene(
            memory=self._memory,
            reader=reader_of(identity),
            tx=gathered,
            now=log.now(),
            said=said,
            told=told_in(log),
            trust="agent" if heard == "user" else heard,
            release=log.agent.release,
            run=identity.run,
            session=identity.session,
        )


def provenance(passage: Passage) -> str:
    """Say where a passage comes from, in ids only: a journal's heads hold no content."""
    if passage.kind == "message" and passage.source is not None:
        return f"message {passage.n} of {show('run', passage.source)}"
    if passage.kind == "chunk" and passage.source is not None:
        return f"piece {passage.position} of {show('document', passage.source)}"
    return passage.kind


def asked_now(log: RunLog) -> frozenset[int]:
    """Return the end user's messages that the run answers: of a conversation sent whole, those after its last answer.

    What stands before that was heard when it was said, or the client alone says that it was.
    """
    found = []
    for content in reversed(log.state.started.inputs if log.state.started is not None else ()):
        if decode_message(log.contents[content.n]).role != "user":
            break
        found.append(content.n)
    return frozenset(found)


def newly_said(log: RunLog, *, asked: bool) -> list[Item]:
    """Return the run's items that are said now: what its user `asked`, or else what it has answered."""
    if asked:
        fresh = asked_now(log)
        return [item for item in log.unfiled if item.ref.n in fresh]
    brought = {content.n for content in log.state.started.inputs} if log.state.started is not None else set()
    return [item for item in log.unfiled if item.ref.n not in brought]


def grounds_of(log: RunLog) -> Evidence | None:
    """Return the message that what the run puts down rests on; None where the end user has said nothing in words."""
    asked = log.asked
    if asked is None or asked.n not in asked_now(log) or not words_of(decode_message(log.contents[asked.n])).strip():
        return None
    return Evidence("message", asked.run, asked.n)


def passages_of(log: RunLog, items: list[Item]) -> Iterator[Passage]:
    """Return what a run's new items leave to be recalled: what was said, not what tools gave."""
    identity = log.identity
    if identity.end_user is None:
        return
    settings = log.agent.release.memory
    heard = heard_from(log) if any(item.kind == "assistant" for item in items) else "user"
    own: Trust = "agent" if heard == "user" else heard  # what a page says is no better when the agent says it again
    for item in items:
        if item.kind not in TOLD:
            continue
        text = words_of(decode_message(log.contents[item.ref.n])).strip()
        for piece in pieces_of(text):
            yield Passage(
                log.services.new_id(),
                Owner(identity.tenant, identity.end_user),
                "message",
                piece,
                log.now(),
                agent=identity.agent if settings is not None and settings.private else "",
                speaker=item.kind,
                trust="user" if item.kind == "user" else own,
                session=identity.session,
                position=item.position,
                source=identity.run,
                n=item.ref.n,
            )


def pieces_of(text: str) -> Iterator[str]:
    """Cut a long text at white space where there is some."""
    while len(text) > PIECE:
        cut = text.rfind(" ", PIECE // 2, PIECE)
        cut = cut if cut > 0 else PIECE
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text
