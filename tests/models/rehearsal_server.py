"""The rehearsal model behind a real socket, as a vLLM server would present it; for the client's side of the port."""

import asyncio
from typing import Any

import msgspec
from toolyard_runtime.models.rehearsal import rehearse
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ports import Turn

from tests.faults.model_server.recorded import chunk
from tests.faults.model_server.server import Fault, Peer

SLOW = b"be slow"


def message_of(turn: Turn) -> dict[str, Any]:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for n, call in enumerate(turn.calls)
    ]
    return {"role": "assistant", "content": turn.text or None, "tool_calls": calls}


def usage_of(turn: Turn) -> dict[str, Any]:
    return {"prompt_tokens": turn.usage.input_tokens, "completion_tokens": turn.usage.output_tokens}


async def chat(peer: Peer) -> None:
    """Answer one chat completion request, streaming when asked; a body that holds `be slow` is never finished."""
    try:
        turn = rehearse(peer.body)
    except ModelError as error:
        await peer.answer(msgspec.json.encode({"error": {"message": str(error)}}), status="400 Bad Request")
        return
    if SLOW in peer.body:
        await peer.until_gone()
        return
    fields: dict[str, Any] = {"model": turn.model, "system_fingerprint": turn.fingerprint}
    message = message_of(turn)
    if b'"stream":true' not in peer.body:
        choice = {"index": 0, "message": message, "finish_reason": turn.finish}
        await peer.answer(msgspec.json.encode({**fields, "choices": [choice], "usage": usage_of(turn)}))
        return
    events = [chunk({"role": "assistant", "content": ""}, **fields)]
    events += [chunk({"content": word}, **fields) for word in turn.text.split(" ")[:1]]
    events += [chunk({"content": f" {word}"}, **fields) for word in turn.text.split(" ")[1:]]
    for index, call in enumerate(message["tool_calls"]):
        events.append(chunk({"tool_calls": [{**call, "index": index}]}, **fields))
    events.append(chunk({}, turn.finish, **fields))
    events.append(msgspec.json.encode({**fields, "choices": [], "usage": usage_of(turn)}))
    await peer.stream(*events)


def server(*, version: str | None = "0.32.0", models: tuple[str, ...] = ("rehearsal",), talk: Fault = chat) -> Fault:
    """Return a server of the usual routes; `version` None hides what it is, `talk` answers chat requests."""

    async def answer(peer: Peer) -> None:
        await asyncio.sleep(0)
        path = peer.head.split(b" ")[1]
        if path == b"/v1/chat/completions":
            await talk(peer)
        elif path == b"/v1/models":
            await peer.answer(msgspec.json.encode({"object": "list", "data": [{"id": name} for name in models]}))
        elif path == b"/version" and version:
            await peer.answer(msgspec.json.encode({"version": version}))
        elif path == b"/tokenize" and version:
            await peer.answer(msgspec.json.encode({"count": 9, "max_model_len": 2048, "tokens": []}))
        else:
            await peer.answer(b'{"detail":"Not Found"}', status="404 Not Found")

    return answer
