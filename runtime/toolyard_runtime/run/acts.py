"""The calls of a run: asking the policy and people, executing, and answering for those that do not run."""

import logging
from collections.abc import Callable

import msgspec
from toolyard_registry.names import FIND_TOOLS, OWN_SOURCE, READ_RESULT
from toolyard_registry.policy import HELD, YANKED, decide, reason_of
from toolyard_registry.releases import PolicyCall, ToolRelease
from toolyard_sdk import events as e
from toolyard_sdk.asking import Question, answering
from toolyard_sdk.canonical import canonical
from toolyard_sdk.context import ToolContext
from toolyard_sdk.ids import show
from toolyard_sdk.messages import Message

from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run import answers, loop
from toolyard_runtime.run.calling import InDoubt, Outcome, Returned, execute, misfit
from toolyard_runtime.run.finding import FindTools, names_found
from toolyard_runtime.run.interrupts import Interrupted, Interrupts
from toolyard_runtime.run.mind import Gathered
from toolyard_runtime.run.questions import unfit
from toolyard_runtime.run.rest import KEPT, ReadResult, how_to_go_on
from toolyard_runtime.run.runlog import Progress, RunContext, RunLog
from toolyard_runtime.run.services import WayOut
from toolyard_runtime.run.transcript import call_id, read_call_id
from toolyard_runtime.run.turns import Turns
from toolyard_runtime.run.ways_back import Waiting
from toolyard_runtime.run.wholes import whole_of
from toolyard_runtime.secrets.redaction import Redactor

IN_DOUBT = ("doubt.unresolved", "")
"""The rule and the policy (none) for asking about a call that is in doubt."""

ASK = answering(())
"""What a call asks with that has no answer yet."""

TOOL_LOG = logging.getLogger("toolyard.tool")


