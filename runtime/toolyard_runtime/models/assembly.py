"""Puts a turn together from chunks or from one completion; knows no bytes and no framing.

`finish_reason` is kept and never decides anything but one thing: a call whose arguments had not begun when the model
ran into its token limit is left with arguments that cannot be read, because absent arguments would mean "none".
"""

import msgspec
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import Delta, RawCall, Turn

from toolyard_runtime.models.markup import TextFilter
from toolyard_runtime.models.wire import CallPiece, Choice, Chunk, UsagePiece

_CUT = "{"


class _Call:
    """A call that is still being written."""

    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.arguments = ""


class Assembly:
    """A turn in the making."""

    __slots__ = (
        "_calls",
        "_filter",
        "_margins",
        "_reasoning",
        "_text",
        "_usage",
        "fingerprint",
        "finish_reason",
        "model",
    )

    def __init__(self) -> None:
        self._filter = TextFilter()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []
        self._usage: UsagePiece | None = None
        self._margins: list[tuple[str, float]] = []
        self.finish_reason = ""
        self.model = ""
        self.fingerprint = ""

    def add(self, chunks: list[Chunk]) -> Delta | None:
        """Take chunks in order; return the text and reasoning that may be shown now."""
        texts: list[str] = []
        thoughts: list[str] = []
        for chunk in chunks:
            if chunk.usage is not None:
                # Servers that report as they go send running totals: the last one counts, once.
                self._usage = chunk.usage
            choices = chunk.choices
            if not choices or choices[0].index:
                continue
            choice = choices[0]
            piece = choice.delta or choice.message
            if piece is not None:
                texts.append(piece.content or piece.refusal or "")
                thoughts.append(piece.reasoning or piece.reasoning_content or "")
                if piece.tool_calls:
                    self._write_calls(piece.tool_calls, whole=choice.delta is None)
            if choice.finish_reason or choice.logprobs is not None:
                self._note(choice)
        if chunks:
            self._source(chunks[0])
            self._source(chunks[-1])
        text, thought = "".join(texts), "".join(thoughts)
        return self._show(text, thought) if text or thought else None

    def turn(self) -> tuple[Turn, Delta | None]:
        """Return the finished turn, and what had been held back and may be shown after all."""
        text, thought = self._filter.finish()
        delta = self._kept(text, thought)
        calls = tuple(
            RawCall(call.name, call.arguments)
            for call in sorted(self._calls, key=lambda call: call.index)
            if call.name or call.arguments
        )
        if calls and self.finish_reason == "length" and not calls[-1].arguments:
            calls = (*calls[:-1], RawCall(calls[-1].name, _CUT))
        turn = Turn(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            calls=calls,
            finish=self.finish_reason,
            usage=read_usage(self._usage),
            model=self.model,
            fingerprint=self.fingerprint,
            malformed=self._filter.malformed,
            margin=_margin(self._margins, calls[0].name) if self._margins and calls else None,
        )
        return turn, delta

    def _show(self, text: str, thought: str) -> Delta | None:
        if text:
            text, more = self._filter.feed(text)
            thought += more
        return self._kept(text, thought)

    def _kept(self, text: str, thought: str) -> Delta | None:
        if text:
            self._text.append(text)
        if thought:
            self._reasoning.append(thought)
        return Delta(text, thought) if text or thought else None

    def _source(self, chunk: Chunk) -> None:
        self.model = self.model or chunk.model or ""
        self.fingerprint = chunk.system_fingerprint or self.fingerprint

    def _note(self, choice: Choice) -> None:
        self.finish_reason = choice.finish_reason or self.finish_reason
        for token in (choice.logprobs.content if choice.logprobs is not None else None) or ():
            top = sorted((candidate.logprob for candidate in token.top_logprobs or ()), reverse=True)
            self._margins.append((token.token, top[0] - top[1] if len(top) > 1 else -1.0))

    def _write_calls(self, pieces: list[CallPiece], *, whole: bool) -> None:
        """Find the call that each piece belongs to, or begin one, and add to it; in a `whole` message each is a call.

        Index is the key, but servers differ: a new id on an old index begins a new call, as does a new name once the
        arguments have begun; id and name may come late; a missing index means the call being written, or a new one.
        """
        for piece in pieces:
            function = piece.function
            name = (function.name if function is not None else None) or ""
            call = None if whole else self._current(piece.index)
            if call is None or _is_another(call, piece, name):
                call = _Call(len(self._calls) if whole or piece.index is None else piece.index)
                self._calls.append(call)
            call.id = piece.id or call.id
            if name != call.name:
                call.name += name
            arguments = function.arguments if function is not None else None
            if isinstance(arguments, dict):
                arguments = msgspec.json.encode(arguments).decode()
            if arguments:
                call.arguments += arguments

    def _current(self, index: int | None) -> _Call | None:
        if index is None:
            return self._calls[-1] if self._calls else None
        for call in reversed(self._calls):
            if call.index == index:
                return call
        return None


def _is_another(call: _Call, piece: CallPiece, name: str) -> bool:
    if piece.id and call.id and piece.id != call.id:
        return True
    # A name that comes again after arguments is a repetition where there is an index, else a new call.
    return bool(name and call.arguments and (name != call.name or (piece.index is None and piece.id != call.id)))


def read_usage(piece: UsagePiece | None) -> Usage:
    """Return token counts in our words; what was not reported, or is less than nothing, is 0."""
    if piece is None:
        return Usage()
    inputs, outputs = piece.prompt_tokens_details, piece.completion_tokens_details
    return Usage(
        max(piece.prompt_tokens or 0, 0),
        max(piece.completion_tokens or 0, 0),
        max((inputs.cached_tokens if inputs is not None else piece.prompt_cache_hit_tokens) or 0, 0),
        max((outputs.reasoning_tokens if outputs is not None else 0) or 0, 0),
    )


def _margin(tokens: list[tuple[str, float]], name: str) -> float | None:
    """Return the distance between the two likeliest tokens where the model began to write `name`; None if not found."""
    written = "".join(token for token, _ in tokens)
    at = written.find(name)
    if not name or at < 0:
        return None
    end = 0
    for token, margin in tokens:
        end += len(token)
        if end > at:
            return margin if margin >= 0 else None
    return None
