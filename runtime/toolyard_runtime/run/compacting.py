"""Makes a run's window smaller before a model call: counts it, has it summarised, journals what it did.

What is done is decided by `plan`, and this only performs it. A summary that cannot be had of the model is made by
rule; nothing here ends a run.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct
from toolyard_memory.sessions.compaction import (
    LARGE,
    Compaction,
    Plan,
    compacted,
    covered,
    plan,
    step_tokens,
    summary_tokens,
)
from toolyard_memory.sessions.summaries import (
    EXTRACTIVE,
    FRAME,
    PROMPT,
    Said,
    clipped,
    conversation,
    extract,
)
from toolyard_memory.sessions.window import STAND_INS, Item, fullness
from toolyard_registry.releases import WindowSettings
from toolyard_sdk import events as e
from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ids import show
from toolyard_sdk.messages import Message, Usage
from toolyard_sdk.ports import Turn

from toolyard_runtime.models.encoder import (
    IMAGE,
    call_answered,
    decode_message,
    encode_message,
    whole_request,
    without_reasoning,
    words_of,
)
from toolyard_runtime.models.turn import bounded
from toolyard_runtime.run.binding import own_sampling
from toolyard_runtime.run.interrupts import MODEL, Interrupted, Interrupts
from toolyard_runtime.run.runlog import RunLog
from toolyard_runtime.run.showing import compaction_of, readable

OVERHEAD = 64
"""Tokens of a summary's frame and of what stands after it."""

SECONDS = 60.0
"""How long a model may take for a summary; it is made without one then."""

PLAIN = WindowSettings()

PROMPT_DIGEST = digest(PROMPT)


class _Summary(Struct, frozen=True):
    """A summary's words and where they come from; "" where nothing can be said."""

    text: str = ""
    model: str = ""
    prompt: str = ""
    usage: Usage = Usage()
    fault: str = ""


