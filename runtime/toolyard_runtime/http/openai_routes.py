"""`/v1`: OpenAI's routes and nothing else. The agent is the model."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response, Stream
from toolyard_sdk import events as e
from toolyard_sdk.ids import show

from toolyard_runtime.engine.desk import Desk
from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.engine.requests import Asked, Served
from toolyard_runtime.engine.sight import may_see
from toolyard_runtime.http.access import caller_of, end_user_of, named_in, only
from toolyard_runtime.http.bodies import body_of
from toolyard_runtime.http.refusals import told
from toolyard_runtime.http.whole import Whole
from toolyard_runtime.run.segments import Ask, Closed, Opened, Segment, StreamEvent, TextDelta, TextOut
from toolyard_runtime.run.transcript import stream_of
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire import errors, models
from toolyard_runtime.wire.chat.answer import chat_completion
from toolyard_runtime.wire.chat.request import read_chat
from toolyard_runtime.wire.chat.stream import ChatStream
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import quote
from toolyard_runtime.wire.responses.answer import Echo, echo_of, response_object
from toolyard_runtime.wire.responses.ids import read_response_id
from toolyard_runtime.wire.responses.request import read_responses
from toolyard_runtime.wire.responses.stream import ResponseStream, position_of

JSON = "application/json"
EVENTS = "text/event-stream"
USERS = only("user", "frontend", "author", "operator")
WATCH_AFTER = 0.5
"""Seconds after which a request that has not been answered is watched for its client's leaving."""

BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
MOST_DIGITS = 18
"""No stream is so long; a longer number would only cost the time to read it."""

NO_CACHE = {"cache-control": "no-cache", "x-accel-buffering": "no"}
NO_ECHO = Echo()
Encode = Callable[[Sequence[StreamEvent]], bytes]


class Front(msgspec.Struct, frozen=True):
    """What the routes stand on."""

    desk: Desk
    engine: Engine
    public_url: str


def front_of(request: Request[Any, Any, Any]) -> Front:
    """Return what `app.py` has put into the application's state."""
    front: Front = request.app.state["front"]
    return front


def _headers(request: Request[Any, Any, Any]) -> dict[bytes, bytes]:
    return dict(request.scope["headers"])


def _asked(headers: dict[bytes, bytes], path: bytes, body: bytes, echo: bytes | None = None) -> Asked:
    key = headers.get(b"idempotency-key")
    digest = hashlib.sha256(path + b"\0" + (b"key\0" + key if key else body)).digest()
    retried = headers.get(b"x-stainless-retry-count", b"0") != b"0"
    chat = headers.get(b"x-openwebui-chat-id") or headers.get(b"x-toolyard-chat-id") or b""
    return Asked(
        digest=digest,
        retried=retried,
        idempotent=key is not None,
        chat=chat.decode("latin-1"),
        end_user=named_in(headers),
        echo=echo,
    )


def _about(served: Served, run: bytes, session: bytes) -> dict[str, str]:
    headers = {"x-toolyard-run": show("run", run), "x-toolyard-session": show("session", session)}
    if served.warnings:
        headers["x-toolyard-warning"] = "; ".join(served.warnings).encode("ascii", "replace").decode()[:2000]
    return headers


async def _settle(front: Front, request: Request[Any, Any, Any], served: Served) -> Segment:
    """Wait for the answer; a client that leaves starts its agent's grace time."""
    driver = served.driver
    if driver is None:
        if served.segment is None:
            raise RequestRefused("There is no such run.", code="run_not_found", status=404)
        return served.segment
    loop = asyncio.get_running_loop()
    watch: list[asyncio.Task[None]] = []
    timer = loop.call_later(WATCH_AFTER, lambda: watch.append(loop.create_task(_watch(front, request, served))))
    try:
        await driver.log.feed.settled()
    finally:
        timer.cancel()
        for task in watch:
            task.cancel()
    if not any(task.done() for task in watch):  # else it has left, and may send the request again
        served.delivered()
    return driver.log.transcript.segment()


