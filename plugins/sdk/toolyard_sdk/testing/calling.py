"""Calls one tool as the loop would: arguments checked, exceptions answered, time and output bounded; knows no run.

Questions are answered as in a run: the call ends with one, and begins again with the answer. The words are those a
model is told by the server; a test of the server compares the two.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from toolyard_sdk.asking import Answer, Answers, InputNeeded, Question, answering
from toolyard_sdk.attempts import DETAIL
from toolyard_sdk.canonical import canonical
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, CallInDoubt, ToolError
from toolyard_sdk.messages import ToolResult, effect_class
from toolyard_sdk.ports import Tool
from toolyard_sdk.testing.values import value_problems

Arguments = Mapping[str, Any] | str | bytes
"""Arguments as a dict, or as the JSON text a model wrote."""


MAX_ARGUMENTS = 1024 * 1024
MAX_DEPTH = 64


async def call(
    tool: Tool,
    arguments: Arguments = "",
    context: ToolContext | None = None,
    *,
    seconds: float = 30.0,
    output_bytes: int = 32_768,
    answers: Sequence[Answer] | None = None,
) -> ToolResult:
    """Call `tool` once and return what the model would be told; whatever the tool raises becomes an error result.

    `seconds` and `output_bytes` have the defaults of an agent release. No arguments, an empty text and `null` all mean
    `{}`. A call with side effects that runs out of time, or loses its connection, is in doubt, and its result says so.

    With `answers`, what the tool asks a person is answered by them in order, the call beginning anew for each; where
    they are used up, the result is an error that says what is asked. Without, `context.ask` answers: it declines,
    unless the context has another. Raises ValueError for an answer that does not fit its question.
    """
    name = tool.spec.name
    encoded = _encoded(arguments)
    if encoded is None:
        text = f"The arguments of {name} are not a JSON object (invalid JSON). Call it again with valid JSON."
        return ToolResult(text, is_error=True)
    try:
        tool.check(encoded)
    except ArgumentsInvalid as error:
        return ToolResult(f"The arguments do not fit {name}: {error}", is_error=True)
    made, left = context or ToolContext(), list(answers or ())
    known: Answers = ()
    while True:
        asked = made if answers is None else msgspec.structs.replace(made, ask=answering(known))
        try:
            return await _executed(tool, encoded, asked, seconds, output_bytes)
        except InputNeeded as needed:
            if not left:
                return ToolResult(f"{name} asks a person: {needed.question.message}"[:DETAIL], is_error=True)
            known = (*known, (needed.question, _fitting(needed.question, left.pop(0))))


def _fitting(question: Question, answer: Answer) -> Answer:
    """Return an answer to a question; raises ValueError for one that nobody could give."""
    problem = None
    if answer.action == "accept" and question.schema is not None:
        problem = next(value_problems(question.schema, answer.content), None)
    elif answer.content:
        problem = "it has content, and the question asks for none, or was not accepted"
    if problem is not None:
        raise ValueError(f"the answer to {question.message!r} does not fit: {problem}")
    return answer


async def _executed(
    tool: Tool, arguments: bytes, context: ToolContext, seconds: float, output_bytes: int
) -> ToolResult:
    """Execute the call; raises InputNeeded, and nothing else but what cancels the caller."""
    name = tool.spec.name
    repeatable = effect_class(tool.spec.annotations) != "side_effect"
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            result = _capped(await tool.call(arguments, context), output_bytes)
    except ToolError as error:
        result = _capped(ToolResult(str(error), is_error=True), output_bytes)
    except ConnectionRefusedError as error:  # nothing was sent
        result = ToolResult(f"{name} failed: {error}"[:DETAIL], is_error=True)
    except (CallInDoubt, ConnectionError) as error:
        result = _failed(name, error) if repeatable else _in_doubt(name, "the connection was lost after it was sent")
    except TimeoutError as error:
        if not repeatable:
            result = _in_doubt(name, "it did not return in time")
        elif limit.expired():
            result = ToolResult(f"{name} did not return within {seconds:g} seconds and was given up.", is_error=True)
        else:
            result = _failed(name, error)
    except Exception as error:  # noqa: BLE001 - whatever a tool raises is a result for the model
        result = _failed(name, error)
    return result


def _encoded(arguments: Arguments) -> bytes | None:
    """Return canonical JSON of an object as the loop reads it; None for what is no object, too long or too deep."""
    try:
        if isinstance(arguments, Mapping):
            return canonical(dict(arguments))
        text = arguments.decode() if isinstance(arguments, bytes) else arguments
        if len(text) > MAX_ARGUMENTS:
            return None
        value: Any = msgspec.json.decode(text) if text.strip() else None
        if isinstance(value, str):  # an object inside a JSON string, as some models write it
            value = msgspec.json.decode(value) if value.strip() else None
        if value is None:
            return b"{}"
        return canonical(value) if isinstance(value, dict) and not _deeper(value, MAX_DEPTH) else None
    except (ValueError, OverflowError, RecursionError):
        return None


def _deeper(value: Any, levels: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return parts is not None and (levels == 0 or any(_deeper(part, levels - 1) for part in parts))


def _failed(name: str, error: Exception) -> ToolResult:
    text = f"{name} failed: {type(error).__name__}: {error}"
    return ToolResult(text.encode(errors="replace").decode()[:DETAIL], is_error=True)


def _in_doubt(name: str, why: str) -> ToolResult:
    text = (
        f"In doubt: nobody knows whether this call of {name} took effect, because {why}. "
        "Tell the user so. Do not call it again with the same arguments unless a person has looked."
    )
    return ToolResult(text, is_error=True)


def _capped(result: ToolResult, limit: int) -> ToolResult:
    """Cut text that is longer than the cap at a character's border, and say so; a cut result has no structure."""
    encoded = result.text.encode(errors="replace")
    if len(encoded) <= limit:
        return msgspec.structs.replace(result, text=encoded.decode())
    kept = encoded[:limit].decode(errors="ignore")
    return ToolResult(f"{kept}\n[cut: {limit} of {len(encoded)} bytes are shown]", is_error=result.is_error)
