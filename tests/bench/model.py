"""A deterministic model server: calls the tool that adds as often as it is told to, then answers with as many words as
it is told to; knows OpenAI's Chat Completions, whole and streamed, and nothing of whoever is being measured.

`python -m tests.bench.model [PORT]` prints the port it listens on. The last user message may say `k5 n100`: five calls,
then a hundred words (three and 64 without). A call is made only while a tool whose name holds "add" is offered.
"""

import asyncio
import itertools
import re
import sys
from typing import cast

import httptools
import msgspec
import uvloop
from msgspec import Raw, Struct

ORDER = re.compile(rb"\bk(\d+) n(\d+)\b")
ARGUMENTS = '{"a":1,"b":2}'
CREATED = 1_790_000_000


class Said(Struct, frozen=True):
    """What of a message decides the answer."""

    role: str
    content: Raw = Raw(b"null")


class Named(Struct, frozen=True):
    """A function's name."""

    name: str = ""


class Offered(Struct, frozen=True):
    """A tool on offer."""

    function: Named = Named()


class StreamOptions(Struct, frozen=True):
    """What is wanted at the end of a stream."""

    include_usage: bool = False


class Request(Struct, frozen=True):
    """What of a request decides the answer."""

    model: str = "m"
    messages: list[Said] = []
    tools: list[Offered] = []
    stream: bool = False
    stream_options: StreamOptions | None = None


def decide(request: Request) -> tuple[str, int]:
    """Return the tool to call ("" to answer) and the number of words of the answer."""
    done, calls, words = 0, 3, 64
    for message in reversed(request.messages):
        if message.role == "tool":
            done += 1
        elif message.role == "user":
            order = ORDER.search(bytes(message.content))
            if order:
                calls, words = int(order[1]), int(order[2])
            break
    name = next((tool.function.name for tool in request.tools if "add" in tool.function.name), "")
    return (name if done < calls else ""), words


def text_of(words: int) -> list[str]:
    """Return the answer's pieces: `tok0`, ` tok1` and so on."""
    return [f" tok{number}" if number else "tok0" for number in range(words)]


class Answers:
    """Makes the bytes of answers; counts them, so that ids differ."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._decode = msgspec.json.Decoder(Request).decode

    def answer(self, body: bytes) -> bytes:
        """Return one whole HTTP response to a Chat Completions request."""
        request = self._decode(body)
        name, words = decide(request)
        number = next(self._numbers)
        prompt, completion = 10 * len(request.messages), 12 if name else words
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        head = {"id": f"chatcmpl-{number}", "created": CREATED, "model": request.model}
        if not request.stream:
            message: dict[str, object] = {"role": "assistant", "content": None if name else "".join(text_of(words))}
            if name:
                function = {"name": name, "arguments": ARGUMENTS}
                message["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": function}]
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if name else "stop"}
            return _whole({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
        head["object"] = "chat.completion.chunk"
        deltas: list[dict[str, object]] = [{"role": "assistant", "content": ""}]
        if name:
            deltas += _call_deltas(f"call_{number}", name)
        else:
            deltas += [{"content": piece} for piece in text_of(words)]
        events = [_event({**head, "choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
        last = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if name else "stop"}
        events.append(_event({**head, "choices": [last]}))
        if request.stream_options and request.stream_options.include_usage:
            events.append(_event({**head, "choices": [], "usage": usage}))
        events.append(b"data: [DONE]\n\n")
        return _streamed(events)


def _call_deltas(call: str, name: str) -> list[dict[str, object]]:
    half = len(ARGUMENTS) // 2
    first = {"index": 0, "id": call, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": part}} for part in (ARGUMENTS[:half], ARGUMENTS[half:])]
    return [{"tool_calls": [part]} for part in (first, *rest)]


def _event(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _whole(value: object) -> bytes:
    body = msgspec.json.encode(value)
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _streamed(events: list[bytes]) -> bytes:
    """Put every event into an HTTP chunk of its own, as model servers do."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: "ModelServer") -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._server.received += len(data)
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body = b"", []

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._transport is not None
        self._transport.write(self._server.respond(self._path, b"".join(self._body)))


class ModelServer:
    """Routes requests; counts the bytes that came in, from which what a server wrote to its disk is told apart."""

    def __init__(self) -> None:
        self.received = 0
        self._answers = Answers()

    def respond(self, path: bytes, body: bytes) -> bytes:
        """Return one whole HTTP response."""
        if path.endswith(b"/chat/completions"):
            return self._answers.answer(body)
        if path.endswith(b"/models"):
            return _whole({"object": "list", "data": [{"id": "m", "object": "model", "created": CREATED}]})
        if path == b"/received":
            return _whole(self.received)
        problem = b'{"error":{"message":"no such path"}}'
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n%b" % (len(problem), problem)


async def serve(port: int) -> None:
    """Listen on loopback until the process ends."""
    server = ModelServer()
    listening = await asyncio.get_running_loop().create_server(
        lambda: Connection(server), "127.0.0.1", port, backlog=1024
    )
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
