"""A server of `/v1/embeddings` over the hashing embedder, which can be told what to do wrong."""

import base64
import json
from array import array
from collections.abc import Awaitable, Callable, Sequence

from toolyard_memory.embedders.hashing import HashingEmbedder

from tests.faults.model_server.server import Peer

Answering = Callable[[Peer], Awaitable[None]]


async def vectors_of(texts: Sequence[str]) -> list[list[float]]:
    """Return what the server computes, three times as long as it is to be."""
    return [[3 * number for number in array("f", vector)] for vector in await HashingEmbedder().embed(texts)]


def answer_of(vectors: Sequence[Sequence[float]], *, packed: bool = False) -> bytes:
    """Return the body of an answer."""
    data = [
        {
            "object": "embedding",
            "index": n,
            "embedding": base64.b64encode(array("f", vector).tobytes()).decode() if packed else list(vector),
        }
        for n, vector in enumerate(vectors)
    ]
    return json.dumps({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1}}).encode()


async def embeddings(peer: Peer) -> None:
    """Answer as asked."""
    asked = json.loads(peer.body)
    if not isinstance(asked["input"], list) or "" in asked["input"]:
        await peer.answer(b'{"error": {"message": "input cannot be empty"}}', status="400 Bad Request")
        return
    found = await vectors_of(asked["input"])
    await peer.answer(answer_of(found, packed=asked["encoding_format"] == "base64"))
