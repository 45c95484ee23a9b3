"""What a Toolyard server and a plugin served to it say to each other in `_meta`; knows no MCP and no transport."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from toolyard_sdk.asking import Answering, Answers, InputNeeded, Question
from toolyard_sdk.context import ToolContext

CONTEXT = "toolyard/context"
"""Of a call: who is asking, as `CallContext`. Believed only by a process that a Toolyard server has started."""

ASKED = "toolyard/asked"
"""Of a result: what the tool asks a person, as `Question`: the call is made again with the answer."""

RAISED = "toolyard/raised"
"""Of a result: what the tool raised that no result says, as `Raised`."""

PARENT = "TOOLYARD_PARENT"
"""The environment variable that a Toolyard server sets: the path of the Unix socket that requests go out by."""

SETTINGS = "TOOLYARD_SETTINGS"
"""The environment variable that holds a plugin's settings as a JSON object."""

KEY = "TOOLYARD_SERVE_KEY"
"""The environment variable with the key that callers over HTTP send as `Authorization: Bearer`."""

RaisedKind = Literal["refused", "timeout", "connection_lost"]


class Raised(Struct, frozen=True):
    """An exception that leaves a call in doubt, or says that nothing was sent, in its own words."""

    kind: RaisedKind
    words: str


class CallContext(Struct, frozen=True, omit_defaults=True):
    """The part of a `ToolContext` that is data. `egress` names the call to whoever sends its requests: a secret."""

    tenant: str = "default"
    end_user: str | None = None
    run: str = ""
    session: str = ""
    call: str = ""
    idempotency_key: str = ""
    deadline: int = 0
    attempt: int = 1
    egress: str = ""
    answers: Answers = ()
    """What this call has asked before, and was told."""


def write_context(context: ToolContext, egress: str) -> dict[str, Any]:
    """Return the `_meta` of a call."""
    told = CallContext(
        tenant=context.tenant,
        end_user=context.end_user,
        run=context.run,
        session=context.session,
        call=context.call,
        idempotency_key=context.idempotency_key,
        deadline=context.deadline,
        attempt=context.attempt,
        egress=egress,
        answers=context.ask.known if isinstance(context.ask, Answering) else (),
    )
    return {CONTEXT: msgspec.to_builtins(told)}


def read_context(meta: Any) -> CallContext:
    """Return what a call's `_meta` says of it; raises msgspec.ValidationError, naming the field, for what is none."""
    told = meta.get(CONTEXT) if isinstance(meta, dict) else None
    return msgspec.convert(told, CallContext) if told is not None else CallContext()


def write_raised(raised: Raised | None, asked: Question | None = None) -> dict[str, Any] | None:
    """Return the `_meta` of a result."""
    if asked is not None:
        return {ASKED: msgspec.to_builtins(asked)}
    return {RAISED: msgspec.to_builtins(raised)} if raised is not None else None


def raise_again(meta: Mapping[str, Any]) -> None:
    """Raise what a result's `_meta` says was raised where it comes from; nothing where it says nothing.

    A question that was asked there is asked here: InputNeeded.
    """
    try:
        asked = msgspec.convert(meta.get(ASKED), Question | None)
        raised = msgspec.convert(meta.get(RAISED), Raised | None)
    except msgspec.ValidationError:
        return
    if asked is not None:
        raise InputNeeded(asked)
    if raised is None:
        return
    kinds: dict[RaisedKind, type[Exception]] = {
        "refused": ConnectionRefusedError,
        "timeout": TimeoutError,
        "connection_lost": ConnectionError,
    }
    raise kinds[raised.kind](raised.words)
