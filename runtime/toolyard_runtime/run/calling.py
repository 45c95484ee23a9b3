"""Executes one call of a tool, whatever the tool does: time-out, exceptions, output cap; knows no run."""

import asyncio
import time
from typing import Any, Literal

from msgspec import Struct
from toolyard_sdk.asking import InputNeeded, Question
from toolyard_sdk.attempts import DETAIL, LAST_WORDS, attempt, words_of
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, CallInDoubt, ToolError
from toolyard_sdk.messages import ToolResult
from toolyard_sdk.ports import Tool

from toolyard_runtime.secrets.redaction import Redactor


class Returned(Struct, frozen=True):
    """The call is over; `cut` when the text was longer than allowed, `structured` the value where there is one.

    `whole` is the text before it was cut.
    """

    text: str
    is_error: bool = False
    cut: bool = False
    source: Literal["tool", "timeout"] = "tool"
    structured: Any = None
    whole: bytes = b""


class Asked(Struct, frozen=True):
    """The call has ended with a question to a person, and begins again with the answer."""

    question: Question


class InDoubt(Struct, frozen=True):
    """Nobody knows whether the call took effect."""

    why: Literal["timeout", "connection_lost"]


Outcome = Returned | InDoubt | Asked


async def execute(
    tool: Tool,
    arguments: bytes,
    context: ToolContext,
    *,
    seconds: float,
    output_bytes: int,
    repeatable: bool,
    redactor: Redactor | None = None,
) -> tuple[Outcome, int]:
    """Call the tool and return what became of it, with its duration in microseconds.

    Raises CancelledError when the caller's task is cancelled, and nothing else. A call that is not `repeatable` and
    timed out, or lost its connection on the way, is in doubt, also when the tool's own exception came of that; other
    exceptions are results. The tool runs in a task of its own, so that one that will not stop can be left behind.
    """
    began = time.perf_counter_ns()
    loop = asyncio.get_running_loop()
    errand = loop.create_task(attempt(tool, arguments, context))
    over: asyncio.Future[None] = loop.create_future()

    def end(*_: object) -> None:
        if not over.done():
            over.set_result(None)

    errand.add_done_callback(end)
    timers: list[asyncio.TimerHandle] = []

    def expire() -> None:
        errand.cancel()
        timers.append(loop.call_later(LAST_WORDS, end))

    timers.append(loop.call_later(seconds, expire))
    try:
        await over
    except asyncio.CancelledError:
        errand.cancel()
        await asyncio.wait((errand,), timeout=LAST_WORDS)
        raise
    finally:
        for timer in timers:
            timer.cancel()
    expired = len(timers) > 1
    ended = errand.result() if errand.done() else None
    if isinstance(ended, ToolResult):
        ended = ended if redactor is None else redactor.result(ended)
        outcome: Outcome = _capped(ended.text, ended.is_error, output_bytes, ended.structured)
    elif isinstance(ended, InputNeeded):
        outcome = Asked(ended.question)
    elif expired and isinstance(ended, TimeoutError | asyncio.CancelledError | None):
        text = f"{tool.spec.name} did not return within {seconds:g} seconds and was given up."
        outcome = Returned(text, is_error=True, source="timeout") if repeatable else InDoubt("timeout")
    else:
        words = words_of(ended) if redactor is None else redactor.text(words_of(ended))
        outcome = _of_error(tool, ended, words, output_bytes, repeatable=repeatable)
    return outcome, (time.perf_counter_ns() - began) // 1000


def _of_error(
    tool: Tool, error: BaseException | None, words: str, output_bytes: int, *, repeatable: bool
) -> Returned | InDoubt:
    if isinstance(error, ToolError):
        return _capped(words, True, output_bytes)
    if isinstance(error, ConnectionRefusedError):  # nothing was sent
        return Returned(f"{tool.spec.name} failed: {words}"[:DETAIL], is_error=True)
    if isinstance(error, asyncio.CancelledError):  # the tool has cancelled itself
        return _failed(tool, error, words) if repeatable else InDoubt("connection_lost")
    doubt = None if repeatable or error is None else _doubt_of(error)
    return InDoubt(doubt) if doubt is not None else _failed(tool, error, words)


def _doubt_of(error: BaseException) -> Literal["timeout", "connection_lost"] | None:
    """Return what leaves a call in doubt, in an exception or in what it came of; None when it says what happened."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, TimeoutError):
            return "timeout"
        if isinstance(one, CallInDoubt) or (
            isinstance(one, ConnectionError) and not isinstance(one, ConnectionRefusedError)
        ):
            return "connection_lost"
        left += (one.__cause__, one.__context__)
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
    return None


def _failed(tool: Tool, error: BaseException | None, words: str) -> Returned:
    text = f"{tool.spec.name} failed: {type(error).__name__}: {words}"
    return Returned(text.encode(errors="replace").decode()[:DETAIL], is_error=True)


def _capped(text: str, is_error: bool, limit: int, structured: Any = None) -> Returned:
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return Returned(encoded.decode(), is_error, structured=structured)
    kept = encoded[:limit].decode(errors="ignore")
    shown = f"{kept}\n[cut: {limit} of {len(encoded)} bytes are shown]"
    return Returned(shown, is_error, cut=True, structured=structured, whole=encoded)


def misfit(tool: Tool, arguments: bytes) -> str:
    """Return why arguments do not fit a tool, in its words; "" when they do."""
    try:
        tool.check(arguments)
    except ArgumentsInvalid as error:
        return str(error)
    return ""
