"""A driver for the loop alone: performs its effects in any order, in a world that may be hostile.

It acts as the real one would and knows no clock, task or store. What the world does next is read from bytes; when they
are used up it does the plain thing, so every run comes to its end.
"""

from collections import Counter

from toolyard_runtime.run import loop
from toolyard_sdk import events as e
from toolyard_sdk.messages import EffectClass, Usage

RUN = b"r" * 16
EFFECTS: tuple[EffectClass, ...] = ("read_only", "idempotent", "side_effect")
ENDS = ("cancel", "deadline", "shutdown", "crash")


def content(n: int) -> e.Content:
    """Return a reference to a payload nobody reads."""
    return e.Content(n, b"mac")


class Dice:
    """Choices made by bytes: the first choice of each list is what happens when there are none left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def pick(self, most: int) -> int:
        """Return a number below `most`."""
        self._at += 1
        return self._data[self._at - 1] % most if self._at <= len(self._data) else 0

    @property
    def more(self) -> bool:
        """Whether anything surprising may still happen."""
        return self._at < len(self._data)


class Puppet:
    """One run: `state` is the live state, `journal` what was appended, `open` the effects that are under way."""

    def __init__(self, dice: Dice, limits: e.Limits, *, hostile: bool) -> None:
        self.dice = dice
        self.hostile = hostile
        self.state = loop.RunState()
        self.journal: list[e.RunEvent] = []
        self.open: list[loop.Effect] = []
        self.running: dict[int, loop.Execute] = {}
        self.asking: loop.Think | None = None
        self.answers: Counter[int] = Counter()
        self.thoughts: Counter[int] = Counter()
        self.starts: Counter[int] = Counter()
        self.executed: Counter[tuple[str, bytes]] = Counter()
        self.spent_and_asked = False
        self.resumes = 0
        self._now = 0
        self._n = 10
        self._approval = 0
        inputs = (content(1),)
        self.append(e.RunStarted(0, RUN, b"s" * 16, "t", "key", "agent", "sha256:0", inputs, limits))

    # --- the journal ---

    def now(self) -> int:
        """Return a later time than before."""
        self._now += 1
        return self._now

    def fresh(self) -> e.Content:
        """Return a reference to a new payload."""
        self._n += 1
        return content(self._n)

    def append(self, event: e.RunEvent) -> None:
        """Journal an event, fold it, and check what must hold after every event."""
        before = {call.head.call: call.stage for call in self.state.calls}
        turn, made = self.state.turn, self.state.calls
        self.state, effects = loop.step(self.state, event)
        self.journal.append(event)
        after = {call.head.call: call for call in self.state.calls}
        for call in made:
            gone = call.head.call not in after
            if before[call.head.call] != "answered" and (gone or after[call.head.call].stage == "answered"):
                self.answers[call.head.call] += 1
        assert not (made and self.state.turn > turn and any(self.answers[c.head.call] != 1 for c in made))
        for effect in effects:
            self._take(effect)
        assert self.state.seq == len(self.journal)
        assert self.at_rest or self.open or self.running or self.asking, f"stalled in {self.state.phase} after {event}"

    @property
    def at_rest(self) -> bool:
        """Whether nothing needs to be under way."""
        return self.state.phase in ("new", "parked", "finished")

    def _take(self, effect: loop.Effect) -> None:
        """Note an effect as under way: nothing may be asked for twice."""
        # A ruling that nobody made can clear a call twice; whoever performs the second start sees the first.
        doubled = isinstance(effect, loop.Park) or (self.hostile and isinstance(effect, loop.Execute))
        assert doubled or effect not in self.open, f"{effect} is already under way"
        match effect:
            case loop.Think():
                assert not any(isinstance(other, loop.Think) for other in self.open)
                assert self.asking is None, "two model calls at once"
                self.thoughts[effect.turn] += 1
                spent = self.state.usage.total_tokens
                self.spent_and_asked |= bool(self.state.limits.tokens) and spent >= self.state.limits.tokens
            case loop.Execute(call=call):
                assert call.call not in self.running, "a call is started while it runs"
                assert call.problem is None
                assert call.side == "server"
            case _:
                pass
        self.open.append(effect)

    # --- performing effects, as the driver does ---

    def stage(self, number: int) -> str:
        """Return a call's stage; a call of an earlier turn is answered."""
        return next((call.stage for call in self.state.calls if call.head.call == number), "answered")

    def perform(self, effect: loop.Effect) -> None:
        """Do what an effect asks for, or see that it is not wanted any more."""
        self.open.remove(effect)
        self._do(effect)
        assert self.at_rest or self.open or self.running or self.asking, f"stalled: {effect} was not wanted any more"

    def _do(self, effect: loop.Effect) -> None:  # noqa: C901, PLR0912 - one arm for each effect
        match effect:
            case loop.Think():
                self._think(effect)
            case loop.AbortModel():
                if self.asking is not None:
                    self._reply(aborted=True)
            case loop.Judge(call=call) if self.stage(call.call) == "proposed":
                decision: tuple[e.Decision, ...] = ("approve", "ask", "reject", "approve", "approve", "ask")
                self.append(e.PolicyDecided(self.now(), decision[self.dice.pick(6)], "rule", "policy", call=call.call))
            case loop.Ask(call=call) if self.stage(call.call) == "unasked":
                self._approval += 1
                name = self._approval.to_bytes(16, "big")
                self.append(e.ApprovalRequested(self.now(), name, call.call, b"binding", 10**9))
            case loop.Execute():
                self._execute(effect)
            case loop.Abort(call=call):
                if call.call in self.running:
                    self._settle(call.call, aborted=True)
            case loop.Answer(call=call):
                self.append(e.ToolReturned(self.now(), call.call, self.fresh(), is_error=True, source="check"))
            case loop.Suspect(call=call):
                self.append(e.ToolInDoubt(self.now(), call.call, "crashed", self.fresh()))
            case loop.HandOver(calls=calls):
                left = tuple(number for number in calls if self.stage(number) == "client")
                if left:
                    self.append(e.ClientToolsRequested(self.now(), left))
            case loop.Park(why=why) if loop.waits(self.state):
                self.append(e.RunParked(self.now(), why))
            case loop.Finish(reason=reason, error=error):
                state = self.state
                made = e.RunFinished(self.now(), reason, state.usage, state.turn, state.made, error=error)
                self.append(made)
            case _:
                pass

    def _think(self, effect: loop.Think) -> None:
        turn, attempt = effect.turn, effect.attempt
        if not self.state.closing and self.dice.pick(8) == 7:
            self.asking = effect
            usage, here = Usage(self.dice.pick(20), self.dice.pick(20)), e.ItemRef(RUN, 1)
            self.append(e.WindowCompacted(self.now(), turn, here, 100, 50, usage=usage))
            self.asking = None
        if self.state.closing:
            self.append(e.ModelFailed(self.now(), turn, attempt, "cancelled"))
            return
        self.asking = effect
        self.append(e.ModelCalled(self.now(), turn, attempt, "m", 1, e.ItemRef(RUN, 1), e.ItemRef(RUN, 1), "o", b"", 5))

    def _reply(self, *, aborted: bool) -> None:
        """Let the model answer, or not."""
        assert self.asking is not None
        turn, attempt = self.asking.turn, self.asking.attempt
        self.asking = None
        if aborted:
            self.append(e.ModelFailed(self.now(), turn, attempt, "cancelled"))
            return
        usage = Usage(self.dice.pick(20), self.dice.pick(20))
        match self.dice.pick(20):
            case 0:
                answer = e.ModelReplied(self.now(), turn, attempt, self.fresh(), text=True, usage=usage)
            case 1:
                answer = e.ModelReplied(self.now(), turn, attempt, self.fresh(), usage=usage)
            case 2:
                answer = e.ModelReplied(self.now(), turn, attempt, self.fresh(), malformed="<tool_call", usage=usage)
            case 3:
                retry = self.now() if self.dice.pick(2) else 0
                self.append(e.ModelFailed(self.now(), turn, attempt, "server_error", retry_at=retry))
                return
            case _:
                heads = self._heads()
                answer = e.ModelReplied(self.now(), turn, attempt, self.fresh(), calls=heads, usage=usage)
        self.append(answer)

    def _heads(self) -> tuple[e.CallHead, ...]:
        made: list[e.CallHead] = []
        fresh: Counter[tuple[str, bytes]] = Counter()
        for position in range(1 + self.dice.pick(4)):
            key = ("tool", bytes([self.dice.pick(9)]))
            seen = self.state.repeats.get(key, 0) + fresh[key]
            fresh[key] += 1
            kind = self.dice.pick(9)
            head = e.CallHead(
                self.state.made + position + 1,
                key[0],
                e.Content(1, key[1]),
                side="client" if kind == 7 else "server",
                effect=EFFECTS[kind % 3],
                problem="invalid_json" if kind == 8 else None,
                repeats=seen,
            )
            made.append(loop.flaw(head, position, self.state.limits))
        return tuple(made)

    def _execute(self, effect: loop.Execute) -> None:
        call = effect.call
        if self.stage(call.call) != "cleared":
            if self.stage(call.call) == "aborting":
                self.append(e.ToolReturned(self.now(), call.call, self.fresh(), is_error=True, source="cancelled"))
            return
        match self.dice.pick(12):
            case 10:  # the policy changed meanwhile
                self.append(e.PolicyDecided(self.now(), "reject", "new", "policy", call=call.call))
                return
            case 11:  # the same call came into doubt meanwhile
                self.append(e.PolicyDecided(self.now(), "ask", "doubt", "", call=call.call))
                return
            case _:
                pass
        self.running[call.call] = effect
        self.starts[call.call] += 1
        if effect.attempt == 1:
            self.executed[call.name, call.arguments.mac] += 1
        self.append(e.ToolStarted(self.now(), call.call, "", call.arguments.mac, effect.attempt, "key"))

    def _settle(self, number: int, *, aborted: bool) -> None:
        """Let a running call come to its end."""
        effect = self.running.pop(number)
        if effect.call.effect == "side_effect" and (aborted or self.dice.pick(4) == 3):
            self.append(e.ToolInDoubt(self.now(), number, "cancelled" if aborted else "timeout", self.fresh()))
        else:
            self.append(e.ToolReturned(self.now(), number, self.fresh(), is_error=aborted))

    # --- what the world does ---

    def go_on(self) -> None:
        """Let one thing happen."""
        if self.state.phase == "parked":
            self._wake()
        elif self.dice.more and (surprise := self.dice.pick(24)) >= 20:
            self._surprise(surprise)
        elif self.asking and (not self.open or self.dice.pick(2)):
            self._reply(aborted=False)
        elif self.running and (not self.open or self.dice.pick(2)):
            self._settle(list(self.running)[self.dice.pick(len(self.running))], aborted=False)
        elif self.dice.more and self.dice.pick(3) == 1 and self.state.approvals:
            self._decide()
        else:
            self.perform(self.open[self.dice.pick(len(self.open))])

    def _surprise(self, kind: int) -> None:
        if kind >= 22 and self.hostile:
            self._nonsense()
            return
        match ENDS[self.dice.pick(4)]:
            case "cancel" if self.dice.pick(3) == 1:
                self.append(e.CancelRequested(self.now(), "somebody", "user"))
            case "deadline" if self.dice.pick(3) == 1:
                self.append(e.DeadlineReached(self.now(), "time"))
            case "shutdown":
                self.open.clear()
                self.running.clear()
                self.asking = None
                self.append(e.RunParked(self.now(), "shutdown"))
                self._resume("started_again")
            case "crash":
                self._resume("recovered")
            case _:
                pass

    def _resume(self, why: e.ResumeReason) -> None:
        """A new owner: what was under way is gone, and nothing of it is told."""
        self.open.clear()
        self.running.clear()
        self.asking = None
        self.resumes += 1
        self.append(e.RunResumed(self.now(), self.state.epoch + 1, why))

    def _decide(self) -> None:
        requests = list(self.state.approvals.values())
        request = requests[self.dice.pick(len(requests))]
        verdict: tuple[e.Verdict, ...] = ("approve", "deny", "expired")
        decided = verdict[self.dice.pick(3)]
        self.append(e.ApprovalDecided(self.now(), request.approval, request.call, decided, "somebody", b"binding"))

    def _wake(self) -> None:
        """Somebody decides, answers or cancels: a parked run is taken up again."""
        handed = [call.head.call for call in self.state.calls if call.stage == "handed"]
        if self.dice.pick(6) == 5:
            self.append(e.CancelRequested(self.now(), "somebody", "user"))
        elif handed and self.dice.pick(2) == 0:
            results = tuple(e.ClientResult(number, self.fresh()) for number in handed)
            self.append(e.ClientToolsReturned(self.now(), results))
        elif self.state.approvals:
            self._decide()
        elif handed:
            results = tuple(e.ClientResult(number, self.fresh()) for number in handed)
            self.append(e.ClientToolsReturned(self.now(), results))
        self._resume("approval")

    def _nonsense(self) -> None:
        """Something late, doubled, or about a call that never was; nothing of it is a lie about this run's end."""
        past = self.journal[self.dice.pick(len(self.journal))]
        number = self.dice.pick(self.state.made + 2)
        turn, attempt = self.dice.pick(4), self.dice.pick(4)
        known: list[e.RunEvent] = [
            past,
            e.ToolReturned(self.now(), number, self.fresh()),
            e.ToolInDoubt(self.now(), number, "timeout", self.fresh()),
            e.PolicyDecided(self.now(), "approve", "rule", "policy", call=number),
            e.PolicyDecided(self.now(), "reject", "rule", "policy", call=number),
            e.ApprovalDecided(self.now(), b"?" * 16, number, "approve", "x", b""),
            e.ClientToolsRequested(self.now(), (number, number + 1)),
            e.ClientToolsReturned(self.now(), (e.ClientResult(number, self.fresh()),)),
            e.ModelReplied(self.now(), self.state.turn + turn, attempt + 90, self.fresh(), text=True),
            e.ModelReplied(self.now(), self.state.turn, attempt + 90, self.fresh()),
            e.ModelFailed(self.now(), self.state.turn - turn, attempt + 90, "timeout", retry_at=1),
            e.RunParked(self.now(), "approval"),
            e.RunFinished(self.now(), "stop", Usage(), 0, 0) if self.state.phase != "finishing" else past,
            e.DoubtResolved(self.now(), number, "happened", "x"),
            e.MemoryWritten(self.now(), ("fact",)),
            e.ToolsOffered(self.now(), 1, (), "other"),
            e.ApprovalRequested(self.now(), b"!" * 16, number + 1000, b"", 1),
        ]
        self.append(known[self.dice.pick(len(known))])