class Acts:
    """Performs every effect about a call. `add` and `interrupts` as in `Turns`, which knows what is offered."""

    def __init__(
        self,
        log: RunLog,
        context: RunContext,
        add: Callable[[e.RunEvent], None],
        interrupts: Interrupts,
        turns: Turns,
    ) -> None:
        self._log = log
        self._context = context
        self._add = add
        self._interrupts = interrupts
        self._turns = turns
        self._gathered: dict[int, Gathered] = {}

    def judge(self, effect: loop.Judge) -> None:
        """Ask the policy about a call and journal its ruling."""
        log, call = self._log, effect.call
        if self._stage_of(call.call) != "proposed":
            return  # the run has begun to end since the loop asked for this
        release = log.agent.release
        decision, rule, _ = decide(release.policy, self._policy_call(call))
        if decision != "reject" and self._in_doubt_before(call):
            self._record_ruling(call, "ask", *IN_DOUBT)
            return
        self._record_ruling(call, decision, rule, release.policy.digest)

    def _policy_call(self, call: e.CallHead) -> PolicyCall:
        log = self._log
        return PolicyCall(
            tool=call.name,
            agent=log.identity.agent,
            tenant=log.identity.tenant,
            roles=self._context.roles,
            annotations=self._granted(call).spec.annotations,
            own=self._granted(call).source == OWN_SOURCE,
            arguments=msgspec.json.decode(self._log.arguments(call)) if log.agent.release.policy.rules else {},
        )

    def _granted(self, call: e.CallHead) -> ToolRelease:
        """Return the release that a call is of."""
        return next(tool for tool in self._log.agent.release.tools if tool.digest == call.release)

    def _record_ruling(self, call: e.CallHead, decision: e.Decision, rule: str, policy: str) -> None:
        """Journal a ruling by its rule's id: the reason in words is the operator's and stays in the release."""
        log = self._log
        self._add(e.PolicyDecided(log.now(), decision, rule, policy, call=call.call))
        log.services.meters.count(log.services.meters.decisions, decision)

    def _in_doubt_before(self, call: e.CallHead) -> bool:
        """Tell whether this very call is in doubt, in this run or in an earlier one of the session."""
        mac = call.arguments.mac
        if any(doubt.name == call.name and doubt.arguments == mac for doubt in self._log.state.doubts):
            return True
        return bool(self._context.doubts) and (call.name, self._log.arguments(call)) in self._context.doubts

    def _reason(self, ruling: e.PolicyDecided) -> str:
        """Return a ruling's reason in words: of the run's own policy, or of one that came after it."""
        log = self._log
        current = log.services.current_release(log.identity.agent)
        policies = [release.policy for release in (log.agent.release, current) if release is not None]
        policy = next((policy for policy in policies if policy.digest == ruling.policy), None)
        return log.words(ruling.reason) or reason_of(ruling.rule, policy)

    def _stopped(self, call: e.CallHead) -> str:
        """Return the rule by which an operator has stopped this tool or the whole run, or ""."""
        stops, identity = self._log.services.stops, self._log.identity
        if call.name in stops.tools(identity.tenant):
            return "stop.tool"
        return "stop.run" if stops.run_stopped(identity.tenant, identity.agent) else ""

    def _forbidden(self, call: e.CallHead) -> tuple[str, str] | None:
        """Check again right before a start what may have changed since the policy spoke: (rule, policy)."""
        withdrawn = self._withdrawn(call)
        return (withdrawn, "") if withdrawn else self._ruled_out(call)

    def _withdrawn(self, call: e.CallHead) -> str:
        """Return the rule by which nobody may call this now, or not this caller, or ""."""
        log = self._log
        stopped = self._stopped(call)
        if stopped:
            return stopped
        if log.services.yanks.forbids(log.identity.tenant, self._granted(call)):
            return YANKED
        if log.services.is_held(call.name):
            return HELD
        sees = log.services.sights.sees(log.identity.tenant, self._context.roles, log.identity.agent, call.name)
        return "" if sees else "grant.revoked"

    def _ruled_out(self, call: e.CallHead) -> tuple[str, str] | None:
        """Return the rule and policy by which the agent, as its files say now, may not make this call."""
        log = self._log
        current = log.services.current_release(log.identity.agent)
        if current is None:  # the agent's file is gone, or cannot be read: whatever it granted is not granted now
            return "grant.revoked", ""
        if current.digest == log.agent.release.digest:
            return None
        if all(tool.spec.name != call.name for tool in current.tools):
            return "grant.revoked", current.policy.digest
        if current.policy.digest != log.agent.release.policy.digest:
            subject = self._policy_call(call)
            decision, rule, _ = decide(
                current.policy,
                msgspec.structs.replace(subject, arguments=msgspec.json.decode(self._log.arguments(call))),
            )
            if decision == "reject":
                log.services.keep_release(log.tx, log.identity.tenant, current)  # no run of the tenant may have yet
                return rule, current.policy.digest
        return None

    def ask(self, effect: loop.Ask) -> None:
        """Ask a person about a call: the approval and its row, in one transaction."""
        log, call = self._log, effect.call
        if self._stage_of(call.call) != "unasked":
            return
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
        run = show("run", self._log.identity.run)
        return self._log.bind(canonical([call.release, self._log.arguments(call).decode(), run]))

    async def execute(self, effect: loop.Execute) -> None:
        """Start a call, durable before anything can happen, and journal what became of it."""
        log, call = self._log, effect.call
        if not self._may_start(call):
            return
        key = call_id(log.identity.run, call.call)
        self._add(e.ToolStarted(log.now(), call.call, call.release, call.arguments.mac, effect.attempt, key))
        if call.effect == "read_only":  # a quick one becomes durable with its result
            log.commit_in_time()
        else:
            log.at_stake = True
            await log.commit("full")
        if self._stage_of(call.call) != "running" or self._stopped(call):  # while the disk was busy: nothing was sent
            self._return(call, Returned(answers.dropped_words(call.name), is_error=True), "cancelled")
            return
        try:
            outcome, duration = await self._interrupts.during(call.call, self._call(call, key, effect.attempt))
        except Interrupted:
            if call.effect == "side_effect":
                self._doubt(call, "cancelled")
            else:
                self._return(call, Returned(answers.cancelled_words(call.name), is_error=True), "cancelled")
            return
        if isinstance(outcome, Returned):
            self._return(call, outcome, outcome.source, duration)
        elif isinstance(outcome, InDoubt):
            self._doubt(call, outcome.why)
        else:
            await self._question(call, outcome.question, duration)

    async def _question(self, call: e.CallHead, question: Question, duration: int) -> None:
        """Let a call wait for a person's answer; a question that cannot be put to one is the call's error."""
        log = self._log
        if self._stage_of(call.call) != "running":
            self._return(call, Returned(answers.dropped_words(call.name), is_error=True), "cancelled")
            return
        problem = unfit(question, len(log.questions.get(call.call, ())))
        if problem:
            self._return(call, Returned(f"{call.name} failed: {problem}", is_error=True), "tool", duration)
            return
        content = log.put("question", msgspec.json.encode(question))
        self._add(e.InputRequested(log.now(), call.call, log.services.new_id(), content))
        if question.url:
            here = Waiting(log.identity.tenant, log.identity.run, call.call)
            log.services.ways_back.expect(question.url, here)
        await log.commit()  # it must be answerable while other calls still run

    def _may_start(self, call: e.CallHead) -> bool:
        """Look once more before a start; what has changed since it was cleared is journalled instead."""
        log = self._log
        stage = self._stage_of(call.call)
        if stage != "cleared":
            if stage == "aborting":  # the run has begun to end before the call has
                self._return(call, Returned(answers.dropped_words(call.name), is_error=True), "cancelled")
            return False
        forbidden = self._forbidden(call)
        if forbidden is not None:
            self._record_ruling(call, "reject", *forbidden)
            return False
        warned = any(made.warned for made in log.state.calls if made.head.call == call.call)
        if not warned and self._in_doubt_before(call):  # since it was cleared the same call has come into doubt
            self._record_ruling(call, "ask", *IN_DOUBT)
            return False
        return True

    async def _call(self, call: e.CallHead, key: str, attempt: int) -> tuple[Outcome, int]:
        log = self._log
        seconds = log.agent.release.tool_seconds
        tool = log.agent.tools[call.name]
        if isinstance(tool, ReadResult):
            tool = tool.within(self._kept, log.agent.release.tool_output_bytes)
        elif isinstance(tool, FindTools):
            tool = tool.without(frozenset(self._turns.withheld()))
        elif log.agent.release.memory is not None:
            gathered = Gathered()
            inner = log.services.mind().within(tool, log, gathered)
            if inner is not tool:  # what any other tool says it has added is its own affair, and no memory of ours
                tool, self._gathered[call.call] = inner, gathered
        origin = log.agent.origins.get(call.name, "")
        way = log.services.way_out(origin, log.identity.tenant, log.identity.end_user)
        return await execute(
            tool,
            log.arguments(call),
            self._tool_context(call, key, attempt, way),
            seconds=seconds,
            output_bytes=log.agent.release.tool_output_bytes,
            repeatable=call.effect != "side_effect",
            redactor=way.redactor,
        )

    def _stage_of(self, number: int) -> str:
        return next((call.stage for call in self._log.state.calls if call.head.call == number), "answered")

    def _tool_context(self, call: e.CallHead, key: str, attempt: int, way: WayOut) -> ToolContext:
        log, redactor = self._log, way.redactor
        return ToolContext(
            tenant=log.identity.tenant,
            end_user=log.identity.end_user,
            run=show("run", log.identity.run),
            session=show("session", log.identity.session),
            call=key,
            idempotency_key=key,
            deadline=log.now() + int(log.agent.release.tool_seconds * 1e6),
            attempt=attempt,
            settings=log.agent.settings.get(call.name, {}),
            egress=way.egress,
            logger=TOOL_LOG if redactor is None else redactor.logger(TOOL_LOG),
            ask=answering(log.answers(call.call)) if log.questions else ASK,
            progress=lambda done, total, message: self._progress(key, Progress(done, total, message), redactor),
        )

    def _progress(self, key: str, made: Progress, redactor: Redactor | None) -> None:
        """Keep how far a call has come, for whoever looks at the run; called from any thread."""
        message = made.message if redactor is None else redactor.text(made.message)
        made = self._log.progress[key] = Progress(made.done, made.total, message[:200])
        for watch in tuple(self._log.watching):
            watch(made)

    def _result(self, call: e.CallHead, text: str) -> e.Content:
        message = Message("tool", text, tool_call_id=call_id(self._log.identity.run, call.call))
        return self._log.put("tool", encode_message(message))

    async def _kept(self, name: str) -> bytes | None:
        """Return the whole of a result that was cut or put away, of this run or an earlier one of its session."""
        log, place = self._log, read_call_id(name)
        if place is None:
            return None
        run, number = place
        if run == log.identity.run:
            n = log.whole.get(number)
            return log.contents.get(n) if n is not None else log.result_of(name)
        return await whole_of(log.services, log.identity.tenant, log.identity.session, run, number)

    def _return(self, call: e.CallHead, outcome: Returned, source: e.AnswerSource, duration: int = 0) -> None:
        log, text, whole = self._log, outcome.text, None
        if outcome.cut and READ_RESULT in log.agent.tools and call.name != READ_RESULT:
            whole = log.put("whole", outcome.whole[:KEPT])
            shown = len(outcome.whole[: log.agent.release.tool_output_bytes].decode(errors="ignore").encode())
            name = call_id(log.identity.run, call.call)
            text = f"{text.removesuffix(']')}; {how_to_go_on(name, shown)}]"
        self._remember(call, outcome, source)
        found: tuple[str, ...] = ()
        if log.agent.shortlists is not None and source == "tool" and not outcome.is_error:
            log.services.successes.note(log.identity.tenant, call.release)
            found = names_found(outcome.structured) if call.name == FIND_TOOLS else ()
        self._add(
            e.ToolReturned(
                at=log.now(),
                call=call.call,
                result=self._result(call, text),
                is_error=outcome.is_error,
                source=source,
                duration_us=duration,
                cut=outcome.cut,
                found=found,
                whole=whole,
            )
        )
        meters = log.services.meters
        known = self._label(call)
        meters.count(meters.tool_calls, known, source)
        if duration:
            meters.observe(meters.tool_seconds, duration / 1e6, known)

    def _remember(self, call: e.CallHead, outcome: Returned, source: e.AnswerSource) -> None:
        """Let what a call wrote into memory become durable with its result, or not at all."""
        gathered = self._gathered.pop(call.call, None)
        if gathered is None or source != "tool" or outcome.is_error:
            return
        gathered.join(self._log.tx)
        written = self._log.services.mind().changed(self._log, outcome.structured)
        if written is not None:
            self._add(written)
            meters = self._log.services.meters
            changes = {"added": written.added, "replaced": written.superseded, "forgotten": written.forgotten}
            for change, facts in changes.items():
                if facts:
                    meters.count(meters.facts_changed, change, by=len(facts))

    def _label(self, call: e.CallHead) -> str:
        """Return a tool's name as a metric's label: what clients and models make up is one each."""
        if call.release or call.name in self._log.agent.tools:
            return call.name
        return "unknown" if call.problem == "unknown_tool" else "client"

    def _doubt(self, call: e.CallHead, why: e.DoubtReason) -> None:
        log = self._log
        result = self._result(call, answers.doubt_words(call.name, why))
        self._add(e.ToolInDoubt(log.now(), call.call, why, result))
        log.services.meters.count(log.services.meters.doubts, call.name)

    def suspect(self, effect: loop.Suspect) -> None:
        """Put a call of a former owner in doubt."""
        self._doubt(effect.call, "crashed")

    def answer(self, effect: loop.Answer) -> None:
        """Answer a call that does not run, in words the model can act on."""
        log, call = self._log, effect.call
        match effect.why:
            case "flawed":
                offer = self._turns.offered()
                detail = "unreadable"
                if call.problem == "invalid_arguments" and call.name in log.agent.tools:  # a tool may be gone since
                    detail = misfit(log.agent.tools[call.name], self._log.arguments(call)) or detail
                elif call.problem == "unknown_tool":
                    detail = log.called(call)
                text = answers.problem_words(call, detail, offer.names, log.state.limits)
            case "rejected":
                ruling = log.rulings[call.call]
                text = answers.rejected_words(call.name, ruling.rule, self._reason(ruling))
            case "denied":
                decided = log.verdicts[call.call]
                text = answers.denied_words(call.name, decided.verdict, log.words(decided.reason))
            case "dropped":
                begun = any(made.attempt for made in log.state.calls if made.head.call == call.call)
                text = answers.cancelled_words(call.name) if begun else answers.dropped_words(call.name)
        self._return(call, Returned(text, is_error=True), answers.SOURCES[effect.why])

    def hand_over(self, effect: loop.HandOver) -> None:
        """Ask the client to execute its calls: those that are still its own."""
        left = tuple(number for number in effect.calls if self._stage_of(number) == "client")
        if left:
            self._add(e.ClientToolsRequested(self._log.now(), left))
