"""How a run begins: what it is started with, its first event, and what of it a later process finds again."""

import msgspec
from msgspec import Struct
from toolyard_sdk import events as e
from toolyard_sdk.messages import Message, ToolSpec

from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run.binding import BoundAgent
from toolyard_runtime.run.runlog import RunContext, RunLog
from toolyard_runtime.run.segments import Sampling


class NewRun(Struct, frozen=True):
    """What a run begins with. `base` is the session item it continues from; `session` None opens a new session."""

    tenant: str
    caller: str
    roles: frozenset[str]
    agent: BoundAgent
    messages: tuple[Message, ...]
    mode: e.Mode = "foreground"
    end_user: str | None = None
    session: bytes | None = None
    base: e.ItemRef | None = None
    instructions: str = ""
    client_tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling | None = None
    stream: bool = False
    request: bytes | None = None
    echo: bytes | None = None
    visible: tuple[bytes, ...] | None = None
    prologue: str = ""
    parent: bytes | None = None


def first_event(log: RunLog, new: NewRun, now: int) -> e.RunStarted:
    """Write what a run begins with and return its first event."""
    identity = log.identity
    return e.RunStarted(
        at=now,
        run=identity.run,
        session=identity.session,
        tenant=identity.tenant,
        caller=identity.caller,
        agent=identity.agent,
        release=new.agent.release.digest,
        inputs=tuple(
            log.put(message.role, encode_message(message)) for message in new.messages if message.role != "system"
        ),
        limits=new.agent.release.limits,
        mode=new.mode,
        base=new.base,
        end_user=log.bind(new.end_user.encode()) if new.end_user else None,
        instructions=log.put("instructions", new.instructions.encode()) if new.instructions else None,
        client_tools=log.put("tools", msgspec.json.encode(new.client_tools)) if new.client_tools else None,
        sampling=log.put("sampling", msgspec.json.encode(new.sampling)) if new.sampling is not None else None,
        echo=log.put("echo", new.echo) if new.echo is not None else None,
        parent=new.parent,
        roles=tuple(sorted(new.roles)),
    )


def stored_context(log: RunLog) -> RunContext:
    """Return the context of a run that was started by a request long gone: what its journal keeps of it."""
    started = log.state.started
    if started is None:
        return RunContext()
    tools = log.contents.get(started.client_tools.n) if started.client_tools else None
    sampling = log.contents.get(started.sampling.n) if started.sampling else None
    return RunContext(
        roles=frozenset(started.roles),
        instructions=log.words(started.instructions),
        client_tools=msgspec.json.decode(tools, type=tuple[ToolSpec, ...]) if tools else (),
        sampling=msgspec.json.decode(sampling, type=Sampling) if sampling else None,
    )
