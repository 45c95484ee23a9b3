"""The stream decoder: bytes in, deltas and one turn out; no socket, no clock, no retries.

Server-sent events as OpenAI-compatible servers send them, cut anywhere. A turn comes out whole or not at all:
`finish` raises when the stream ended before the model did.
"""

import msgspec
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ports import Delta, Turn

from toolyard_runtime.models import faults
from toolyard_runtime.models.assembly import Assembly
from toolyard_runtime.models.wire import Chunk, decode_chunks, read_chunk

_EVENT = b"data: "
_BETWEEN = b"\n\ndata: "
_DONE = b"[DONE]"
_LARGEST = 4 * 1024 * 1024


class TurnDecoder:
    """Decodes one streamed answer. Feed it bytes as they come; `done` is True after `[DONE]`."""

    __slots__ = ("_assembly", "_rest", "done")

    def __init__(self) -> None:
        self._assembly = Assembly()
        self._rest = b""
        self.done = False

    def feed(self, data: bytes) -> Delta | None:
        """Take bytes; return what may be shown now, as one delta, or None.

        Raises ModelError: `bad_answer` for what is no event stream, or the fault of an error object in the stream.
        """
        if self.done:
            return None
        data = self._rest + data if self._rest else data
        if b"\r" in data:
            data = _line_feeds(data)
        end = data.rfind(b"\n\n")
        if end < 0:
            if len(data) > _LARGEST:
                raise ModelError("bad_answer", f"an event of the stream is larger than {_LARGEST} bytes")
            self._rest = data
            return None
        self._rest = data[end + 2 :]
        return self._events(data[:end])

    def finish(self) -> tuple[Turn, Delta | None]:
        """The body has ended cleanly: return the turn and what had been held back; raises ModelError (`broken_stream`).

        A stream without `[DONE]` counts as whole once a finish reason was seen.
        """
        delta = None
        if not self.done and self._rest.strip():
            rest, self._rest = self._rest, b""
            try:
                delta = self._events(rest.rstrip(b"\r\n"))
            except ModelError as error:
                if error.fault != "bad_answer":
                    raise
        assembly = self._assembly
        if not self.done and not assembly.finish_reason:
            raise ModelError("broken_stream", "the stream ended in mid-answer")
        turn, last = assembly.turn()
        if not (turn.finish or turn.text or turn.reasoning or turn.calls or turn.malformed):
            raise ModelError("broken_stream", "the stream held no answer")
        return turn, _joined(delta, last)

    def _events(self, block: bytes) -> Delta | None:
        """Take complete events, the blank line after the last one already cut off."""
        head = block
        ended = block.endswith(b"\n\ndata: [DONE]")
        if ended:
            head = block[:-14]
        if head.startswith(_EVENT):
            # All events of one read are decoded as one JSON list: a raw line break cannot occur inside JSON.
            try:
                chunks = decode_chunks(b"[%b]" % head[6:].replace(_BETWEEN, b","))
            except (ValueError, RecursionError):  # msgspec's own errors and bad UTF-8 are ValueErrors
                chunks = None
            if chunks is not None:
                self.done = ended
                return self._take(chunks)
        return self._one_by_one(block)

    def _one_by_one(self, block: bytes) -> Delta | None:
        delta: Delta | None = None
        for event in block.split(b"\n\n"):
            payload = _payload(event)
            if payload is None:
                continue
            if payload.strip() == _DONE:
                self.done = True
                break
            try:
                chunk = read_chunk(payload)
            except msgspec.DecodeError as error:
                raise ModelError("bad_answer", f"an event of the stream is not a JSON object ({error})") from error
            delta = _joined(delta, self._take([chunk]))
        return delta

    def _take(self, chunks: list[Chunk]) -> Delta | None:
        for chunk in chunks:
            if not chunk.choices and (chunk.error is not None or chunk.message is not None):
                fault, text, status = faults.of_object(chunk.error, chunk.message)
                raise ModelError(fault, f"the stream broke off with an error: {text}", status=status)
        return self._assembly.add(chunks)


def _line_feeds(data: bytes) -> bytes:
    """Make every line end a LF; a CR at the very end waits for its LF."""
    held = data.endswith(b"\r")
    data = (data[:-1] if held else data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data + b"\r" if held else data


def _payload(event: bytes) -> bytes | None:
    """Return the data of one event, None when it has none (WHATWG HTML, section 9.2.6)."""
    lines = []
    for line in event.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line.startswith(b"data:"):
            lines.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            lines.append(b"")
    return b"\n".join(lines) if lines else None


def _joined(first: Delta | None, second: Delta | None) -> Delta | None:
    if first is None or second is None:
        return first or second
    return Delta(first.text + second.text, first.reasoning + second.reasoning)
