"""One turn of a model within a run: what it is offered, what it is sent, and how its answer becomes an event."""

import contextlib
import logging
from collections.abc import Callable

from toolyard_registry.names import READ_RESULT
from toolyard_registry.rights import Rights
from toolyard_registry.search.meaning import Near
from toolyard_sdk import events as e
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Message, ToolCall
from toolyard_sdk.ports import Delta, RawCall, Turn

from toolyard_runtime.models.calls import match_name, normalise_arguments
from toolyard_runtime.models.encoder import ENCODER, encode_message
from toolyard_runtime.models.turn import bounded
from toolyard_runtime.run import loop
from toolyard_runtime.run.binding import Offer
from toolyard_runtime.run.calling import misfit
from toolyard_runtime.run.compacting import Compacting
from toolyard_runtime.run.faulting import field_at_fault
from toolyard_runtime.run.interrupts import MODEL, Interrupted, Interrupts
from toolyard_runtime.run.offering import Shortlists, Withheld, conversed
from toolyard_runtime.run.retry import retry_delay
from toolyard_runtime.run.runlog import RunContext, RunLog
from toolyard_runtime.run.transcript import call_id

NO_ARGUMENTS = "{}"
"""What the history shows in place of arguments nobody could read: many chat templates parse it."""


MOST_WORDS = 128
"""Characters of what a model server says of itself that a head holds."""

UNKNOWN = "unknown_tool"
"""What a head calls a tool that there is not: the model's own word for it is content, and lies in its message."""


