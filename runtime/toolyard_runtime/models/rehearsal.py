"""The rehearsal model: a deterministic stand-in that calls tools by words; it is no language model and says so.

It takes the bytes a model server would take and acts the same way: calls in one turn, results in the next, an answer
in the end that quotes them. A message may also be a script that says exactly what to call.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from toolyard_memory.retrieval.assembly import REMEMBERED
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import Delta, RawCall, Turn

from toolyard_runtime.models.filling import fill
from toolyard_runtime.models.planning import Wish, plan
from toolyard_runtime.models.script import read_script

NAME = "rehearsal"

_TOLD = (
    "result",
    "value",
    "answer",
    "text",
    "local",
    "time",
    "now",
    "words",
    "weekday",
    "message",
    "content",
    "summary",
)
_SHORT = 400


class RehearsalModel:
    """Implements the Model port without any server; `pause` is the seconds between two streamed words."""

    def __init__(self, *, pause: float = 0.0, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._pause = pause
        self._sleep = sleep

    async def reply(
        self,
        body: bytes,
        *,
        timeout: float,  # noqa: ASYNC109 - the deadline is a value of the run, not of the caller's task
        on_delta: Callable[[Delta], None] | None = None,
        request_id: str = "",
    ) -> Turn:
        """Act out one request: tool calls, or an answer word by word; raises ModelError for what is no request."""
        del request_id
        turn = rehearse(body)
        if on_delta is None or not turn.text:
            return turn
        try:
            async with asyncio.timeout(timeout):
                for word in re.findall(r"\s*\S+\s*\Z|\s*\S+", turn.text):
                    on_delta(Delta(word))
                    if self._pause:
                        await self._sleep(self._pause)
        except TimeoutError as error:
            raise ModelError("timeout", "rehearsal: no whole answer within the time allowed") from error
        return turn

    async def close(self) -> None:
        """Let go of nothing."""


def rehearse(body: bytes) -> Turn:
    """Return the turn that answers an encoded request: a pure function of its bytes; raises ModelError."""
    try:
        request = msgspec.json.decode(body)
        messages = [message for message in request["messages"] if isinstance(message, dict)]
        offered = [tool["function"] for tool in request.get("tools") or () if isinstance(tool["function"]["name"], str)]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ModelError("bad_request", "rehearsal: the request is no chat completion request", status=400) from error
    asked, recalled, since = _last_question(messages)
    turns = [message for message in since if message.get("role") == "assistant" and message.get("tool_calls")]
    script = read_script(asked)
    calls: tuple[RawCall, ...] = ()
    text = ""
    if script is not None:
        if len(turns) < len(script.turns):
            calls = script.turns[len(turns)]
        text = "" if calls else script.answer or _answer(since)
    else:
        stages = plan(asked, offered)
        if len(turns) < len(stages):
            calls = tuple(_call(wish, since) for wish in stages[len(turns)])
        else:
            text = _answer(since) if turns else _nothing(asked, recalled, offered)
    limit = request.get("max_tokens") or request.get("max_completion_tokens")
    return _turn(text, calls, messages, limit if isinstance(limit, int) else 0)


def _turn(text: str, calls: tuple[RawCall, ...], messages: list[dict[str, Any]], limit: int) -> Turn:
    """Count a word as a token, which is what streaming shows."""
    pieces = re.findall(r"\s*\S+", text)
    cut = bool(limit) and len(pieces) > limit
    if cut:
        text = "".join(pieces[:limit])
    read = sum(len(_text_of(message).split()) + 4 for message in messages)
    written = min(len(pieces), limit) if cut else len(pieces) + 12 * len(calls)
    finish = "tool_calls" if calls else "length" if cut else "stop"
    return Turn(
        text=text, calls=calls, finish=finish, usage=Usage(read, written), model=NAME, fingerprint="rehearsal-1"
    )


def _last_question(messages: list[dict[str, Any]]) -> tuple[str, str, list[dict[str, Any]]]:
    """Return the last user's text, what came to mind of it, and the messages after it."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "user":
            return *_parted(messages[index].get("content")), messages[index + 1 :]
    return "", "", []


def _parted(content: Any) -> tuple[str, str]:
    """Return what a user's message says, and what the server has put before it: nobody wishes for that."""
    if isinstance(content, list) and content and _text_of({"content": content[:1]}).startswith(REMEMBERED):
        return _text_of({"content": content[1:]}), _text_of({"content": content[:1]})
    text = _text_of({"content": content})
    if not text.startswith(REMEMBERED):
        return text, ""
    recalled, _, asked = text.partition("\n\n")
    return asked, recalled


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = " ".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _call(wish: Wish, since: list[dict[str, Any]]) -> RawCall:
    found = "\n".join(f"{given}: {told}" if given else told for _, given, told in _results(since))
    parameters = wish.tool.get("parameters")
    arguments = fill(parameters if isinstance(parameters, dict) else {}, wish.clause, found)
    return RawCall(wish.tool["name"], msgspec.json.encode(arguments).decode())


def _results(since: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return (tool, arguments in short, result in short) of every answered call, in call order."""
    texts = {message.get("tool_call_id"): _text_of(message) for message in since if message.get("role") == "tool"}
    results = []
    for message in since:
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            if call.get("id") in texts:
                results.append((str(function.get("name")), _shown(function.get("arguments")), _told(texts[call["id"]])))
    return results


def _told(text: str) -> str:
    """Return the telling part of a result: one field of a JSON object where one tells, else all of it in short."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        value = text
    if isinstance(value, dict):
        told = [str(value[key]) for key in _TOLD if isinstance(value.get(key), str | int | float)]
        shown = told[0] if told else ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    else:
        shown = value if isinstance(value, str) else _shown(value)
    shown = " ".join(shown.split()) if "\n" not in shown.strip() else shown.strip()
    return shown if len(shown) <= _SHORT else shown[:_SHORT] + "..."


def _shown(value: Any) -> str:
    """Return a value as a person would write it; arguments come as JSON text."""
    if isinstance(value, str):
        try:
            inner = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
        value = inner if isinstance(inner, dict | list) else value
    if isinstance(value, dict):
        value = ", ".join(str(_shown(item)) for item in value.values())
    elif isinstance(value, list):
        value = ", ".join(str(_shown(item)) for item in value)
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line's worth


def _answer(since: list[dict[str, Any]]) -> str:
    lines = [
        f"{name}({arguments}) says: {result}" if arguments else f"{name} says: {result}"
        for name, arguments, result in _results(since)
    ]
    if not lines:
        return "I called no tool, so I have nothing to report."
    if len(lines) == 1:
        return f"Here is what I found. {lines[0]}"
    return "Here is what I found:\n" + "\n".join(f"- {line}" for line in lines)


def _nothing(asked: str, recalled: str, offered: list[dict[str, Any]]) -> str:
    if recalled:
        told = recalled.removeprefix(REMEMBERED)
        return f"I am the rehearsal model and understand nothing of this, but it came to mind:{told}"
    names = ", ".join(sorted(tool["name"] for tool in offered))
    quoted = _shown(asked) if asked else "nothing"
    able = f"Words that would make me call one: {names}." if names else "And I was offered no tools."
    return (
        f'I am the rehearsal model: I pick tools by words and have no knowledge of my own. You said: "{quoted}". {able}'
    )
