"""Drives one run: performs the effects the loop asks for and feeds the events back; the only place that does.

A driver holds a run from its start, or from a resumption, until it parks or finishes. The barriers, where a commit is
awaited before the effect, are: before a call that may have side effects (with an fsync), before a model call from the
moment anything is at stake, and before anybody is told that the run waits or is over. What has no barrier of its own
becomes durable soon after. One effect at a time is performed in the driver's own task;
parallel calls get tasks of their own. Whatever comes from outside is folded at once by `deliver`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from toolyard_memory.sessions.store import Continuation, continuation_key
from toolyard_sdk import events as e
from toolyard_sdk.messages import Message

from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run import loop
from toolyard_runtime.run.acts import Acts
from toolyard_runtime.run.interrupts import MODEL, Interrupts
from toolyard_runtime.run.runlog import RunContext, RunLog
from toolyard_runtime.run.turns import Turns
from toolyard_runtime.store.runs import RunRow, RunStatus


class Driver:
    """One run under way; `run` returns when it rests, `log.feed` tells what happens and `gone` that it is over."""

    def __init__(self, log: RunLog, row: RunRow, context: RunContext) -> None:
        self.log = log
        self.row = row
        self.context = context
        self.gone = asyncio.Event()
        self._interrupts = Interrupts()
        self._turns = Turns(log, context, self._add, self._interrupts)
        self._acts = Acts(log, context, self._add, self._interrupts, self._turns)
        self._todo: deque[loop.Effect] = deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._failed: Exception | None = None
        self._wake: asyncio.Future[None] | None = None
        self._resting = False

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

    @property
    def attended(self) -> bool:
        """Whether a client waits for the run: one that began in background, or goes on since a decision, has none."""
        return self.row.mode == "foreground" and not self.log.state.decided

    async def run(self, effects: tuple[loop.Effect, ...]) -> None:
        """Perform effects until the run parks or finishes; raises what the stores raise."""
        self._todo.extend(effects)
        budget = self.log.state.limits.seconds - self.log.state.active_us / 1e6
        timer = asyncio.get_running_loop().call_later(max(budget, 0), self._out_of_time)
        try:
            while not self._resting:
                if self._failed is not None:
                    raise self._failed
                if self._todo:
                    await self._perform(self._todo.popleft())
                else:
                    await self._sleep()
        finally:
            timer.cancel()
            for task in self._tasks.values():
                task.cancel()

    def let_go(self) -> None:
        """Part with what performs effects and points back here: a run that is over then takes no garbage collector."""
        del self._turns, self._acts

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
        at_once = AT_ONCE.get(type(effect))
        if at_once is not None:
            at_once(self, effect)
        else:
            await IN_TIME[type(effect)](self, effect)

    async def _execute(self, effect: loop.Execute) -> None:
        if len(self.log.state.calls) > 1:  # the turn's other calls must not wait for this one
            self._tasks[effect.call.call] = asyncio.create_task(self._execute_beside(effect))
        else:
            await self._acts.execute(effect)

    async def _ask(self, effect: loop.Ask) -> None:
        self._acts.ask(effect)
        if self._tasks or self._todo:  # the question must be answerable while other calls still run
            await self.log.commit("full")

    async def _execute_beside(self, effect: loop.Execute) -> None:
        try:
            await self._acts.execute(effect)
        except Exception as error:  # noqa: BLE001 - the driver's own task raises it
            self._failed = self._failed or error
        finally:
            self._tasks.pop(effect.call.call, None)
            self._rouse()

    def _abort(self, effect: loop.Abort | loop.AbortModel) -> None:
        """Stop what is under way; it says itself what became of it. What has not begun sees that it shall not."""
        self._interrupts.stop(effect.call.call if isinstance(effect, loop.Abort) else MODEL)

    # --- resting ---

    async def _park(self, effect: loop.Park) -> None:
        log = self.log
        if not loop.waits(log.state):
            return  # something came from outside since the loop asked for this, and what follows from it comes first
        patience = log.now() + int(log.agent.release.approval_seconds * 1e6)
        until = min((request.expires_at for request in log.state.approvals.values()), default=patience)
        await self._hear()
        self._add(e.RunParked(log.now(), effect.why, until))
        self._rest("parked")
        await log.close("full" if log.state.approvals else "normal")

    async def _finish(self, effect: loop.Finish) -> None:
        await self._hear()
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
        log.conversation.settle(log.identity.run)
        meters = log.services.meters
        meters.count(meters.runs_finished, log.identity.agent, effect.reason)
        meters.count(meters.tokens, log.agent.route.name, "input", by=state.usage.input_tokens)
        meters.count(meters.tokens, log.agent.route.name, "output", by=state.usage.output_tokens)
        await log.close()

    async def _hear(self) -> None:
        """Let what was answered be recalled later, where the agent remembers."""
        if self.log.agent.release.memory is not None and self.log.identity.end_user is not None:
            await self.log.services.mind().hear(self.log, asked=False)

    async def park_for_shutdown(self) -> None:
        """Leave the run for the server's next start; raises Conflict when another owner has it already."""
        if self._resting:
            return
        await self._hear()
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
        log.file_items()
        log.keep(self.row, last if finish else None)
        if self.context.visible is not None and last is not None:
            said = Message("assistant", self.context.prologue + log.services.visible_text(log.transcript.segment()))
            parts = (*self.context.visible, encode_message(said))
            key = continuation_key(identity.tenant, identity.caller, identity.end_user, identity.agent, parts)
            place = Continuation(identity.session, last, log.transcript.index)
            log.services.sessions.remember(log.tx, key, identity.tenant, place)


AT_ONCE: dict[type, Callable[[Driver, Any], None]] = {
    loop.Judge: lambda driver, effect: driver._acts.judge(effect),  # noqa: SLF001 - the table belongs to the class above it
    loop.Answer: lambda driver, effect: driver._acts.answer(effect),  # noqa: SLF001
    loop.Suspect: lambda driver, effect: driver._acts.suspect(effect),  # noqa: SLF001
    loop.HandOver: lambda driver, effect: driver._acts.hand_over(effect),  # noqa: SLF001
    loop.Abort: Driver._abort,  # noqa: SLF001
    loop.AbortModel: Driver._abort,  # noqa: SLF001
}
"""Effects that nothing is awaited for."""

IN_TIME: dict[type, Callable[[Driver, Any], Coroutine[Any, Any, None]]] = {
    loop.Think: lambda driver, effect: driver._turns.think(effect),  # noqa: SLF001 - likewise
    loop.Execute: Driver._execute,  # noqa: SLF001
    loop.Ask: Driver._ask,  # noqa: SLF001
    loop.Park: Driver._park,  # noqa: SLF001
    loop.Finish: Driver._finish,  # noqa: SLF001
}