async def _watch(front: Front, request: Request[Any, Any, Any], served: Served) -> None:
    """Notice that a client has left while it waits."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            if served.driver is not None:
                front.engine.client_left(served.driver, waiting=True)
            return


@post("/v1/chat/completions", opt=USERS, status_code=200, summary="Ask an agent (Chat Completions)")
async def chat_completions(request: Request[Any, Any, Any]) -> Response[Any]:
    """Answer with a chat completion, whole or streamed."""
    front = front_of(request)
    body = await body_of(request)
    ask = read_chat(body)
    served = await front.desk.serve(caller_of(request), ask, _asked(_headers(request), b"chat", body))
    if ask.stream:
        return _chat_stream(front, ask, served)
    segment = await _settle(front, request, served)
    headers = _about(served, segment.run, segment.session)
    fault = errors.segment_error(segment)
    if fault is not None:
        status, content = fault
        return Whole(content, headers, status)
    if served.prologue:
        segment = _with_prologue(segment, served.prologue)
    return Whole(chat_completion(segment, front.public_url), headers)


def _with_prologue(segment: Segment, prologue: str) -> Segment:
    before = TextOut(-1, prologue.removesuffix("\n\n"))
    return msgspec.structs.replace(segment, outputs=(before, *segment.outputs))


def _chat_stream(front: Front, ask: Ask, served: Served) -> Stream:
    opening = _opening(served)
    encoder = ChatStream(opening, front.public_url, include_usage=ask.include_usage)
    prologue = served.prologue.removesuffix("\n\n")

    def encode(events: Sequence[StreamEvent]) -> bytes:
        if prologue and events and isinstance(events[0], Opened):
            return encoder.encode([events[0], TextDelta(events[0].position, -1, -1, prologue), *events[1:]])
        return encoder.encode(events)

    headers = {**NO_CACHE, **_about(served, opening.run, opening.session)}
    return Stream(_events(front, served, encode, encoder.broken), media_type=EVENTS, headers=headers)


def _opening(served: Served) -> Segment:
    if served.driver is not None:
        return served.driver.log.transcript.segment()
    if served.segment is None:
        raise RequestRefused("There is no such run.", code="run_not_found", status=404)
    return served.segment


async def _events(
    front: Front, served: Served, encode: Encode, broken: Callable[[str, str], bytes], after: int = -1
) -> AsyncIterator[bytes]:
    """Yield the stream's bytes, all that is ready in one piece, to who asked and to who only watches.

    A reader who leaves is noticed by its cancellation; the run's grace time then begins, and ends nothing while anybody
    else reads. A run that breaks inside the server ends its stream with an error that the client can read.
    """
    driver, over = served.driver, False
    try:
        async with contextlib.aclosing(_batches(front, served, after)) as batches:
            async for events in batches:
                ready = encode(events)
                over = bool(events) and isinstance(events[-1], Closed)
                if ready:
                    yield ready
        over = True
        served.delivered()
    except Exception as error:  # noqa: BLE001 - the answer has begun: what is left is to say in it what went wrong
        refused = told(error, "a stream")
        if not over:
            over = True
            yield broken(refused.code, refused.message)
    finally:
        if driver is not None and not over:
            front.engine.client_left(driver)


async def _batches(front: Front, served: Served, after: int) -> AsyncGenerator[list[StreamEvent], None]:
    """Yield a run's stream as it is made, or as its journal tells it."""
    if served.driver is None:
        for events in await _replayed(front, served, after):
            yield events
        return
    async with contextlib.aclosing(served.driver.log.feed.follow(after)) as batches:
        async for events in batches:
            yield events


async def _replayed(front: Front, served: Served, after: int) -> list[list[StreamEvent]]:
    segment = served.segment
    if segment is None:
        return []
    events, lookup = await front.engine.journal_of(segment.run)
    started = events[0]
    if not isinstance(started, e.RunStarted):
        return []
    source_of = await front.engine.sources(started.tenant, started.release)
    return [stream_of(events, lookup, source_of, segment.index, after)]


@post("/v1/responses", opt=USERS, status_code=200, summary="Ask an agent (Responses)")
async def create_response(request: Request[Any, Any, Any]) -> Response[Any]:
    """Answer with a response object, whole, streamed or in background."""
    front = front_of(request)
    body = await body_of(request)
    ask = read_responses(body)
    echo = echo_of(ask)
    stored = msgspec.json.encode(echo) if echo != NO_ECHO else None
    served = await front.desk.serve(caller_of(request), ask, _asked(_headers(request), b"responses", body, stored))
    if ask.stream:
        opening = _opening(served)
        encoder = ResponseStream(opening, echo)
        headers = {**NO_CACHE, **_about(served, opening.run, opening.session)}
        events = _events(front, served, encoder.encode, encoder.broken)
        return Stream(events, media_type=EVENTS, headers=headers)
    segment = _opening(served) if ask.background else await _settle(front, request, served)
    if ask.background:
        served.delivered()
    return Whole(response_object(segment, echo), _about(served, segment.run, segment.session))


