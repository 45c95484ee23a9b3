"""Drives one run: performs the effects the loop asks for and feeds the events back; the only place that does.

A driver holds a run from its start, or from a resumption, until it parks or finishes. The barriers, where a commit is
awaited before the effect, are: before a model call, before a call that may have side effects (with an fsync), and
before anybody is told that the run waits or is over. One effect at a time is performed in the driver's own task;
parallel calls get tasks of their own. Whatever comes from outside is folded at once by `deliver`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from toolyard_memory.sessions import Continuation, continuation_key
from toolyard_registry.policy import decide
from toolyard_registry.releases import PolicyCall
from toolyard_sdk import events as e
from toolyard_sdk.canonical import canonical
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, ModelError
from toolyard_sdk.ids import show
from toolyard_sdk.messages import Message, ToolCall
from toolyard_sdk.ports import Delta, RawCall, Tool, Turn

from toolyard_runtime import answers, loop
from toolyard_runtime.binding import Offer
from toolyard_runtime.calling import InDoubt, Returned, execute
from toolyard_runtime.models.calls import match_name, normalise_arguments
from toolyard_runtime.models.encoder import ENCODER, arguments_of, encode_message
from toolyard_runtime.retry import retry_delay
from toolyard_runtime.runlog import RunLog
from toolyard_runtime.segments import Sampling
from toolyard_runtime.store.runs import RunRow, RunStatus
from toolyard_runtime.transcript import call_id

NO_ARGUMENTS = "{}"
"""What the history shows in place of arguments nobody could read: many chat templates parse it."""


class RunContext(msgspec.Struct, frozen=True):
    """What the request asked for beyond its messages, and what the caller brings.

    `doubts` are the session's calls in doubt from earlier runs as (tool, canonical arguments); `visible` is what a
    client that resends whole conversations sent, by role and text, and `prologue` what is said before the answer.
    """

    roles: frozenset[str] = frozenset()
    instructions: str = ""
    client_tools: tuple[Any, ...] = ()
    sampling: Sampling | None = None
    stream: bool = False
    doubts: frozenset[tuple[str, bytes]] = frozenset()
    visible: tuple[bytes, ...] | None = None
    prologue: str = ""


class Driver:
    """One run under way; `run` returns when it rests, and `log.feed` tells everybody what happens."""

    def __init__(self, log: RunLog, row: RunRow, context: RunContext) -> None:
        self.log = log
        self.row = row
        self.context = context
        self.gone = asyncio.Event()
        self._todo: deque[loop.Effect] = deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._here: int | str | None = None
        self._interrupted = False
        self._task: asyncio.Task[Any] | None = None
        self._wake: asyncio.Future[None] | None = None
        self._resting = False
        self._given: dict[int, bytes] = {}
        self._offer: Offer | None = None
        self._offer_version = -1
        self._first_delta_at = 0

    # --- from outside ---

    def deliver(self, *events: e.RunEvent) -> None:
        """Fold events from outside; what they stop is stopped at once, the rest follows in turn."""
        for event in events:
            self._todo.extend(self.log.append(event))
        for effect in [effect for effect in self._todo if isinstance(effect, loop.Abort | loop.AbortModel)]:
            self._todo.remove(effect)
            self._abort(effect)
        self._rouse()

    @property
    def resting(self) -> bool:
        """Whether the run has parked or finished under this driver."""
        return self._resting

    async def run(self, effects: tuple[loop.Effect, ...]) -> None:
        """Perform effects until the run parks or finishes; raises what the stores raise."""
        self._task = asyncio.current_task()
        self._todo.extend(effects)
        budget = self.log.state.limits.seconds - self.log.state.active_us / 1e6
        timer = asyncio.get_running_loop().call_later(max(budget, 0), self._out_of_time)
        try:
            while not self._resting:
                if self._todo:
                    await self._perform(self._todo.popleft())
                else:
                    await self._sleep()
        finally:
            timer.cancel()
            for task in self._tasks.values():
                task.cancel()

    async def _sleep(self) -> None:
        if not self._tasks:
            raise RuntimeError(f"run {self.log.identity.run.hex()} has nothing to do in phase {self.log.state.phase}")
        self._wake = asyncio.get_running_loop().create_future()
        await self._wake

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _out_of_time(self) -> None:
        if not self._resting:
            self.deliver(e.DeadlineReached(self.log.now(), "time"))

    def _add(self, event: e.RunEvent) -> None:
        self._todo.extend(self.log.append(event))

    async def _perform(self, effect: loop.Effect) -> None:
        if isinstance(effect, loop.Execute):
            if self._tasks or any(isinstance(other, loop.Execute) for other in self._todo):
                number = effect.call.call
                self._tasks[number] = asyncio.create_task(self._execute_beside(effect))
            else:
                await self._guarded(effect.call.call, self._execute(effect))
        elif isinstance(effect, loop.Think):
            await self._guarded("model", self._think(effect))
        elif isinstance(effect, loop.Park):
            await self._park(effect)
        elif isinstance(effect, loop.Finish):
            await self._finish(effect)
        else:
            AT_ONCE[type(effect)](self, effect)

    async def _guarded(self, what: int | str, work: Any) -> None:
        """Perform one effect here, where `_abort` can find it."""
        self._here = what
        try:
            await work
        finally:
            self._here = None

    async def _execute_beside(self, effect: loop.Execute) -> None:
        try:
            await self._execute(effect)
        except Exception:
            if self._task is not None:
                self._task.cancel()
            raise
        finally:
            self._tasks.pop(effect.call.call, None)
            self._rouse()

    def _abort(self, effect: loop.Abort | loop.AbortModel) -> None:
        """Stop what is under way; it says itself what became of it. What has not begun sees that it shall not."""
        wanted = effect.call.call if isinstance(effect, loop.Abort) else "model"
        task = self._tasks.get(wanted) if isinstance(wanted, int) else None
        if task is not None:
            task.cancel()
        elif self._here == wanted and self._task is not None:
            self._interrupted = True
            self._task.cancel()

    def _was_interrupted(self) -> bool:
        """Tell an abort of the run's own from the cancellation of the whole driver."""
        if asyncio.current_task() is not self._task:
            return self._task is not None and not self._task.cancelling()
        if self._interrupted and self._task is not None:
            self._interrupted = False
            self._task.uncancel()
            return True
        return False

    # --- thinking ---

    def _offered(self) -> Offer:
        stops = self.log.services.stops
        if self._offer is None or self._offer_version != stops.version:
            stopped = stops.tools(self.log.identity.tenant)
            self._offer = self.log.agent.offer(stopped, self.context.client_tools)
            self._offer_version = stops.version
        return self._offer

    async def _think(self, effect: loop.Think) -> None:
        log = self.log
        if effect.not_before > log.now():
            try:
                await log.services.clock.sleep((effect.not_before - log.now()) / 1e6)
            except asyncio.CancelledError:
                if not self._was_interrupted():
                    raise
                self._add(e.ModelFailed(log.now(), effect.turn, effect.attempt, "cancelled"))
                return
        why = log.services.stops.run_stopped(log.identity.tenant, log.identity.agent)
        if why and not log.state.closing:
            self.deliver(e.CancelRequested(log.now(), "operator", "stopped"))
        if log.state.closing:
            self._add(e.ModelFailed(log.now(), effect.turn, effect.attempt, "cancelled"))
            return
        offer = self._offered()
        if offer.digest != log.state.offered:
            self._add(e.ToolsOffered(log.now(), effect.turn, offer.candidates, offer.digest))
        stream = self.context.stream and effect.variant == "plain"
        prefix = log.agent.prefix(
            offer,
            stream=stream,
            variant=effect.variant,
            tenant=log.identity.tenant,
            instructions=self.context.instructions,
            sampling=self.context.sampling,
        )
        body, digest = log.conversation.request(prefix)
        items = log.conversation.window.items
        called = e.ModelCalled(
            at=log.now(),
            turn=effect.turn,
            attempt=effect.attempt,
            model=log.agent.route.name,
            encoder=ENCODER,
            window_start=items[0].ref,
            window_end=items[-1].ref,
            offered=offer.digest,
            request=digest,
            message=log.reserve(),
            variant=f"{effect.variant}+stream" if stream else effect.variant,
        )
        self._add(called)
        await self._ask_model(called, body, offer, stream)

    async def _ask_model(self, called: e.ModelCalled, body: bytes, offer: Offer, stream: bool) -> None:
        log = self.log
        meters = log.services.meters
        self._first_delta_at = 0
        left = log.state.limits.seconds - (log.state.active_us + called.at - log.state.active_since) / 1e6
        try:
            await log.commit()
            turn = await log.agent.route.port.reply(
                body,
                timeout=max(left, 0.001),
                on_delta=self._on_delta if stream else None,
                request_id=f"{log.identity.run.hex()}-{called.turn}-{called.attempt}",
            )
        except ModelError as error:
            meters.count(meters.model_calls, called.model, error.fault)
            self._add(self._failure(called, error))
            return
        except asyncio.CancelledError:
            if not self._was_interrupted():
                raise
            meters.count(meters.model_calls, called.model, "cancelled")
            self._add(self._failure(called, ModelError("cancelled", "the run is ending")))
            return
        self._take_turn(called, turn, offer)

    def _on_delta(self, delta: Delta) -> None:
        if delta.text:
            if not self._first_delta_at:
                self._first_delta_at = self.log.now()
            self.log.show(delta.text)

    def _failure(self, called: e.ModelCalled, error: ModelError) -> e.ModelFailed:
        log = self.log
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
        log = self.log
        now = log.now()
        heads: list[e.CallHead] = []
        written: list[ToolCall] = []
        number = log.state.made
        fresh: dict[tuple[str, bytes], int] = {}
        for position, raw in enumerate(() if turn.malformed else turn.calls):
            number += 1
            head, arguments = self._check(number, called.message, raw, offer, fresh)
            heads.append(loop.flaw(head, position, log.state.limits))
            written.append(ToolCall(call_id(log.identity.run, number), head.name, arguments))
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
                usage=turn.usage,
                finish=turn.finish,
                response_model=turn.model,
                fingerprint=turn.fingerprint,
                malformed=turn.malformed,
                margin=turn.margin,
                first_token_us=self._first_delta_at - called.at if self._first_delta_at else 0,
                duration_us=now - called.at,
            )
        )
        meters = log.services.meters
        meters.count(meters.model_calls, called.model, "malformed" if turn.malformed else "ok")
        meters.observe(meters.model_seconds, (now - called.at) / 1e6, called.model)
        if turn.usage.input_tokens:
            meters.count(meters.tokens, called.model, "input", by=turn.usage.input_tokens)
        if turn.usage.output_tokens:
            meters.count(meters.tokens, called.model, "output", by=turn.usage.output_tokens)

    def _check(
        self, number: int, message: int, raw: RawCall, offer: Offer, fresh: dict[tuple[str, bytes], int]
    ) -> tuple[e.CallHead, str]:
        """Read one call as the model wrote it; returns its head and the arguments that go into the history."""
        log = self.log
        name = match_name(raw.name, offer.server) or match_name(raw.name, offer.client)
        arguments = normalise_arguments(raw.arguments)
        problem: e.Problem | None = None
        if name is None:
            name, problem = (raw.name.partition("<|")[0].strip() or "unnamed")[:64], "unknown_tool"
        if isinstance(arguments, str):
            content = log.put("raw", raw.arguments.encode(errors="replace"))
            return e.CallHead(number, name, content, problem=problem or arguments), NO_ARGUMENTS
        content = e.Content(message, log.bind(arguments))
        text = arguments.decode()
        self._given[number] = arguments
        if problem is not None:
            return e.CallHead(number, name, content, problem=problem), text
        key = (name, content.mac)
        seen = log.state.repeats.get(key, 0) + fresh.get(key, 0)
        fresh[key] = fresh.get(key, 0) + 1
        release = offer.server.get(name)
        if release is None:
            return e.CallHead(number, name, content, side="client", repeats=seen), text
        if _misfit(log.agent.tools[name], arguments):
            problem = "invalid_arguments"
        return (
            e.CallHead(
                number, name, content, release=release.digest, effect=release.effect, problem=problem, repeats=seen
            ),
            text,
        )

    # --- acting ---

    def _arguments(self, call: e.CallHead) -> bytes:
        """Return a call's canonical arguments, which lie in the turn's message."""
        known = self._given.get(call.call)
        if known is None:
            message = self.log.contents[self.log.state.message]
            for made, text in zip(self.log.state.calls, arguments_of(message), strict=True):
                self._given[made.head.call] = text.encode()
            known = self._given[call.call]
        return known

    def _judge(self, effect: loop.Judge) -> None:
        log, call = self.log, effect.call
        release = log.agent.release
        decision, rule, reason = decide(release.policy, self._policy_call(call))
        if decision != "reject" and self._in_doubt_before(call):
            decision, rule, reason = "ask", "doubt.unresolved", "this very call may already have happened"
        self._record_ruling(call, decision, rule, release.policy.digest, reason)

    def _policy_call(self, call: e.CallHead) -> PolicyCall:
        log = self.log
        granted = next(tool for tool in log.agent.release.tools if tool.digest == call.release)
        return PolicyCall(
            tool=call.name,
            agent=log.identity.agent,
            tenant=log.identity.tenant,
            roles=self.context.roles,
            annotations=granted.spec.annotations,
            arguments=msgspec.json.decode(self._arguments(call)) if log.agent.release.policy.rules else {},
        )

    def _record_ruling(self, call: e.CallHead, decision: e.Decision, rule: str, policy: str, reason: str) -> None:
        log = self.log
        self._add(
            e.PolicyDecided(
                at=log.now(),
                decision=decision,
                rule=rule,
                policy=policy,
                call=call.call,
                reason=log.put("reason", reason.encode()) if reason else None,
            )
        )
        log.services.meters.count(log.services.meters.decisions, decision)

    def _in_doubt_before(self, call: e.CallHead) -> bool:
        """Tell whether this very call is in doubt, in this run or in an earlier one of the session."""
        mac = call.arguments.mac
        if any(doubt.name == call.name and doubt.arguments == mac for doubt in self.log.state.doubts):
            return True
        return bool(self.context.doubts) and (call.name, self._arguments(call)) in self.context.doubts

    def _forbidden(self, call: e.CallHead) -> tuple[str, str, str] | None:
        """Check again right before a start what may have changed since the policy spoke: (rule, policy, reason)."""
        log = self.log
        if call.name in log.services.stops.tools(log.identity.tenant):
            return "stop.tool", "", "an operator has stopped this tool"
        if log.services.stops.run_stopped(log.identity.tenant, log.identity.agent):
            return "stop.run", "", "an operator has stopped this agent"
        current = log.services.current_release(log.identity.agent)
        if current is None or current.digest == log.agent.release.digest:
            return None
        if all(tool.spec.name != call.name for tool in current.tools):
            return "grant.revoked", current.policy.digest, "the agent may no longer call this tool"
        if current.policy.digest != log.agent.release.policy.digest:
            subject = self._policy_call(call)
            decision, rule, reason = decide(
                current.policy, msgspec.structs.replace(subject, arguments=msgspec.json.decode(self._arguments(call)))
            )
            if decision == "reject":
                return rule, current.policy.digest, reason
        return None

    def _ask(self, effect: loop.Ask) -> None:
        log, call = self.log, effect.call
        approval = log.services.new_id()
        now = log.now()
        expires = now + int(log.agent.release.approval_seconds * 1e6)
        self._add(
            e.ApprovalRequested(
                at=now,
                approval=approval,
                call=call.call,
                binding=self._binding(call),
                expires_at=expires,
                doubt=self._in_doubt_before(call),
            )
        )
        log.services.approvals.add(
            log.tx,
            approval=approval,
            tenant=log.identity.tenant,
            run=log.identity.run,
            call=call.call,
            requested_at=now,
            expires_at=expires,
        )

    def _binding(self, call: e.CallHead) -> bytes:
        """Commit to what a person approves: this tool release with these arguments in this run."""
        run = show("run", self.log.identity.run)
        return self.log.bind(canonical([call.release, self._arguments(call).decode(), run]))

    async def _execute(self, effect: loop.Execute) -> None:
        log, call = self.log, effect.call
        if self._stage_of(call.call) != "cleared":
            self._return(call, Returned(answers.dropped_words(call.name), is_error=True), "cancelled")
            return
        forbidden = self._forbidden(call)
        if forbidden is not None:
            rule, policy, reason = forbidden
            self._record_ruling(call, "reject", rule, policy, reason)
            return
        repeatable = call.effect != "side_effect"
        key = call_id(log.identity.run, call.call)
        self._add(e.ToolStarted(log.now(), call.call, call.release, call.arguments.mac, effect.attempt, key))
        seconds = log.agent.release.tool_seconds
        try:
            if call.effect != "read_only":
                await log.commit("full")
            if self._stage_of(call.call) != "running":  # cancelled while the disk was busy: nothing was sent
                self._return(call, Returned(answers.dropped_words(call.name), is_error=True), "cancelled")
                return
            outcome, duration = await execute(
                log.agent.tools[call.name],
                self._arguments(call),
                self._tool_context(call, key, effect.attempt, seconds),
                seconds=seconds,
                output_bytes=log.agent.release.tool_output_bytes,
                repeatable=repeatable,
            )
        except asyncio.CancelledError:
            if not self._was_interrupted():
                raise
            if repeatable:
                self._return(call, Returned(answers.cancelled_words(call.name), is_error=True), "cancelled")
            else:
                self._doubt(call, "cancelled")
            return
        if isinstance(outcome, InDoubt):
            self._doubt(call, outcome.why)
        else:
            self._return(call, outcome, outcome.source, duration)

    def _stage_of(self, number: int) -> str:
        return next((call.stage for call in self.log.state.calls if call.head.call == number), "answered")

    def _tool_context(self, call: e.CallHead, key: str, attempt: int, seconds: float) -> ToolContext:
        log = self.log
        return ToolContext(
            tenant=log.identity.tenant,
            end_user=log.identity.end_user,
            run=show("run", log.identity.run),
            session=show("session", log.identity.session),
            call=key,
            idempotency_key=key,
            deadline=log.now() + int(seconds * 1e6),
            attempt=attempt,
        )

    def _result(self, call: e.CallHead, text: str) -> e.Content:
        message = Message("tool", text, tool_call_id=call_id(self.log.identity.run, call.call))
        return self.log.put("tool", encode_message(message))

    def _return(self, call: e.CallHead, outcome: Returned, source: e.AnswerSource, duration: int = 0) -> None:
        log = self.log
        self._add(
            e.ToolReturned(
                at=log.now(),
                call=call.call,
                result=self._result(call, outcome.text),
                is_error=outcome.is_error,
                source=source,
                duration_us=duration,
                cut=outcome.cut,
            )
        )
        meters = log.services.meters
        known = call.name if call.problem != "unknown_tool" else "unknown"
        meters.count(meters.tool_calls, known, source)
        if duration:
            meters.observe(meters.tool_seconds, duration / 1e6, known)

    def _doubt(self, call: e.CallHead, why: e.DoubtReason) -> None:
        log = self.log
        result = self._result(call, answers.doubt_words(call.name, why))
        self._add(e.ToolInDoubt(log.now(), call.call, why, result))
        log.services.meters.count(log.services.meters.doubts, call.name)

    def _suspect(self, effect: loop.Suspect) -> None:
        self._doubt(effect.call, "crashed")

    def _answer(self, effect: loop.Answer) -> None:
        log, call = self.log, effect.call
        match effect.why:
            case "flawed":
                offer = self._offered()
                detail = "unreadable"
                if call.problem == "invalid_arguments":
                    detail = _misfit(log.agent.tools[call.name], self._arguments(call)) or detail
                text = answers.problem_words(call, detail, offer.names, log.state.limits)
            case "rejected":
                ruling = log.rulings[call.call]
                text = answers.rejected_words(call.name, ruling.rule, log.words(ruling.reason))
            case "denied":
                decided = log.verdicts[call.call]
                text = answers.denied_words(call.name, decided.verdict, log.words(decided.reason))
            case "dropped":
                text = answers.dropped_words(call.name)
        self._return(call, Returned(text, is_error=True), answers.SOURCES[effect.why])

    def _hand_over(self, effect: loop.HandOver) -> None:
        self._add(e.ClientToolsRequested(self.log.now(), effect.calls))

    # --- resting ---

    async def _park(self, effect: loop.Park) -> None:
        log = self.log
        until = min((request.expires_at for request in log.state.approvals.values()), default=0)
        self._add(e.RunParked(log.now(), effect.why, until))
        self._rest("parked")
        await log.commit("full" if log.state.approvals else "normal")
        log.feed.close()

    async def _finish(self, effect: loop.Finish) -> None:
        log, state = self.log, self.log.state
        answered = effect.reason == "stop"
        self._add(
            e.RunFinished(
                at=log.now(),
                reason=effect.reason,
                usage=state.usage,
                turns=state.turn,
                calls=state.made,
                answer=state.message if answered else None,
                error=effect.error,
            )
        )
        self._rest("finished")
        if state.approvals:
            log.services.approvals.withdraw(log.tx, log.identity.tenant, log.identity.run, log.now())
        await log.commit()
        log.conversation.settle(log.identity.run)
        log.services.meters.count(log.services.meters.runs_finished, log.identity.agent, effect.reason)
        log.feed.close()

    async def park_for_shutdown(self) -> None:
        """Leave the run for the server's next start; raises Conflict when another owner has it already."""
        if self._resting:
            return
        self.log.append(e.RunParked(self.log.now(), "shutdown"))
        self._rest("parked")
        await self.log.commit("full")

    def _rest(self, status: RunStatus) -> None:
        """Write what others look up: the run's row, the session's newest item, where the conversation goes on."""
        log, state, identity = self.log, self.log.state, self.log.identity
        self._resting = True
        now = log.now()
        finish = state.finish
        last = loop.last_item(state)
        self.row = msgspec.structs.replace(
            self.row,
            status=status,
            reason=finish.reason if finish else state.parked or "",
            error=finish.error if finish else "",
            finished_at=now if finish else 0,
            segment=state.segment,
            epoch=state.epoch,
            wake_at=state.wake_at,
            input_tokens=state.usage.input_tokens,
            output_tokens=state.usage.output_tokens,
            turns=state.turn,
            calls=state.made,
            doubts=len(state.doubts),
            head_n=state.items[-1] if state.items else 0,
        )
        log.services.runs.update(log.tx, self.row)
        if finish and last is not None:
            log.services.sessions.move_head(log.tx, identity.tenant, identity.session, last, now)
        if self.context.visible is not None and last is not None:
            said = Message("assistant", self.context.prologue + log.services.visible_text(log.transcript.segment()))
            parts = (*self.context.visible, encode_message(said))
            key = continuation_key(identity.tenant, identity.caller, identity.end_user, identity.agent, parts)
            place = Continuation(identity.session, last, log.transcript.index)
            log.services.sessions.remember(log.tx, key, identity.tenant, place)


def _misfit(tool: Tool, arguments: bytes) -> str:
    """Return why arguments do not fit a tool, in its words; "" when they do."""
    try:
        tool.check(arguments)
    except ArgumentsInvalid as error:
        return str(error)
    return ""


AT_ONCE: dict[type, Callable[[Driver, Any], None]] = {
    loop.Judge: Driver._judge,  # noqa: SLF001 - the table belongs to the class above it
    loop.Ask: Driver._ask,  # noqa: SLF001
    loop.Answer: Driver._answer,  # noqa: SLF001
    loop.Suspect: Driver._suspect,  # noqa: SLF001
    loop.HandOver: Driver._hand_over,  # noqa: SLF001
    loop.Abort: Driver._abort,  # noqa: SLF001
    loop.AbortModel: Driver._abort,  # noqa: SLF001
}
"""Effects that wait for nothing."""
