"""Says why a run did what it did: its journal in a person's words, one line for each event; pure, and decides nothing.

Everything told is read from the events and the payloads they refer to. What was erased is told as `[erased]`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_registry.policy import reason_of
from toolyard_registry.releases import Policy
from toolyard_sdk import events as e
from toolyard_sdk.canonical import commit
from toolyard_sdk.ids import show
from toolyard_sdk.messages import Message

from toolyard_runtime.models.encoder import IMAGE, decode_message, words_of
from toolyard_runtime.run.transcript import ERASED, Lookup
from toolyard_runtime.telling import remembering
from toolyard_runtime.telling.wording import (
    DECIDED,
    DOUBTED,
    FINISHED,
    FOUND,
    KEPT,
    PARKED,
    PROBLEMS,
    RESUMED,
    SUMMED_UP,
    VERDICTS,
)

SHORT = 240
LONG = 1_000
NAMED = 12
"""Tools left out of an offer that are named; the rest are counted."""

SECOND = 1_000_000
MILLISECOND = 1_000


class Line(Struct, frozen=True):
    """One event: its number, when (UTC microseconds), its kind in a word, a sentence, and what that leaves out."""

    seq: int
    at: int
    kind: str
    text: str
    detail: dict[str, Any] | None = None


class Explanation(Struct, frozen=True):
    """A run's story; `answer` is None while there is none."""

    question: str
    answer: str | None
    lines: tuple[Line, ...]


Told = tuple[str, dict[str, Any]]
UNREADABLE = Message("user", "[unreadable]")


NO_POLICY: Mapping[str, Policy] = {}


def explain(
    events: Iterable[e.RunEvent],
    lookup: Lookup,
    *,
    end_user: str | None = None,
    policies: Mapping[str, Policy] = NO_POLICY,
) -> Explanation:
    """Tell a run's events in order.

    `end_user` is the name that the run's row still holds; `policies` are those that are known, by digest.
    """
    teller = _Teller(lookup, end_user, policies)
    lines = []
    for seq, event in enumerate(events):
        kind, tell = TELL[type(event)]
        text, detail = tell(teller, event)
        kept = {name: value for name, value in detail.items() if value not in (None, "", [], {}, ())}
        lines.append(Line(seq, event.at, kind, brief(text, LONG), kept or None))
    return Explanation(teller.question, teller.answer, tuple(lines))


def contents_hold(events: Iterable[e.RunEvent], lookup: Lookup) -> bool:
    """Tell whether the content that is still there is what the heads committed to (erased content proves nothing)."""
    salt = lookup(0)
    if salt is None:
        return True
    for event in events:
        inside = event.message.n if isinstance(event, e.ModelReplied) else 0
        for content in references(event):
            if isinstance(event, e.ModelReplied) and content.n == inside and content is not event.message:
                continue  # a call's arguments lie within the message, which is checked as a whole
            data = lookup(content.n)
            if data is not None and commit(salt, data) != content.mac:
                return False
    return True


def references(value: Any) -> list[e.Content]:
    """Return every reference to content in a head, in order."""
    if isinstance(value, e.Content):
        return [value]
    if isinstance(value, msgspec.Struct):
        return [content for name in value.__struct_fields__ for content in references(getattr(value, name))]
    if isinstance(value, tuple):
        return [content for one in value for content in references(one)]
    return []


def brief(text: str, most: int = SHORT) -> str:
    """Return a text on one line and not longer than `most`."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def moment(at: int) -> str:
    """Return UTC microseconds as a person writes them."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lasted(us: int) -> str:
    """Return a duration in the unit that suits it."""
    if us < SECOND:
        return f"{us / MILLISECOND:.0f} ms"
    return f"{us / SECOND:.1f} s" if us < 100 * SECOND else f"{us // (60 * SECOND)} min"


