"""The floor: the least work a Python server can do for one agent run, and so the unit everything is measured in.

One request, a loop of model calls and tool calls, one commit per step, the answer. No journal, no identity, no policy,
no validation, no error is handled: what a server does beyond this is what it costs. Started with
`uvicorn --factory tests.bench.floor:create`; reads MODEL_PORT and RUNDIR.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from litestar import Litestar, get, post
from litestar.response import Stream
from msgspec import Struct

from tests.bench.thin import ThinClient

TOOLS = msgspec.Raw(
    msgspec.json.encode(
        [
            {
                "type": "function",
                "function": {
                    "name": "add",
                    "description": "Add two whole numbers.",
                    "parameters": {
                        "type": "object",
                        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                        "required": ["a", "b"],
                    },
                },
            }
        ]
    )
)
SCHEMA = "create table step (session text, position int, body blob, primary key (session, position)) without rowid"


class Wanted(Struct):
    """What of a call the floor looks at."""

    name: str | None = None
    arguments: str | None = None


class Call(Struct, omit_defaults=True):
    """A tool call, whole or as a piece of a stream."""

    id: str | None = None
    type: str = "function"
    function: Wanted | None = None
    index: int = 0


class Said(Struct, omit_defaults=True):
    """A message, whole or as a piece of a stream."""

    role: str | None = None
    content: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None


class Choice(Struct):
    """`message` when the answer is whole, `delta` when it streams."""

    message: Said | None = None
    delta: Said | None = None


class Completion(Struct):
    """An answer of the model server."""

    choices: list[Choice]


class Question(Struct):
    """What a client sends."""

    session: str
    text: str


class Answer(Struct):
    """What a client gets."""

    session: str
    text: str


class Pair(Struct):
    """The tool's arguments."""

    a: int
    b: int


class Conversation:
    """One session: its stored messages, which go to the model as the bytes they were stored as."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        rows = database.execute("select body from step where session = ? order by position", (name,))
        self.messages = [msgspec.Raw(body) for (body,) in rows]
        self._database = database
        self._name = name

    def say(self, message: Said) -> None:
        """Add a message and commit it."""
        body = msgspec.json.encode(message)
        row = (self._name, len(self.messages), body)
        self._database.execute("insert into step values (?, ?, ?)", row)
        self.messages.append(msgspec.Raw(body))

    def request(self, *, stream: bool) -> bytes:
        """Encode the next model call."""
        return msgspec.json.encode({"model": "m", "messages": self.messages, "tools": TOOLS, "stream": stream})


class Floor:
    """The loop, twice: whole answers and streamed ones."""

    def __init__(self, database: sqlite3.Connection, model: ThinClient) -> None:
        self._database = database
        self._model = model
        self._decode = msgspec.json.Decoder(Completion).decode
        self._arguments = msgspec.json.Decoder(Pair).decode

    async def run(self, question: Question) -> str:
        """Return the answer's text."""
        conversation = Conversation(self._database, question.session)
        conversation.say(Said("user", question.text))
        while True:
            body = await self._model.post("/v1/chat/completions", conversation.request(stream=False))
            message = self._decode(body).choices[0].message
            assert message is not None
            conversation.say(message)
            if not message.tool_calls:
                return message.content or ""
            self._call(conversation, message.tool_calls)

    async def stream(self, question: Question, emit: Callable[[bytes], None]) -> None:
        """Hand the answer's text over as server-sent events."""
        conversation = Conversation(self._database, question.session)
        conversation.say(Said("user", question.text))
        while True:
            reply = _Reply(emit, self._decode)
            await self._model.post("/v1/chat/completions", conversation.request(stream=True), reply.receive)
            calls = list(reply.calls.values())
            conversation.say(Said("assistant", "".join(reply.text) or None, calls or None))
            if not calls:
                return
            self._call(conversation, calls)

    def _call(self, conversation: Conversation, calls: list[Call]) -> None:
        for call in calls:
            assert call.function is not None
            pair = self._arguments((call.function.arguments or "").encode())
            conversation.say(Said("tool", str(pair.a + pair.b), tool_call_id=call.id))


class _Reply:
    """One streamed answer of the model: text goes on at once, calls are put together."""

    def __init__(self, emit: Callable[[bytes], None], decode: Callable[[bytes], Completion]) -> None:
        self.text: list[str] = []
        self.calls: dict[int, Call] = {}
        self._emit = emit
        self._decode = decode
        self._encode = msgspec.json.Encoder().encode
        self._rest = b""

    def receive(self, piece: bytes) -> None:
        """Take some bytes of the stream."""
        *events, self._rest = (self._rest + piece).split(b"\n\n")
        for event in events:
            if event == b"data: [DONE]":
                continue
            delta = self._decode(event[6:]).choices[0].delta
            assert delta is not None
            if delta.content:
                self.text.append(delta.content)
                self._emit(b"data: " + self._encode({"type": "text", "text": delta.content}) + b"\n\n")
            for part in delta.tool_calls or ():
                self._gather(part)

    def _gather(self, part: Call) -> None:
        call = self.calls.setdefault(part.index, Call("", function=Wanted("", "")))
        assert call.function is not None
        assert part.function is not None
        call.id = part.id or call.id
        call.function.name = part.function.name or call.function.name
        call.function.arguments = (call.function.arguments or "") + (part.function.arguments or "")


async def _events(floor: Floor, question: Question) -> AsyncIterator[bytes]:
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    task = asyncio.create_task(floor.stream(question, queue.put_nowait))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    while (event := await queue.get()) is not None:
        yield event
    await task


def create() -> Litestar:
    """Compose the server from its environment."""
    path = Path(os.environ["RUNDIR"]) / "floor.db"
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = normal")
    database.execute(SCHEMA)
    floor = Floor(database, ThinClient("127.0.0.1", int(os.environ["MODEL_PORT"])))

    @get("/healthz")
    async def healthz() -> str:
        return "ok"

    @post("/run", status_code=200)
    async def run(data: Question) -> Answer:
        return Answer(data.session, await floor.run(data))

    @post("/stream", status_code=200)
    async def stream(data: Question) -> Stream:
        return Stream(_events(floor, data), media_type="text/event-stream")

    return Litestar([healthz, run, stream], openapi_config=None)
