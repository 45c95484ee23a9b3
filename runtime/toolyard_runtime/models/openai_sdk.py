"""The Model adapter on the `openai` SDK, for providers that need what only the SDK does; repeats nothing.

The SDK does HTTP, framing and JSON; turns are put together by the same code as for the thin client. The SDK hides
whether `[DONE]` came, so here a stream without a finish reason is always broken. Needs the extra `[openai]`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from toolyard_sdk.errors import ConfigError, ModelError
from toolyard_sdk.ports import Delta, Turn

from toolyard_runtime.models import faults
from toolyard_runtime.models.assembly import Assembly
from toolyard_runtime.models.stream import TurnDecoder
from toolyard_runtime.models.turn import decode_turn
from toolyard_runtime.models.wire import Chunk, bend

if TYPE_CHECKING:
    import openai

_HEAD = 512


class OpenAIModel:
    """A model behind `base_url`, spoken to through `openai.AsyncOpenAI` with its own retries switched off."""

    def __init__(
        self,
        base_url: str,
        api_key: str = "",
        *,
        headers: tuple[tuple[str, str], ...] = (),
        connect_timeout: float = 5.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Import and set up the SDK; raises ConfigError when it is not installed."""
        try:
            import openai  # noqa: PLC0415 - 300 ms of import that only this adapter needs
        except ImportError as error:
            raise ConfigError("the openai SDK is not installed: pip install 'toolyard[openai]'") from error
        self._openai = openai
        self._connect_timeout = connect_timeout
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=0,
            default_headers=dict(headers),
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        )
        self._where = base_url.partition("?")[0].rstrip("/")
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
        headers = {"Content-Type": "application/json"}
        if request_id:
            headers["X-Request-Id"] = request_id
        options: Any = {"headers": headers, "timeout": self._openai.Timeout(timeout, connect=self._connect_timeout)}
        streaming = on_delta is not None or b'"stream":true' in body[:_HEAD]
        try:
            async with asyncio.timeout(timeout):
                if streaming:
                    return await self._streamed(body, options, on_delta)
                return _read(await self._client.post("/chat/completions", content=body, cast_to=str, options=options))
        except TimeoutError as error:
            raise self._error("timeout", "no whole answer within the time allowed") from error
        except ModelError as error:
            raise self._error(error.fault, str(error), status=error.status) from error
        except self._openai.APIError as error:
            raise self._of_sdk(error) from error
        except ValueError as error:
            raise self._error("bad_answer", f"an event of the stream is not a JSON object ({error})") from error

    async def _streamed(self, body: bytes, options: Any, on_delta: Callable[[Delta], None] | None) -> Turn:
        stream: openai.AsyncStream[object] = await self._client.post(
            "/chat/completions",
            content=body,
            cast_to=object,
            options=options,
            stream=True,
            stream_cls=self._openai.AsyncStream[object],
        )
        async with stream:
            if not stream.response.headers.get("content-type", "").lower().startswith("text/event-stream"):
                turn = decode_turn(await stream.response.aread())
                if on_delta is not None and (turn.text or turn.reasoning):
                    on_delta(Delta(turn.text, turn.reasoning))
                return turn
            assembly = Assembly()
            async for event in stream:
                delta = assembly.add([_chunk(event)])
                if delta is not None and on_delta is not None:
                    on_delta(delta)
        if not assembly.finish_reason:
            raise ModelError("broken_stream", "the stream ended in mid-answer")
        turn, rest = assembly.turn()
        if rest is not None and on_delta is not None:
            on_delta(rest)
        return turn

    def _of_sdk(self, error: "openai.APIError") -> ModelError:
        """Say in our words what the SDK raised."""
        if isinstance(error, self._openai.APITimeoutError):
            connecting = type(error.__cause__).__name__ == "ConnectTimeout"
            return self._error("connect" if connecting else "timeout", "no answer within the time allowed")
        if isinstance(error, self._openai.APIConnectionError):
            connecting = type(error.__cause__).__name__ == "ConnectError"
            return self._error("connect" if connecting else "broken_stream", str(error.__cause__ or error))
        if isinstance(error, self._openai.APIStatusError):
            status = error.status_code
            text, code = faults.describe(error.response.content)
            headers = {name.lower().encode(): value.encode() for name, value in error.response.headers.items()}
            wait = faults.retry_after(headers, self._now())
            fault = faults.of_status(status, text, code)
            return self._error(fault, f"HTTP {status} {text}".rstrip(), status=status, retry_after=wait)
        fault, text, status = faults.of_object(error.body, error.message)
        return self._error(fault, f"the stream broke off with an error: {text}", status=status)

    def _error(
        self, fault: faults.ModelFault, what: str, *, status: int = 0, retry_after: float | None = None
    ) -> ModelError:
        return faults.error(fault, self._where, what, status=status, retry_after=retry_after, secrets=self._secrets)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()


def _read(answer: str) -> Turn:
    """Read an answer in one piece; some servers stream although nobody asked."""
    if answer.startswith("data:"):
        decoder = TurnDecoder()
        decoder.feed(answer.encode())
        return decoder.finish()[0]
    return decode_turn(answer.encode())


def _chunk(event: object) -> Chunk:
    if not isinstance(event, dict):
        raise ModelError("bad_answer", "an event of the stream is not a JSON object")
    chunk = bend(event)
    if not chunk.choices and (chunk.error is not None or chunk.message is not None):
        fault, text, status = faults.of_object(chunk.error, chunk.message)
        raise ModelError(fault, f"the stream broke off with an error: {text}", status=status)
    return chunk