class Compacting:
    """Compacts the window of one run; `add` folds an event, `interrupts` lets the run stop the waits for its model."""

    def __init__(self, log: RunLog, add: Callable[[e.RunEvent], None], interrupts: Interrupts) -> None:
        self._log = log
        self._add = add
        self._interrupts = interrupts
        self._settings = log.agent.release.window or PLAIN
        self._journal = logging.getLogger("toolyard.model")

    async def compact(self, turn: int, *, reader: bool, recalling: int = 0) -> None:
        """Bring a window that passed its limit to half its budget, or as near as can be.

        `reader` tells that the model can read back what is put away; room is kept for `recalling` tokens of what is to
        come to mind. Where too little would be won the window stays as it is until it has grown; where the run is to
        end, now or meanwhile, it stays as well.
        """
        log = self._log
        if log.state.closing or log.services.stops.run_stopped(log.identity.tenant, log.identity.agent):
            return
        try:
            await self._compact(turn, reader, recalling)
        except Interrupted:
            return

    async def _compact(self, turn: int, reader: bool, recalling: int) -> None:
        log, window, began = self._log, self._log.conversation.window, self._log.now()
        count = await self._count()
        before = count if count is not None else window.tokens
        window.per_estimate = before / max(window.tokens, 1)
        budget, room = window.own_budget, window.room_for(recalling) if recalling else 0
        full, step = fullness(budget), step_tokens(budget)
        window.limit = max(full, window.tokens + room)
        if window.tokens + room <= full:
            return
        pinned = self._settings.pinned if window.pinned is None else min(self._settings.pinned, window.pinned)
        made = plan(window.items, budget, self._readable() if reader else (), pinned, room)
        window.limit = window.tokens + room + step
        if made is None:
            return
        after = window.items[-1].ref
        gone = covered(window.items, compacted(window.items, _tentative(made, log.identity.run, after)))
        items = [window.items[index] for index in gone]
        source = [without_reasoning(window.fragments[index]) for index in gone]
        summary = await self._summarise(turn, items, source, summary_tokens(budget), full) if gone else _Summary()
        fragment = encode_message(Message("user", FRAME + summary.text)) if summary.text else None
        n = log.reserve() if fragment is not None else None
        own = [item for item in items if item.kind not in STAND_INS]
        away = sum(item.away for item in window.items)
        one = msgspec.structs.replace(
            _tentative(made, log.identity.run, after), start=own[0].ref if own else None, summary=n
        )
        one = log.conversation.compact(one, fragment)
        window.limit = max(full, window.tokens + room + step)
        count = await self._recount() if count is not None else None
        event = e.WindowCompacted(
            at=log.now(),
            turn=turn,
            after=after,
            tokens_before=before,
            tokens_after=count if count is not None else round(window.tokens * window.per_estimate),
            counted=count is not None,
            room=room,
            start=one.start,
            end=one.end,
            messages=len(own),
            pinned=one.pinned,
            above=one.above,
            until=one.until,
            results=sum(item.away for item in window.items) + sum(item.away for item in items) - away,
            summary=log.put("summary", fragment, n) if fragment is not None else None,
            source=log.bind(hashlib.sha256(b",".join(source)).digest()) if source else b"",
            model=summary.model,
            prompt=summary.prompt,
            usage=summary.usage,
            fault=summary.fault,
            duration_us=log.now() - began,
        )
        seq = log.state.seq
        self._add(event)
        log.compacted(
            msgspec.structs.replace(compaction_of(event, log.identity.run, seq), end_position=one.end_position)
        )
        by = "none" if not summary.model else "extractive" if summary.model == EXTRACTIVE else "model"
        log.services.meters.count(log.services.meters.compactions, by)

    def _readable(self) -> frozenset[e.ItemRef]:
        """Return the large results that `read_result` would find."""
        window = self._log.conversation.window
        return frozenset(
            item.ref
            for item, fragment in zip(window.items, window.fragments, strict=True)
            if item.kind == "tool" and item.tokens > LARGE and readable(item, call_answered(fragment))
        )

    # --- counting ---

    async def _count(self) -> int | None:
        """Return how many tokens the window is by the model server's own count; None where it does not count."""
        counter = self._log.agent.route.counter
        if counter is None:
            return None
        messages = b"[%b]" % b",".join(self._log.conversation.window.fragments)
        return await self._interrupts.during(MODEL, counter.count(self._log.agent.route.model, messages))

    async def _recount(self) -> int | None:
        """Count again; None also where the run is to end meanwhile: what was done is journalled all the same."""
        window = self._log.conversation.window
        try:
            count = await self._count()
        except Interrupted:
            return None
        if count is not None and count and window.tokens:
            window.per_estimate = count / window.tokens
        return count

    # --- summarising ---

    async def _summarise(
        self, turn: int, items: Sequence[Item], fragments: Sequence[bytes], room: int, longest: int
    ) -> _Summary:
        """Return a summary of at most `room` tokens; of what is given a model, `longest` tokens at most are kept."""
        most = room - OVERHEAD
        if most <= 0:
            return _Summary()
        said = said_in(items, fragments)
        asked = _Summary()
        if self._settings.summaries == "model":
            asked = await self._ask(turn, conversation(said, longest), most)
            if asked.text:
                return asked
        text = extract(said, most)
        return msgspec.structs.replace(asked, text=text, model=EXTRACTIVE if text else "", prompt="")

    async def _ask(self, turn: int, text: str, most: int) -> _Summary:
        """Ask the agent's model for a summary; without text, it says why there is none."""
        log = self._log
        if not text:
            return _Summary(fault="too_long")
        if log.at_stake:
            await log.commit()
        else:
            log.commit_in_time()
        route, state, meters = log.agent.route, log.state, log.services.meters
        left = state.limits.seconds - (state.active_us + log.now() - state.active_since) / 1e6
        cause = f"{log.identity.run.hex()}-{turn}-summary"
        try:
            reply = route.port.reply(
                self._request(text, most), timeout=max(min(left, SECONDS), 0.001), request_id=cause
            )
            answer = await self._interrupts.during(MODEL, reply)
        except ModelError as error:
            fault: str = error.fault
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - a defect of an adapter costs the summary, not the run
            self._journal.exception("the client of %s failed for %s", route.name, show("run", log.identity.run))
            fault = type(error).__name__
        else:
            return self._taken(answer, most)
        meters.count(meters.model_calls, route.name, fault)
        return _Summary(fault=fault)

    def _taken(self, answer: Turn, most: int) -> _Summary:
        """Return what a model's answer is good for."""
        name, meters = self._log.agent.route.name, self._log.services.meters
        text = "" if answer.malformed else clipped(answer.text.strip(), most)
        meters.count(meters.model_calls, name, "malformed" if answer.malformed else "ok")
        fault = "" if text else "malformed_turn" if answer.malformed else "empty_response"
        return _Summary(text, name if text else "", PROMPT_DIGEST if text else "", bounded(answer.usage), fault)

    def _request(self, text: str, most: int) -> bytes:
        log = self._log
        words = PROMPT.format(words=max(most * 3 // 4, 40))
        return whole_request(
            (Message("system", words), Message("user", text)),
            model=log.agent.route.model,
            sampling=msgspec.structs.replace(own_sampling(log.agent.release), max_output_tokens=most * 4),
            profile=log.agent.route.profile,
            tenant=log.identity.tenant,
        )


def said_in(items: Sequence[Item], fragments: Sequence[bytes]) -> list[Said]:
    """Return a window's messages as a summary is made of them, oldest first."""
    names: dict[str, str] = {}
    said: list[Said] = []
    for item, fragment in zip(items, fragments, strict=True):
        if item.kind == "noted":
            continue
        message = decode_message(fragment)
        names |= {call.id: call.name for call in message.tool_calls}
        content = words_of(message, IMAGE)
        if item.kind == "summary":
            content = content.removeprefix(FRAME)
        calls = tuple((call.name, call.arguments) for call in message.tool_calls)
        said.append(Said(item.kind, content, calls, names.get(message.tool_call_id or "", "")))
    return said


def _tentative(made: Plan, run: bytes, after: e.ItemRef) -> Compaction:
    """Return the compaction that a plan would be, before there is a summary; its `seq` and `at` come with the event."""
    placeholder = 0 if made.end is not None else None
    return Compaction(run, 0, 0, after, None, made.end, -1, made.pinned, made.above, made.until, placeholder)
