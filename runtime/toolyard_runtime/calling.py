"""Executes one call of a tool, whatever the tool does: time-out, exceptions, output cap; knows no run."""

import asyncio
import time
from typing import Literal

from msgspec import Struct
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, CallInDoubt, ToolError
from toolyard_sdk.ports import Tool

DETAIL = 2_000
"""Characters of an exception's text that a model is shown."""


class Returned(Struct, frozen=True):
    """The call is over; `cut` when the text was longer than allowed."""

    text: str
    is_error: bool = False
    cut: bool = False
    source: Literal["tool", "timeout"] = "tool"


class InDoubt(Struct, frozen=True):
    """Nobody knows whether the call took effect."""

    why: Literal["timeout", "connection_lost"]


async def execute(
    tool: Tool, arguments: bytes, context: ToolContext, *, seconds: float, output_bytes: int, repeatable: bool
) -> tuple[Returned | InDoubt, int]:
    """Call the tool and return what became of it, with its duration in microseconds.

    Raises CancelledError when the caller's task is cancelled, and nothing else. A call that is not `repeatable` and
    timed out, or lost its connection on the way, is in doubt, also when the tool's own exception came of that; other
    exceptions are results.
    """
    task = asyncio.current_task()
    cancelled_before = task.cancelling() if task is not None else 0
    began = time.perf_counter_ns()
    outcome: Returned | InDoubt
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            result = await tool.call(arguments, context)
            outcome = _capped(result.text, result.is_error, output_bytes)
    except ToolError as error:
        outcome = _capped(str(error), True, output_bytes)
    except ConnectionRefusedError as error:
        outcome = Returned(f"{tool.spec.name} failed: {error}"[:DETAIL], is_error=True)
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling() > cancelled_before:
            raise
        outcome = _failed(tool, error) if repeatable else InDoubt("connection_lost")  # the tool has cancelled itself
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's tool raises is a result
        doubt = None if repeatable else _doubt_of(error)
        if doubt is not None:
            outcome = InDoubt(doubt)
        elif limit.expired() and isinstance(error, TimeoutError):
            text = f"{tool.spec.name} did not return within {seconds:g} seconds and was given up."
            outcome = Returned(text, is_error=True, source="timeout")
        else:
            outcome = _failed(tool, error)
    return outcome, (time.perf_counter_ns() - began) // 1000


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


def _failed(tool: Tool, error: BaseException) -> Returned:
    text = f"{tool.spec.name} failed: {type(error).__name__}: {error}"
    return Returned(text.encode(errors="replace").decode()[:DETAIL], is_error=True)


def _capped(text: str, is_error: bool, limit: int) -> Returned:
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return Returned(encoded.decode(), is_error)
    kept = encoded[:limit].decode(errors="ignore")
    return Returned(f"{kept}\n[cut: {limit} of {len(encoded)} bytes are shown]", is_error, cut=True)


def misfit(tool: Tool, arguments: bytes) -> str:
    """Return why arguments do not fit a tool, in its words; "" when they do."""
    try:
        tool.check(arguments)
    except ArgumentsInvalid as error:
        return str(error)
    return ""