class Turns:
    """Performs `Think`. `add` folds an event; `interrupts` lets the run stop the wait for its model."""

    def __init__(
        self,
        log: RunLog,
        context: RunContext,
        add: Callable[[e.RunEvent], None],
        interrupts: Interrupts,
    ) -> None:
        self._log = log
        self._context = context
        self._add = add
        self._interrupts = interrupts
        self._journal = logging.getLogger("toolyard.model")
        self._offer: Offer | None = None
        self._offered_in: tuple[int, Rights, tuple[str, ...]] | None = None
        self._near: tuple[Near, ...] | None = None
        self._first_delta_at = 0

    def offered(self) -> Offer:
        """Return what the model may call now: looked up again when that has changed, or more was found."""
        log = self._log
        state = log.services.stops.version, log.services.sights.rights, log.found
        if self._offer is None or state != self._offered_in:
            withheld = self.withheld()
            self._offer = (
                log.agent.offer(withheld, self._context.client_tools)
                if log.agent.shortlists is None
                else self._shortlisted(log.agent.shortlists, withheld)
            )
            self._offered_in = state
        return self._offer

    def withheld(self) -> Withheld:
        """Return the agent's tools that an operator has stopped, or that are not there for this caller."""
        log, identity = self._log, self._log.identity
        tools = log.agent.tools
        unseen = log.services.sights.unseen(identity.tenant, self._context.roles, identity.agent, tools)
        stopped = log.services.stops.tools(identity.tenant)
        if not (unseen or stopped):
            return {}
        return {name: "not_granted" if name in unseen else "stopped" for name in tools if name in unseen | stopped}

    def _shortlisted(self, shortlists: Shortlists, withheld: Withheld) -> Offer:
        """Offer what the run was offered before and what it found since; at its beginning, what fits the request."""
        log = self._log
        if log.offered is None:
            worked = log.services.successes.of(log.identity.tenant)
            asked = conversed(log.conversation.said)
            candidates, unlisted = shortlists.first(asked, withheld, worked, self._near or ())
        else:
            candidates = shortlists.widened(log.offered.candidates, log.found, withheld)
            unlisted = log.offered.unlisted
        return log.agent.offer_of(candidates, self._context.client_tools, unlisted)

    async def _looked_up(self, shortlists: Shortlists) -> None:
        """Have at hand what a shortlist is made from; what vectors say of the request is asked once in a run."""
        log = self._log
        await shortlists.ready()
        await log.services.successes.ready(log.identity.tenant)
        if log.offered is None and self._near is None:
            near = shortlists.near(conversed(log.conversation.said).texts)
            with contextlib.suppress(Interrupted):
                self._near = await self._interrupts.during(MODEL, near)

    async def think(self, effect: loop.Think) -> None:
        """Call the model once and journal what came of it; raises what the stores raise."""
        log = self._log
        if effect.not_before > log.now():
            try:
                await self._interrupts.during(MODEL, log.services.clock.sleep((effect.not_before - log.now()) / 1e6))
            except Interrupted:
                self._add(e.ModelFailed(log.now(), effect.turn, effect.attempt, "cancelled"))
                return
        if log.agent.shortlists is not None:
            await self._looked_up(log.agent.shortlists)
        recalling = self._recalling(effect)
        await self._make_room(effect, recalling)
        why = log.services.stops.run_stopped(log.identity.tenant, log.identity.agent)
        if why and not log.state.closing:
            self._add(e.CancelRequested(log.now(), "operator", "stopped"))
        if log.state.closing:
            self._add(e.ModelFailed(log.now(), effect.turn, effect.attempt, "cancelled"))
            return
        if recalling:
            try:
                recalled = await self._interrupts.during(MODEL, log.services.mind().come_to_mind(log, effect.turn))
            except Interrupted:
                self._add(e.ModelFailed(log.now(), effect.turn, effect.attempt, "cancelled"))
                return
            if recalled is not None:
                self._add(recalled)
        offer = self.offered()
        if offer.digest != log.state.offered:
            self._add(e.ToolsOffered(log.now(), effect.turn, offer.candidates, offer.digest, offer.unlisted))
        stream = self._context.stream and effect.variant == "plain"
        prefix = log.agent.prefix(
            offer,
            stream=stream,
            variant=effect.variant,
            tenant=log.identity.tenant,
            instructions=self._context.instructions,
            sampling=self._context.sampling,
        )
        body, digest = log.conversation.request(prefix)
        window = log.conversation.window
        called = e.ModelCalled(
            at=log.now(),
            turn=effect.turn,
            attempt=effect.attempt,
            model=log.agent.route.name,
            encoder=ENCODER,
            window_start=window.start,
            window_end=window.items[-1].ref,
            offered=offer.digest,
            request=log.bind(digest),
            message=log.reserve(),
            variant=f"{effect.variant}+stream" if stream else effect.variant,
        )
        self._add(called)
        await self._ask_model(called, body, offer, stream)

    def _recalling(self, effect: loop.Think) -> int:
        """Return how many tokens are to come to mind before this turn; 0 where nothing is."""
        memory = self._log.agent.release.memory
        wanted = memory is not None and memory.recall and self._log.recalled is None and effect.turn == 1
        return memory.tokens if memory is not None and wanted else 0

    async def _make_room(self, effect: loop.Think, recalling: int) -> None:
        """Compact a window that is full, or would be with what is to come to mind: that comes after it."""
        log, window = self._log, self._log.conversation.window
        if window.tokens + (window.room_for(recalling) if recalling else 0) > window.limit:
            reader = log.agent.reads_on and READ_RESULT in self.offered().server
            compacting = Compacting(log, self._add, self._interrupts)
            await compacting.compact(effect.turn, reader=reader, recalling=recalling)

    async def _ask_model(self, called: e.ModelCalled, body: bytes, offer: Offer, stream: bool) -> None:
        log = self._log
        meters = log.services.meters
        self._first_delta_at = 0
        left = log.state.limits.seconds - (log.state.active_us + called.at - log.state.active_since) / 1e6
        if log.at_stake:
            await log.commit()
        else:
            log.commit_in_time()
        if log.state.closing:  # since the disk was asked: nothing was sent
            self._add(self._failure(called, ModelError("cancelled", "the run is ending")))
            return
        try:
            turn = await self._interrupts.during(
                MODEL,
                log.agent.route.port.reply(
                    body,
                    timeout=max(left, 0.001),
                    on_delta=self._on_delta if stream else None,
                    request_id=f"{log.identity.run.hex()}-{called.turn}-{called.attempt}",
                ),
            )
        except ModelError as error:
            failure = error
        except Interrupted:
            failure = ModelError("cancelled", "the run is ending")
        except Exception as error:  # noqa: BLE001 - a defect of an adapter ends this turn, not the driver
            self._journal.exception("the client of %s failed", called.model)
            failure = ModelError("bad_answer", f"the model client failed: {type(error).__name__}")
        else:
            self._take_turn(called, turn, offer)
            return
        meters.count(meters.model_calls, called.model, failure.fault)
        self._add(self._failure(called, failure))

    def _on_delta(self, delta: Delta) -> None:
        if delta.text:
            if not self._first_delta_at:
                self._first_delta_at = self._log.now()
            self._log.show(delta.text)

    def _failure(self, called: e.ModelCalled, error: ModelError) -> e.ModelFailed:
        log = self._log
        leaked = log.transcript.leaked
        wait = retry_delay(error.fault, called.attempt, error.retry_after, log.services.jitter.random())
        now = log.now()
        return e.ModelFailed(
            at=now,
            turn=called.turn,
            attempt=called.attempt,
            fault=error.fault,
            status=error.status,
            retry_at=0 if wait is None else now + int(wait * 1e6),
            detail=log.put("detail", str(error).encode(errors="replace")),
            leaked=log.put("leaked", leaked.encode(errors="replace"), called.message) if leaked else None,
        )

    def _take_turn(self, called: e.ModelCalled, turn: Turn, offer: Offer) -> None:
        """Journal a whole turn: check its calls, mint their ids, write the message as later requests will hold it."""
        log = self._log
        now = log.now()
        heads: list[e.CallHead] = []
        written: list[ToolCall] = []
        number = log.state.made
        fresh: dict[tuple[str, bytes], int] = {}
        for position, raw in enumerate(() if turn.malformed else turn.calls):
            number += 1
            head, arguments = self._check(number, called.message, raw, offer, fresh)
            heads.append(loop.flaw(head, position, log.state.limits))
            name = head.name if head.problem != "unknown_tool" else _wanted(raw)
            written.append(ToolCall(call_id(log.identity.run, number), name, arguments))
        leaked = log.transcript.leaked if turn.malformed else ""
        keep = turn.reasoning and log.agent.route.profile.reasoning
        message = Message(
            "assistant",
            turn.text or None,
            tool_calls=tuple(written),
            reasoning=turn.reasoning if keep else None,
        )
        self._add(
            e.ModelReplied(
                at=now,
                turn=called.turn,
                attempt=called.attempt,
                message=log.put("assistant", encode_message(message), called.message),
                calls=tuple(heads),
                text=bool(turn.text),
                usage=bounded(turn.usage),
                finish=turn.finish[:MOST_WORDS],
                response_model=turn.model[:MOST_WORDS],
                fingerprint=turn.fingerprint[:MOST_WORDS],
                malformed=turn.malformed,
                margin=turn.margin,
                first_token_us=self._first_delta_at - called.at if self._first_delta_at else 0,
                duration_us=now - called.at,
                leaked=log.put("leaked", leaked.encode()) if leaked else None,
            )
        )
        meters = log.services.meters
        meters.count(meters.model_calls, called.model, "malformed" if turn.malformed else "ok")
        meters.observe(meters.model_seconds, (now - called.at) / 1e6, called.model)

    def _check(
        self, number: int, message: int, raw: RawCall, offer: Offer, fresh: dict[tuple[str, bytes], int]
    ) -> tuple[e.CallHead, str]:
        """Read one call as the model wrote it; returns its head and the arguments that go into the history."""
        log = self._log
        name = match_name(raw.name, offer.server) or match_name(raw.name, offer.client)
        arguments = normalise_arguments(raw.arguments)
        problem: e.Problem | None = None
        if name is None:
            name, problem = UNKNOWN, "unknown_tool"
        if isinstance(arguments, str):
            content = log.put("raw", raw.arguments.encode(errors="replace"))
            return e.CallHead(number, name, content, problem=problem or arguments), NO_ARGUMENTS
        content = e.Content(message, log.bind(arguments))
        text = arguments.decode()
        log.given[number] = arguments
        if problem is not None:
            return e.CallHead(number, name, content, problem=problem), text
        key = (name, content.mac)
        seen = log.state.repeats.get(key, 0) + fresh.get(key, 0)
        fresh[key] = fresh.get(key, 0) + 1
        release = offer.server.get(name)
        if release is None:
            return e.CallHead(number, name, content, side="client", repeats=seen), text
        wrong = misfit(log.agent.tools[name], arguments)
        return (
            e.CallHead(
                number,
                name,
                content,
                release=release.digest,
                effect=release.effect,
                problem="invalid_arguments" if wrong else None,
                repeats=seen,
                field=field_at_fault(wrong, release.spec.input_schema) if wrong else "",
            ),
            text,
        )


def _wanted(raw: RawCall) -> str:
    """Return the name a model made up, as far as it looks like one."""
    return (raw.name.partition("<|")[0].strip() or "unnamed")[:64]
