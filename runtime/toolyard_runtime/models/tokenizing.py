"""Counts the tokens of messages by a model server's own tokenizer; sends nothing to a model."""

import time
from typing import Annotated, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from toolyard_runtime.models.connection import LineError, Origin

SECONDS = 5.0
"""How long a count may take: an estimate will do."""

PAUSE = 60.0
"""Seconds for which a server that gave no count is not asked again."""

_OK = 200


class Counter(Protocol):
    """Whatever tells how many tokens messages are."""

    async def count(self, model: str, messages: bytes) -> int | None:
        """Return the tokens of a JSON array of messages under the model's chat template; None where nobody knows."""
        ...


class _Counted(Struct):
    count: Annotated[int, Meta(ge=1, le=1 << 32)]


class Tokenizer:
    """Implements Counter by vLLM's `POST /tokenize`, which lies beside `/v1`."""

    def __init__(self, base_url: str, api_key: str = "") -> None:
        """Raise ValueError for an address that is none."""
        path = urlsplit(base_url).path.rstrip("/").removesuffix("/v1")
        headers = (("Authorization", f"Bearer {api_key}"),) if api_key else ()
        self._origin = Origin(base_url, headers=headers)
        self._path = f"{path}/tokenize".encode()
        self._silent_until = 0.0

    async def count(self, model: str, messages: bytes) -> int | None:
        """Ask the server; one that does not answer with a count is let be for a while."""
        if time.monotonic() < self._silent_until:
            return None
        body = msgspec.json.encode({"model": model, "messages": msgspec.Raw(messages)})
        try:
            answer = await self._origin.send(b"POST", self._path, body, timeout=SECONDS)
            if answer.status == _OK:
                return msgspec.json.decode(answer.body, type=_Counted).count
        except (LineError, msgspec.DecodeError, UnicodeDecodeError):
            pass
        self._silent_until = time.monotonic() + PAUSE
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self._origin.close()
