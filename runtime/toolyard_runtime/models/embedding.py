"""The Embedder adapter for a server's `/v1/embeddings`, over the thin client; knows no passage and no index."""

import asyncio
import base64
import binascii
import hashlib
import ssl
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from toolyard_memory.embedders.unit import unit, unpacked
from toolyard_sdk.errors import EmbedderError, ModelError
from toolyard_sdk.events import ModelFault
from toolyard_sdk.ports import Clock

from toolyard_runtime.models import faults
from toolyard_runtime.models.connection import Answer, LineError, Origin

BATCH = 64
BATCH_CHARACTERS = 100_000
"""Texts, and characters of them, in one request: what small servers and large providers both take."""

ATTEMPTS = 4
SHORTEST = 256
"""Characters below which a text that is still too long is not cut any more."""

BLANK = "."
"""Stands for a text without words, which many servers refuse."""

_TRANSIENT: frozenset[ModelFault] = frozenset(
    {"connect", "timeout", "rate_limited", "overloaded", "server_error", "broken_stream"}
)
_OF_THE_TEXTS: frozenset[ModelFault] = frozenset({"bad_request", "too_long"})
_OK = 200


class _Item(Struct, frozen=True):
    embedding: str | list[float]
    index: int | None = None


class _Embeddings(Struct, frozen=True):
    data: list[_Item]


_read = msgspec.json.Decoder(_Embeddings).decode


