"""One call of a tool on behalf of an MCP client: context, progress, and what became of it; knows no transport."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec import Struct

from toolyard_sdk.asking import InputNeeded, Question
from toolyard_sdk.attempts import DETAIL, LAST_WORDS, attempt, words_of
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import CallInDoubt, ToolError
from toolyard_sdk.messages import ToolResult
from toolyard_sdk.ports import Tool
from toolyard_sdk.serve.meta import Raised, RaisedKind

MOST_REPORTS = 256
"""Progress reports that wait to be sent; further ones are dropped."""

Report = Callable[[float, float | None, str | None], Awaitable[None]]


class Outcome(Struct, frozen=True):
    """A result; `raised` where the tool raised what leaves its effect unknown, or was refused a connection.

    `asked` is what it asks a person: the call is over, and is to be made again with the answer.
    """

    result: ToolResult
    raised: Raised | None = None
    asked: Question | None = None


async def perform(tool: Tool, arguments: bytes, context: ToolContext, now: Callable[[], int]) -> Outcome:
    """Call the tool and return what became of it; raises CancelledError when the caller is cancelled, nothing else.

    `now()` is UTC microseconds, in which the context has its deadline.

    The tool runs in a task of its own, so that whatever it raises is a result, and one that will not stop is left
    behind.
    """
    errand = asyncio.create_task(attempt(tool, arguments, context))
    left = (context.deadline - now()) / 1e6 + LAST_WORDS if context.deadline else None
    try:
        await asyncio.wait((errand,), timeout=max(left, 0.0) if left is not None else None)
    finally:
        if not errand.done():
            errand.cancel()
            await asyncio.wait((errand,), timeout=LAST_WORDS)
    ended = errand.result() if errand.done() else None
    if isinstance(ended, ToolResult):
        return Outcome(ended)
    return _of_error(tool.spec.name, ended)


def _of_error(name: str, error: BaseException | None) -> Outcome:
    words = words_of(error)
    if isinstance(error, InputNeeded):
        told = f"{name} asks a person: {words}"
        return Outcome(ToolResult(told[:DETAIL], is_error=True), asked=error.question)
    if isinstance(error, ToolError):
        return Outcome(ToolResult(words, is_error=True))
    if error is None or isinstance(error, asyncio.CancelledError):  # it did not stop in time, or stopped itself
        stopped = f"{name} was stopped before it returned."
        return Outcome(ToolResult(stopped, is_error=True), Raised("timeout", stopped))
    if isinstance(error, ConnectionRefusedError):  # nothing was sent
        return Outcome(ToolResult(f"{name} failed: {words}"[:DETAIL], is_error=True), _raised("refused", words))
    raised: Raised | None = None
    if isinstance(error, TimeoutError):
        raised = _raised("timeout", words)
    elif isinstance(error, CallInDoubt | ConnectionError):
        raised = _raised("connection_lost", words)
    return Outcome(ToolResult(f"{name} failed: {type(error).__name__}: {words}"[:DETAIL], is_error=True), raised)


def _raised(kind: RaisedKind, words: str) -> Raised:
    return Raised(kind, words.encode(errors="replace").decode()[:DETAIL])


@contextlib.asynccontextmanager
async def reporting(send: Report) -> AsyncIterator[Callable[[float, float | None, str], None]]:
    """Give a `progress` that may be called from any thread; what was reported is sent, in order, before this ends.

    MCP wants progress to grow: a report that does not is dropped.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, float | None, str] | None] = asyncio.Queue()

    def take(report: tuple[float, float | None, str]) -> None:
        if waiting.qsize() < MOST_REPORTS:
            waiting.put_nowait(report)

    def progress(done: float, total: float | None = None, message: str = "") -> None:
        loop.call_soon_threadsafe(take, (done, total, message))

    pump = asyncio.create_task(_pump(waiting, send))
    try:
        yield progress
        await asyncio.sleep(0)  # reports of this very turn of the loop are in the queue after it
        waiting.put_nowait(None)
        await asyncio.wait((pump,), timeout=LAST_WORDS)
    finally:
        pump.cancel()
        await asyncio.wait((pump,))


async def _pump(waiting: "asyncio.Queue[tuple[float, float | None, str] | None]", send: Report) -> None:
    last: float | None = None
    while (report := await waiting.get()) is not None:
        done, total, message = report
        if last is not None and done <= last:
            continue
        last = done
        try:
            await send(done, total, message or None)
        except Exception:  # noqa: BLE001 - a client that is gone, or cannot read a report, ends no call
            return