class _Teller:
    """What the lines so far have established: who asked, which calls there are, and why each may run."""

    def __init__(self, lookup: Lookup, end_user: str | None, policies: Mapping[str, Policy]) -> None:
        self._lookup = lookup
        self._end_user = end_user
        self._policies = policies
        self._started: e.RunStarted | None = None
        self._calls: dict[int, tuple[e.CallHead, str]] = {}
        self._cleared: dict[int, str] = {}
        self._requests: dict[bytes, e.ApprovalRequested] = {}
        self.question = ""
        self.answer: str | None = None

    # --- content ---

    def _words(self, content: e.Content | None) -> str:
        if content is None:
            return ""
        data = self._lookup(content.n)
        return ERASED if data is None else data.decode(errors="replace")

    def _message(self, n: int) -> Message | None:
        data = self._lookup(n)
        if data is None:
            return None
        try:
            return decode_message(data)
        except msgspec.MsgspecError:  # somebody has changed it: the rest is told all the same
            return UNREADABLE

    def _said(self, n: int) -> str:
        message = self._message(n)
        if message is None:
            return ERASED
        return words_of(message, IMAGE)

    def _call(self, number: int) -> str:
        """Return a call as a line of code."""
        if number not in self._calls:
            return f"call {number}"
        head, arguments = self._calls[number]
        return f"{head.name}({brief(arguments, 160)})"

    # --- the run ---

    def started(self, event: e.RunStarted) -> Told:
        self._started = event
        said = [message for message in map(self._asked, event.inputs) if message]
        self.question = said[-1] if said else ""
        whom = f" for the end user {self._end_user}" if self._end_user else " for an end user" if event.end_user else ""
        detail = {
            "release": event.release,
            "session": show("session", event.session),
            "goes on from": f"{show('run', event.base.run)}, item {event.base.n}" if event.base else None,
            "mode": event.mode,
            "roles": ", ".join(event.roles),
            "limits": f"{_count(event.limits.turns, 'turn')}, {event.limits.seconds:g} s"
            + (f", {event.limits.tokens} tokens" if event.limits.tokens else ""),
            "instructions": brief(self._words(event.instructions)),
            "client's tools": self._names(event.client_tools),
            "sampling": self._words(event.sampling),
            "started by": show("run", event.parent) if event.parent else None,
            "earlier messages": len(event.inputs) - 1 if len(event.inputs) > 1 else None,
        }
        return f"{event.caller}{whom} asked {event.agent}: {brief(self.question) or 'nothing in words'}", detail

    def _asked(self, content: e.Content) -> str:
        message = self._message(content.n)
        if message is None:
            return ERASED
        return self._said(content.n) if message.role == "user" else ""

    def _names(self, content: e.Content | None) -> str:
        if content is None:
            return ""
        data = self._lookup(content.n)
        return ERASED if data is None else ", ".join(tool["name"] for tool in msgspec.json.decode(data))

    def recalled(self, event: e.MemoryRecalled) -> Told:
        return remembering.recalled(event, brief(self._words(event.text), LONG))

    def offered(self, event: e.ToolsOffered) -> Told:
        shown = [one.name for one in event.candidates if not one.left_out]
        left = [f"{one.name} ({one.left_out.replace('_', ' ')})" for one in event.candidates if one.left_out]
        more = len(left) + event.unlisted - NAMED
        if more > 0:
            left = [*left[:NAMED], f"and {more} more"]
        text = f"Offered {', '.join(shown) or 'no tool'}" + (f"; left out {', '.join(left)}" if left else "")
        scores = [
            f"{one.name} {one.score:g}{f' ({one.because})' if one.because else ''}"
            for one in event.candidates
            if one.score is not None
        ]
        return text, {"offered set": event.digest, "scores": scores}

    # --- the model ---

    def compacted(self, event: e.WindowCompacted) -> Told:
        sizes = f"from {event.tokens_before:,} to {event.tokens_after:,} tokens"
        done = []
        if event.results:
            done.append(f"{_count(event.results, 'result')} put away")
        if event.end is not None:
            by = SUMMED_UP.get(event.model, f"summarised by {event.model}")
            done.append(f"{_count(event.messages, 'message')} {by}")
        room = f", with room for {event.room:,} of what comes to mind" if event.room else ""
        text = f"Turn {event.turn}: what it is shown was brought {sizes}{room}"
        start, end = event.start, event.end
        return f"{text}: {' and '.join(done)}" if done else text, {
            "tokens": "counted by the model server" if event.counted else "estimated",
            "summarised": f"from {show('run', start.run)}, item {start.n}, to {show('run', end.run)}, item {end.n}"
            if start is not None and end is not None
            else None,
            "summary": brief(self._said(event.summary.n)) if event.summary is not None else None,
            "prompt": event.prompt,
            "no summary of the model": event.fault.replace("_", " "),
            "summary's tokens": f"{event.usage.input_tokens} in, {event.usage.output_tokens} out"
            if event.usage.total_tokens
            else None,
        }

    def called(self, event: e.ModelCalled) -> Told:
        again = "" if event.attempt == 1 else f", attempt {event.attempt}"
        text = f"Turn {event.turn}{again}: asked {event.model}"
        return text, {
            "commitment to the request": event.request.hex(),
            "earlier runs shown": f"from {show('run', event.window_start.run)} on" if self._older(event) else None,
            "variant": event.variant if event.variant != "plain" else None,
        }

    def _older(self, event: e.ModelCalled) -> bool:
        return self._started is not None and event.window_start.run != self._started.run

    def replied(self, event: e.ModelReplied) -> Told:
        message = self._message(event.message.n)
        for index, head in enumerate(event.calls):
            written = message.tool_calls[index].arguments if message and index < len(message.tool_calls) else ERASED
            if head.arguments.n != event.message.n:
                written = self._words(head.arguments)
            self._calls[head.call] = head, written
        said = self._said(event.message.n)
        detail = {
            "tokens": f"{event.usage.input_tokens} in, {event.usage.output_tokens} out",
            "took": lasted(event.duration_us) if event.duration_us else None,
            "ended by": event.finish if event.finish not in ("stop", "tool_calls") else None,
            "model": " ".join(filter(None, (event.response_model, event.fingerprint))),
            "margin": event.margin,
            "problems": [f"{head.name}: {PROBLEMS[head.problem]}" for head in event.calls if head.problem],
            "said": brief(said) if event.calls and event.text else None,
        }
        if event.malformed:
            return f"The answer was not taken: tool calls were written into its text ({event.malformed})", detail
        if event.calls:
            wishes = [
                self._call(head.call) + (" on the client's side" if head.side == "client" else "")
                for head in event.calls
            ]
            return f"It wants {', '.join(wishes)}", detail
        if not event.text:
            return "The answer was empty", detail
        self.answer = said
        return f"It answered: {brief(said)}", detail

    def failed(self, event: e.ModelFailed) -> Told:
        status = f" (HTTP {event.status})" if event.status else ""
        after = f"; tried again after {lasted(event.retry_at - event.at)}" if event.retry_at else "; not tried again"
        fault = event.fault.replace("_", " ")
        text = f"Turn {event.turn}, attempt {event.attempt}: the model call failed: {fault}{status}{after}"
        return text, {"it said": brief(self._words(event.detail)), "already shown": brief(self._words(event.leaked))}

    # --- calls ---

    def ruled(self, event: e.PolicyDecided) -> Told:
        about = self._call(event.call) if event.call is not None else f"the {event.subject}"
        if event.call is not None:
            self._cleared[event.call] = f"rule {event.rule}"
        reason = self._words(event.reason) or reason_of(event.rule, self._policies.get(event.policy))
        text = f"{about}: rule {event.rule} {DECIDED[event.decision]}" + (f": {brief(reason)}" if reason else "")
        return text, {"policy": event.policy}

    def requested(self, event: e.ApprovalRequested) -> Told:
        self._requests[event.approval] = event
        doubt = "; the same call may already have happened once" if event.doubt else ""
        return f"{self._call(event.call)} needs a person's approval until {moment(event.expires_at)}{doubt}", {
            "approval": show("approval", event.approval),
            "bound to": event.binding.hex(),
        }

    def decided(self, event: e.ApprovalDecided) -> Told:
        request = self._requests.get(event.approval)
        waited = f" after {lasted(event.at - request.at)}" if request is not None and event.verdict != "expired" else ""
        reason = self._words(event.reason)
        self._cleared[event.call] = f"{event.by} approved it" if event.verdict == "approve" else ""
        who = "" if event.verdict == "expired" else f"{event.by} "
        text = f"{who}{VERDICTS[event.verdict]} {self._call(event.call)}{waited}" + (
            f": {brief(reason)}" if reason else ""
        )
        same = request is not None and request.binding == event.saw
        return text[:1].upper() + text[1:] if not who else text, {
            "approval": show("approval", event.approval),
            "bound to": event.saw.hex(),
            "what they saw": "something else" if not same else "what was asked" if event.confirmed else None,
        }

    def ran(self, event: e.ToolStarted) -> Told:
        why = self._cleared.get(event.call)
        again = f", attempt {event.attempt}" if event.attempt > 1 else ""
        text = f"{self._call(event.call)} started{again}" + (f": {why}" if why else "")
        return text, {"tool release": event.release, "idempotency key": event.key}

    def returned(self, event: e.ToolReturned) -> Told:
        said, call = brief(self._said(event.result.n)), self._call(event.call)
        took = f" in {lasted(event.duration_us)}" if event.duration_us else ""
        detail = {
            "cut": "the result was longer than the tool's output may be" if event.cut else None,
            "tools found": ", ".join(event.found) or None,
        }
        if event.source not in ("tool", "client"):
            return f"{call} {KEPT[event.source]}", {**detail, "the model was told": said}
        return f"{call} {'failed' if event.is_error else 'gave'}{took}: {said}", detail

    def doubted(self, event: e.ToolInDoubt) -> Told:
        text = f"Nobody knows whether {self._call(event.call)} happened: {DOUBTED[event.why]}"
        return text, {"the model was told": brief(self._said(event.result.n))}

    def resolved(self, event: e.DoubtResolved) -> Told:
        note = self._words(event.note)
        text = f"{event.by} looked into {self._call(event.call)}: {FOUND[event.outcome]}"
        return text + (f": {brief(note)}" if note else ""), {}

    def questioned(self, event: e.InputRequested) -> Told:
        return f"{self._call(event.call)} asks a person: {brief(self._words(event.question))}", {
            "request": event.request.hex()
        }

    def answered(self, event: e.InputProvided) -> Told:
        words = {"accept": "answered", "decline": "declined to answer", "cancel": "cancelled"}[event.action]
        given = self._words(event.answer)
        return f"{event.by} {words} {self._call(event.call)}" + (f": {brief(given)}" if given else ""), {
            "request": event.request.hex()
        }

    def handed(self, event: e.ClientToolsRequested) -> Told:
        return f"The client is asked to run {', '.join(map(self._call, event.calls))}", {}

    def given(self, event: e.ClientToolsReturned) -> Told:
        results = [f"{self._call(one.call)}: {brief(self._said(one.result.n))}" for one in event.results]
        return f"The client answered {len(results)} of its calls", {"results": results}

    # --- coming and going ---

    def parked(self, event: e.RunParked) -> Told:
        until = f" until {moment(event.until)}" if event.until else ""
        return f"Waits for {PARKED[event.why]}{until}", {}

    def resumed(self, event: e.RunResumed) -> Told:
        return f"Taken up again {RESUMED[event.why]}", {"epoch": event.epoch}

    def late(self, event: e.DeadlineReached) -> Told:
        limits = self._started.limits if self._started else e.Limits()
        bound = f"{limits.seconds:g} s" if event.budget == "time" else f"{limits.tokens} tokens"
        return f"The budget of {bound} is used up", {}

    def cancelled(self, event: e.CancelRequested) -> Told:
        return f"{event.by} wants it to end: {event.reason.replace('_', ' ')}", {}

    def remembered(self, event: e.MemoryWritten) -> Told:
        return remembering.written(event)

    def finished(self, event: e.RunFinished) -> Told:
        if event.answer is not None:
            self.answer = self._said(event.answer)
        error = f" ({event.error.replace('_', ' ')})" if event.error else ""
        text = f"{FINISHED[event.reason]}{error} after {_count(event.turns, 'turn')} and {_count(event.calls, 'call')}"
        return text, {"tokens": f"{event.usage.input_tokens} in, {event.usage.output_tokens} out"}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