async def _row_of(front: Front, request: Request[Any, Any, Any], name: str) -> tuple[RunRow, int]:
    caller, known = caller_of(request), read_response_id(name)
    row = await front.engine.row(caller.tenant, known[0]) if known else None
    visible = row is not None and ("operator" in caller.roles or may_see(caller, row, end_user_of(request, caller)))
    if row is None or known is None or not visible or known[1] > row.segment:
        raise RequestRefused(
            f"There is no response {name!r}.", param="response_id", code="response_not_found", status=404
        )
    return row, known[1]


async def _echo(front: Front, row: RunRow) -> Echo:
    events, lookup = await front.engine.journal_of(row.id)
    started = events[0] if events else None
    stored = lookup(started.echo.n) if isinstance(started, e.RunStarted) and started.echo else None
    return msgspec.json.decode(stored, type=Echo) if stored else Echo(background=row.mode == "background")


def _streamed(request: Request[Any, Any, Any]) -> tuple[bool, int]:
    """Return whether a stream is wanted, and after which event of it (-1: all of it); raises RequestRefused (400)."""
    query = request.query_params
    stream, after = query.get("stream", "false"), query.get("starting_after")
    if stream.lower() not in BOOLEANS:
        raise RequestRefused(f"stream: '{quote(stream)}' is neither true nor false: send one of them.", param="stream")
    if after is None:
        return BOOLEANS[stream.lower()], -1
    if not (after.isascii() and after.isdigit() and len(after) <= MOST_DIGITS):
        words = f"starting_after: '{quote(after)}' is no sequence number: send the `sequence_number` of the last event."
        raise RequestRefused(words, param="starting_after")
    return BOOLEANS[stream.lower()], int(after)


@get("/v1/responses/{name:str}", opt=USERS, summary="Retrieve a response")
async def retrieve_response(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
    """Return a response as it is now, or its stream from `starting_after` on."""
    front = front_of(request)
    stream, starting_after = _streamed(request)
    row, index = await _row_of(front, request, name)
    echo = await _echo(front, row)
    driver = front.engine.live.get(row.id)
    live = driver if driver is not None and driver.log.transcript.index == index else None
    segment = await front.engine.segment(row, index)
    if segment is None:
        raise RequestRefused(
            f"There is no response {name!r}.", param="response_id", code="response_not_found", status=404
        )
    served = Served(driver=live, segment=segment)
    if not stream:
        return Response(response_object(segment, echo), media_type=JSON)
    encoder = ResponseStream(segment, echo, starting_after=starting_after)
    after = position_of(starting_after) if starting_after >= 0 else -1
    events = _events(front, served, encoder.encode, encoder.broken, after)
    return Stream(events, media_type=EVENTS, headers=dict(NO_CACHE))


@post("/v1/responses/{name:str}/cancel", opt=USERS, status_code=200, summary="Cancel a response")
async def cancel_response(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Cancel a running response and return it."""
    front = front_of(request)
    caller = caller_of(request)
    row, index = await _row_of(front, request, name)
    await front.engine.cancel(row, caller.key, "user")
    driver = front.engine.live.get(row.id)
    if driver is not None:
        await driver.gone.wait()
    row = await front.engine.services.runs.find(caller.tenant, row.id) or row
    segment = await front.engine.segment(row, index)
    if segment is None:
        raise RequestRefused(
            f"There is no response {name!r}.", param="response_id", code="response_not_found", status=404
        )
    return Response(response_object(segment, await _echo(front, row)), media_type=JSON)


@get("/v1/models", opt=USERS, summary="List the agents")
async def list_models(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the agents as models."""
    front = front_of(request)
    started = front.engine.started_at
    return Response(models.models_list((name, started) for name in front.engine.agents.names()), media_type=JSON)


@get("/v1/models/{name:str}", opt=USERS, summary="Show one agent")
async def show_model(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Show an agent as a model."""
    front = front_of(request)
    agents = front.engine.agents
    if name not in agents.names():
        raise models.unknown_model(name, agents.names())
    return Response(models.model(name, front.engine.started_at), media_type=JSON)


ROUTES = (
    chat_completions,
    create_response,
    retrieve_response,
    cancel_response,
    list_models,
    show_model,
)
