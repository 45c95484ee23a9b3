"""The thin Model adapter: one encoded request out, one turn back, over a pooled connection; repeats nothing."""

import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from toolyard_sdk.errors import ModelError
from toolyard_sdk.events import ModelFault
from toolyard_sdk.ports import Delta, Turn

from toolyard_runtime.models import faults
from toolyard_runtime.models.connection import Answer, LineError, Origin, Sink
from toolyard_runtime.models.stream import TurnDecoder
from toolyard_runtime.models.turn import decode_turn

_HEAD = 512
_OK = 200


class ThinModel:
    """A model behind `base_url` (which usually ends in `/v1`), spoken to as directly as possible."""

    def __init__(
        self,
        base_url: str,
        api_key: str = "",
        *,
        headers: tuple[tuple[str, str], ...] = (),
        connect_timeout: float = 5.0,
        idle_timeout: float = 120.0,
        max_bytes: int = 32 * 1024 * 1024,
        ssl_context: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take seconds and bytes as bounds of one call; `now` is only asked to read dates. Raises ValueError."""
        parts = urlsplit(base_url)
        own = (("Authorization", f"Bearer {api_key}"),) if api_key else ()
        self._origin = Origin(
            base_url,
            headers=(*own, *headers),
            connect_timeout=connect_timeout,
            idle_timeout=idle_timeout,
            max_bytes=max_bytes,
            ssl_context=ssl_context,
        )
        query = f"?{parts.query}" if parts.query else ""
        self._path = f"{parts.path.rstrip('/')}/chat/completions{query}".encode("ascii")
        self._where = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._secrets = faults.secrets(api_key, headers)
        self._now = now

    async def reply(
        self,
        body: bytes,
        *,
        timeout: float,  # noqa: ASYNC109 - the deadline is a value of the run, not of the caller's task
        on_delta: Callable[[Delta], None] | None = None,
        request_id: str = "",
    ) -> Turn:
        """Send one encoded request and return the whole turn; raises ModelError. With `on_delta`, the body streams."""
        decoder: TurnDecoder | None = None
        sink: Sink | None = None
        if on_delta is not None or b'"stream":true' in body[:_HEAD]:
            decoder = TurnDecoder()
            sink = _sink(decoder, on_delta)
        try:
            answer = await self._origin.send(
                b"POST",
                self._path,
                body,
                timeout=timeout,
                headers=b"X-Request-Id: %b\r\n" % request_id.encode("ascii") if request_id else b"",
                sink=sink,
            )
            if answer.status != _OK:
                raise self._refused(answer)
            if decoder is not None and answer.streamed:
                turn, rest = decoder.finish()
            else:
                turn, rest = _whole(answer)
            if on_delta is not None and rest is not None:
                on_delta(rest)
        except LineError as error:
            raise self._error(error.fault, str(error)) from error
        except ModelError as error:
            if error.args[0].startswith(self._where):
                raise
            raise self._error(error.fault, str(error), status=error.status) from error
        return turn

    def _refused(self, answer: Answer) -> ModelError:
        text, code = faults.describe(answer.body)
        if 300 <= answer.status < 400:  # noqa: PLR2004 - a redirection, which could carry the key elsewhere
            text = f"redirects to {answer.headers.get(b'location', b'somewhere else').decode('latin-1')}"
        what = f"HTTP {answer.status} {text}".rstrip()
        wait = faults.retry_after(answer.headers, self._now())
        return self._error(faults.of_status(answer.status, text, code), what, status=answer.status, retry_after=wait)

    def _error(self, fault: ModelFault, what: str, *, status: int = 0, retry_after: float | None = None) -> ModelError:
        return faults.error(fault, self._where, what, status=status, retry_after=retry_after, secrets=self._secrets)

    async def close(self) -> None:
        """Let go of connections."""
        await self._origin.close()


def _sink(decoder: TurnDecoder, on_delta: Callable[[Delta], None] | None) -> Sink:
    def take(data: bytes) -> bool:
        delta = decoder.feed(data)
        if delta is not None and on_delta is not None:
            on_delta(delta)
        return decoder.done

    return take


def _whole(answer: Answer) -> tuple[Turn, Delta | None]:
    """Read an answer that came in one piece, whatever was asked for: some servers do not stream, others always do."""
    if answer.headers.get(b"content-type", b"").lower().startswith(b"text/event-stream"):
        decoder = TurnDecoder()
        decoder.feed(answer.body)
        return decoder.finish()[0], None
    turn = decode_turn(answer.body)
    return turn, Delta(turn.text, turn.reasoning) if turn.text or turn.reasoning else None