TELL: dict[type, tuple[str, Callable[[_Teller, Any], Told]]] = {
    e.RunStarted: ("asked", _Teller.started),
    e.MemoryRecalled: ("recalled", _Teller.recalled),
    e.ToolsOffered: ("offered", _Teller.offered),
    e.WindowCompacted: ("window", _Teller.compacted),
    e.ModelCalled: ("model", _Teller.called),
    e.ModelReplied: ("reply", _Teller.replied),
    e.ModelFailed: ("failure", _Teller.failed),
    e.PolicyDecided: ("policy", _Teller.ruled),
    e.ApprovalRequested: ("approval", _Teller.requested),
    e.ApprovalDecided: ("decision", _Teller.decided),
    e.ToolStarted: ("start", _Teller.ran),
    e.ToolReturned: ("result", _Teller.returned),
    e.ToolInDoubt: ("doubt", _Teller.doubted),
    e.DoubtResolved: ("finding", _Teller.resolved),
    e.InputRequested: ("question", _Teller.questioned),
    e.InputProvided: ("input", _Teller.answered),
    e.ClientToolsRequested: ("client", _Teller.handed),
    e.ClientToolsReturned: ("client", _Teller.given),
    e.RunParked: ("parked", _Teller.parked),
    e.RunResumed: ("resumed", _Teller.resumed),
    e.DeadlineReached: ("deadline", _Teller.late),
    e.CancelRequested: ("cancel", _Teller.cancelled),
    e.MemoryWritten: ("memory", _Teller.remembered),
    e.RunFinished: ("finished", _Teller.finished),
}
"""Every kind of event -> the word for it, and how it is told."""
