"""Writes a segment's stream as `chat.completion.chunk` events; knows no connection and no resumption."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from toolyard_runtime.run.segments import (
    ApprovalOut,
    ClientCallOut,
    Closed,
    Opened,
    OutputAdded,
    OutputDone,
    Segment,
    StreamEvent,
    TextDelta,
)
from toolyard_runtime.wire.chat.answer import (
    BETWEEN_TEXTS,
    ChatCall,
    approval_text,
    chat_call,
    chat_id,
    chat_usage,
    closing_text,
    finish_reason,
)
from toolyard_runtime.wire.errors import openai_error, segment_fault

_encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"


class _ToolCalls(Struct, frozen=True):
    tool_calls: tuple[ChatCall, ...]


class ChatStream:
    """Encodes one stream. Every chunk is a prefix and a suffix made once, around one encoded value.

    Feed it the stream from `Opened` to `Closed`, in batches of any size; what it returns is one write.
    """

    def __init__(self, segment: Segment, public_url: str, *, include_usage: bool = False) -> None:
        self._segment = segment
        self._run = segment.run
        self._public_url = public_url
        self._include_usage = include_usage
        self._head = (
            f'data: {{"id":"{chat_id(segment.run, segment.index)}","object":"chat.completion.chunk",'
            f'"created":{segment.created_at // 1_000_000},"model":'
        ).encode() + _encode(segment.agent)
        self._choice = self._head + b',"choices":[{"index":0,"delta":'
        usage = b',"usage":null' if include_usage else b""
        self._end = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._text = self._choice + b'{"content":'
        self._text_end = b"}" + self._end
        self._last_end = b"}]" + usage + b"}\n\n"
        self._shown: int | None = None
        self._calls = 0

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the bytes of all the events; empty when a chat client sees nothing of them."""
        chunks: list[bytes] = []
        for event in events:
            match event:
                case TextDelta(n=n, text=text):
                    if text:
                        if n != self._shown:
                            self._next_text(n, chunks)
                        chunks += (self._text, _encode(text), self._text_end)
                case OutputAdded(output=ClientCallOut() as call):
                    chunks += (self._choice, _encode(_ToolCalls((chat_call(call, self._calls),))), self._end)
                    self._calls += 1
                case OutputAdded(output=ApprovalOut() as approval):
                    self._next_text(approval.n, chunks)
                    words = approval_text(approval, self._run, self._public_url)
                    chunks += (self._text, _encode(words), self._text_end)
                case OutputAdded() | OutputDone():
                    pass
                case Opened():
                    chunks += (self._choice, b'{"role":"assistant","content":"","refusal":null}', self._end)
                case Closed(segment=segment):
                    self._close(segment, chunks)
        return b"".join(chunks)

    def broken(self, code: str, message: str) -> bytes:
        """Return the end of a stream that the server itself broke off: an error object, with words for a person."""
        chunks: list[bytes] = []
        fault = {"status": "failed", "error": code, "error_message": message}
        self._close(msgspec.structs.replace(self._segment, **fault), chunks)
        return b"".join(chunks)

    def _next_text(self, n: int, chunks: list[bytes]) -> None:
        if self._shown is not None:
            chunks += (self._text, _encode(BETWEEN_TEXTS), self._text_end)
        self._shown = n

    def _close(self, segment: Segment, chunks: list[bytes]) -> None:
        fault = segment_fault(segment)
        if fault is not None:
            chunks += (b"data: ", openai_error(fault.message, fault.status, code=fault.code), b"\n\n", DONE)
            return
        if self._shown is None:
            words = closing_text(segment)
            if words:
                chunks += (self._text, _encode(words), self._text_end)
        reason = "tool_calls" if self._calls else finish_reason(segment)
        chunks += (self._choice, b'{},"logprobs":null,"finish_reason":"', reason.encode(), b'"', self._last_end)
        if self._include_usage:
            chunks += (self._head, b',"choices":[],"usage":', _encode(chat_usage(segment.usage)), b"}\n\n")
        chunks.append(DONE)