class OpenAIEmbedder:
    """An embedding model behind `base_url` (which usually ends in `/v1`): vLLM `--runner pooling`, or a provider.

    A text that is too long for the model is embedded by its beginning.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        clock: Clock,
        api_key: str = "",
        *,
        revision: str = "",
        dimensions: int | None = None,
        text_prefix: str = "",
        query_prefix: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        seconds: float = 60.0,
        query_seconds: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what the server is asked for; prefixes are what some models want before texts and questions.

        `seconds` bound all attempts for one batch of texts, `query_seconds` those for a question, which somebody waits
        for. Whoever changes the model behind a name says so by another `revision`. Raises ValueError for an address.
        """
        parts = urlsplit(base_url)
        own = (("Authorization", f"Bearer {api_key}"),) if api_key else ()
        self._origin = Origin(base_url, headers=(*own, *headers), ssl_context=ssl_context)
        query = f"?{parts.query}" if parts.query else ""
        self._path = f"{parts.path.rstrip('/')}/embeddings{query}".encode("ascii")
        self._where = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._secrets = faults.secrets(api_key, headers)
        self._clock = clock
        self._now = now
        self._model = model
        self._wanted = dimensions
        self._prefixes = (text_prefix, query_prefix)
        self._seconds = (seconds, query_seconds)
        self._packed = True
        self._answered = False
        self._dimension: int | None = None
        of_texts = f":{hashlib.sha256(text_prefix.encode()).hexdigest()[:8]}" if text_prefix else ""
        self._id = (
            f"openai:{model}"
            + (f"@{revision}" if revision else "")
            + (f":{dimensions}" if dimensions else "")
            + of_texts
        )

    @property
    def id(self) -> str:
        """The model's name, its revision, the dimensions that are asked for, and a digest of what precedes texts."""
        return self._id

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        """Return one vector of unit length for each text; raises EmbedderError."""
        prefix = self._prefixes[query]
        written = [prefix + text if text.strip() else BLANK for text in texts]
        vectors: list[bytes] = []
        try:
            for batch in _batches(written):
                until = asyncio.get_running_loop().time() + self._seconds[query]
                vectors += await self._fitting(batch, until)
        except ModelError as error:
            raise EmbedderError(str(error), refused=error.fault in _OF_THE_TEXTS) from error
        return vectors

    async def close(self) -> None:
        """Let go of connections."""
        await self._origin.close()

    async def _fitting(self, texts: list[str], until: float) -> list[bytes]:
        """Return vectors of texts, which are parted, and then cut, until they fit."""
        try:
            return await self._patiently(texts, until)
        except ModelError as error:
            if error.fault != "too_long" or (len(texts) == 1 and len(texts[0]) < 2 * SHORTEST):
                raise
        half = len(texts) // 2
        if not half:
            return await self._fitting([texts[0][: len(texts[0]) // 2]], until)
        return await self._fitting(texts[:half], until) + await self._fitting(texts[half:], until)

    async def _patiently(self, texts: list[str], until: float) -> list[bytes]:
        """Ask again after what passes, as long as there is time, and when the server wants to be asked."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._asked(texts, until - loop.time())
            except ModelError as error:
                if error.fault == "bad_request" and self._packed and not self._answered:
                    self._packed = False  # a server that knows no base64 may refuse the word for it
                    continue
                wait = error.retry_after if error.retry_after is not None else 0.25 * 2**attempt
                if error.fault not in _TRANSIENT or attempt >= ATTEMPTS or loop.time() + wait >= until:
                    raise
            await self._clock.sleep(wait)

    async def _asked(self, texts: list[str], seconds: float) -> list[bytes]:
        body: dict[str, Any] = {
            "model": self._model,
            "input": texts,
            "encoding_format": "base64" if self._packed else "float",
        }
        if self._wanted is not None:
            body["dimensions"] = self._wanted
        try:
            answer = await self._origin.send(b"POST", self._path, msgspec.json.encode(body), timeout=max(seconds, 0.05))
        except LineError as error:
            raise self._error(error.fault, str(error)) from error
        if answer.status != _OK:
            raise self._refused(answer)
        vectors = self._vectors(answer.body, len(texts))
        self._answered = True
        return vectors

    def _vectors(self, body: bytes, count: int) -> list[bytes]:
        """Return the vectors of an answer in the order of the texts; raises EmbedderError, ModelError."""
        try:
            data = _read(body).data
        except (ValueError, RecursionError) as error:  # msgspec's own errors and bad UTF-8 are ValueErrors
            raise self._error("bad_answer", f"the answer holds no embeddings ({error})") from error
        if len(data) != count:
            raise self._error("bad_answer", f"{len(data)} vectors came for {count} texts")
        if any(item.index is not None for item in data):
            placed = {item.index: item for item in data}
            if placed.keys() != set(range(count)):
                raise self._error("bad_answer", "the vectors that came are not numbered from 0, each once")
            data = [placed[n] for n in range(count)]
        try:
            vectors = [unit(_numbers(item.embedding)) for item in data]
        except EmbedderError as error:
            raise EmbedderError(f"{self._where}: {self._model}: {error}") from error
        sizes = {len(vector) // 4 for vector in vectors}
        known = self._dimension or self._wanted
        if len(sizes) > 1 or (known is not None and sizes != {known}):
            raise EmbedderError(
                f"{self._where}: {self._model} gives vectors of {' and '.join(map(str, sorted(sizes)))} dimensions"
                + (f", and {known} were expected" if known is not None else "")
                + "; has another model taken its name? Then give it another revision"
            )
        self._dimension = next(iter(sizes))
        return vectors

    def _refused(self, answer: Answer) -> ModelError:
        text, code = faults.describe(answer.body)
        if 300 <= answer.status < 400:  # noqa: PLR2004 - a redirection, which could carry the key elsewhere
            text = f"redirects to {answer.headers.get(b'location', b'somewhere else').decode('latin-1')}"
        wait = faults.retry_after(answer.headers, self._now())
        return self._error(
            faults.of_status(answer.status, text, code), f"HTTP {answer.status} {text}".rstrip(), answer.status, wait
        )

    def _error(self, fault: ModelFault, what: str, status: int = 0, retry_after: float | None = None) -> ModelError:
        return faults.error(fault, self._where, what, status=status, retry_after=retry_after, secrets=self._secrets)


def _batches(texts: Sequence[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == BATCH or size + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _numbers(embedding: str | list[float]) -> "array[float]":
    if isinstance(embedding, list):
        return array("f", embedding)
    try:
        return unpacked(base64.b64decode(embedding, validate=True))
    except binascii.Error as error:
        raise EmbedderError(f"a vector is no base64 ({error})") from error
