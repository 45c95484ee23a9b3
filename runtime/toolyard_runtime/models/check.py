"""Probes a live model server for what an agent needs and says what works and what to do; knows no terminal."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Message, ToolCall
from toolyard_sdk.ports import Delta, Turn

from toolyard_runtime.models.calls import normalise_arguments
from toolyard_runtime.models.chat_client import ThinModel
from toolyard_runtime.models.connection import Answer, LineError, Origin
from toolyard_runtime.models.encoder import encode_message

Outcome = Literal["ok", "failed", "not applicable"]

_CITIES = ("Oslo", "Lima", "Cairo")
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city for some days.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": list(_CITIES)},
                "days": {"type": "integer", "enum": [1, 2, 3]},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
_ASK = Message("user", "What will the weather be in Oslo for the next 2 days? Use the tool.")
_PARSER = (
    "start vLLM with --enable-auto-tool-choice --tool-call-parser NAME (hermes for Qwen, llama3_json, mistral ...), "
    "llama-server with --jinja"
)
_OK = 200
_TOKENS = 256


class Finding(Struct, frozen=True):
    """One thing that was looked at: what came out, in which detail, and what to do about it ("" when nothing)."""

    name: str
    outcome: Outcome
    detail: str
    advice: str = ""


class _Server:
    """The server under test, and what is known of it so far."""

    def __init__(self, base_url: str, api_key: str, model: str, seconds: float) -> None:
        parts = urlsplit(base_url)
        headers = (("Authorization", f"Bearer {api_key}"),) if api_key else ()
        self.origin = Origin(base_url, headers=headers)
        self.model = ThinModel(base_url, api_key)
        self.prefix = parts.path.rstrip("/")
        self.root = self.prefix.removesuffix("/v1")
        self.name = model
        self.seconds = seconds
        self.is_vllm = False

    async def get(self, path: str) -> Answer:
        return await self.origin.send(b"GET", path.encode(), timeout=min(self.seconds, 10.0))

    async def post(self, path: str, body: dict[str, Any]) -> Answer:
        return await self.origin.send(b"POST", path.encode(), msgspec.json.encode(body), timeout=self.seconds)

    async def ask(self, *messages: Message, stream: bool = False, **fields: Any) -> Turn:
        body: dict[str, Any] = {
            "model": self.name,
            "stream": stream,
            "temperature": 0,
            "max_tokens": _TOKENS,
            **fields,
            "messages": [msgspec.Raw(encode_message(message)) for message in messages],
        }
        deltas: list[Delta] = []
        return await self.model.reply(
            msgspec.json.encode(body), timeout=self.seconds, on_delta=deltas.append if stream else None
        )

    async def close(self) -> None:
        await self.origin.close()
        await self.model.close()


async def check(base_url: str, api_key: str, model: str, *, seconds: float = 60.0) -> list[Finding]:
    """Probe the server at `base_url` with about ten small requests, each within `seconds`; its faults are findings.

    With `model` "", the first model the server lists is taken.
    """
    try:
        server = _Server(base_url, api_key, model, seconds)
    except ValueError as error:
        return [Finding("reachable", "failed", str(error), "write the address as http://HOST:PORT/v1")]
    try:
        findings = await _models(server)
        if any(finding.outcome == "failed" for finding in findings):
            return findings
        for name, probe in _PROBES:
            try:
                findings.append(await probe(server))
            except ModelError as error:
                findings.append(Finding(name, "failed", str(error), _advice(error)))
            except LineError as error:
                findings.append(Finding(name, "failed", str(error), "look at the server's log"))
        return findings
    finally:
        await server.close()


async def _models(server: _Server) -> list[Finding]:
    try:
        answer = await server.get(f"{server.prefix}/models")
    except LineError as error:
        return [Finding("reachable", "failed", str(error), "start the server, or correct the address")]
    if answer.status in (401, 403):
        return [
            Finding("reachable", "failed", f"HTTP {answer.status}: the key is refused", "give this server's API key")
        ]
    listed = _json(answer)
    names = [str(entry.get("id")) for entry in listed.get("data") or () if isinstance(entry, dict)]
    if answer.status != _OK or not names:
        detail = f"GET {server.prefix}/models answers HTTP {answer.status} and lists no model"
        return [Finding("reachable", "failed", detail, "the base URL usually ends in /v1")]
    findings = [Finding("reachable", "ok", f"GET {server.prefix}/models")]
    server.name = server.name or names[0]
    if server.name in names:
        findings.append(Finding("model", "ok", server.name))
    else:
        detail = f"{server.name} is not among {', '.join(names[:8])}"
        findings.append(Finding("model", "failed", detail, "name one of those"))
    return findings


async def _kind(server: _Server) -> Finding:
    for path, kind, profile in (("/version", "vLLM", "vllm"), ("/api/version", "Ollama", "ollama")):
        version = _json(await server.get(server.root + path)).get("version")
        if isinstance(version, str):
            server.is_vllm = kind == "vLLM"
            return Finding("server", "ok", f"{kind} {version}: profile {profile}")
    if "default_generation_settings" in _json(await server.get(server.root + "/props")):
        return Finding("server", "ok", "llama.cpp: profile llama_cpp")
    return Finding("server", "not applicable", "not vLLM, Ollama or llama.cpp: profile generic")


async def _forced_call(server: _Server) -> Finding:
    turn = await server.ask(_ASK, tools=[_tool(server)], tool_choice="required")
    if turn.malformed:
        return Finding("tool parser", "failed", f"the call came as text with {turn.malformed}", _PARSER)
    if not turn.calls:
        return Finding("tool parser", "failed", f"no call although one was required ({turn.finish})", _PARSER)
    return Finding("tool parser", "ok", f"required: {turn.calls[0].name}({turn.calls[0].arguments[:80]})")


async def _free_call(server: _Server) -> Finding:
    turn = await server.ask(_ASK, tools=[_tool(server)], tool_choice="auto")
    if turn.malformed:
        return Finding("tool choice auto", "failed", f"the call came as text with {turn.malformed}", _PARSER)
    if turn.calls:
        return Finding("tool choice auto", "ok", f"{turn.calls[0].name}({turn.calls[0].arguments[:80]})")
    detail = "the model answered in text, which it may; nothing looks like a call that was lost"
    return Finding("tool choice auto", "not applicable", detail)


async def _strict(server: _Server) -> Finding:
    name = "strict arguments"
    tool = {**_TOOL, "function": {**_TOOL["function"], "strict": True}}  # type: ignore[dict-item] # a literal above
    try:
        turn = await server.ask(_ASK, tools=[tool], tool_choice="required")
    except ModelError as error:
        if error.fault == "bad_request":
            return Finding(name, "not applicable", "the server does not know strict; arguments are only checked here")
        raise
    if not turn.calls:
        return Finding(name, "failed", "no call came", _PARSER)
    arguments = normalise_arguments(turn.calls[0].arguments)
    value = msgspec.json.decode(arguments) if isinstance(arguments, bytes) else {}
    if value.keys() == {"city", "days"} and value["city"] in _CITIES and value["days"] in (1, 2, 3):
        return Finding(name, "ok", "arguments fit the schema")
    advice = "vLLM enforces it with --tool-strict-level parameter; without it bad arguments cost a turn"
    return Finding(name, "failed", f"arguments do not fit: {turn.calls[0].arguments[:80]}", advice)


async def _streaming(server: _Server) -> Finding:
    name = "streaming"
    fields: dict[str, Any] = {"tools": [_tool(server)], "tool_choice": "required"}
    whole = await server.ask(_ASK, **fields)
    streamed = await server.ask(_ASK, stream=True, stream_options={"include_usage": True}, **fields)
    if [call.name for call in whole.calls] != [call.name for call in streamed.calls]:
        detail = f"{len(whole.calls)} calls without streaming, {len(streamed.calls)} with it, for the same request"
        return Finding(name, "failed", detail, "update the server or its parser; the loop asks again without streaming")
    if not streamed.usage.output_tokens:
        return Finding(name, "failed", "the stream holds no usage", "token budgets and totals will read 0")
    same = "the same turn" if whole.calls == streamed.calls and whole.text == streamed.text else "the same calls"
    return Finding(name, "ok", f"{same} as without; usage included")


async def _history(server: _Server) -> Finding:
    turn = await server.ask(
        _ASK,
        Message("assistant", tool_calls=(ToolCall("call_1", "get_weather", '{"city":"Oslo","days":2}'),)),
        Message("tool", "Rain, 4 degrees.", tool_call_id="call_1"),
        tools=[_tool(server)],
    )
    del turn
    return Finding("tool results in history", "ok", "the chat template takes calls and results")


async def _tokenize(server: _Server) -> Finding:
    body = {"model": server.name, "messages": [{"role": "user", "content": "Hello"}]}
    answer = await server.post(f"{server.root}/tokenize", body)
    value = _json(answer)
    count, most = value.get("count"), value.get("max_model_len")
    if answer.status != _OK or not isinstance(count, int):
        return Finding("tokenize", "not applicable", "no /tokenize with messages; prompt lengths are estimated")
    return Finding("tokenize", "ok", f"{count} tokens for a hello; context of {most}")


_PROBES: tuple[tuple[str, Callable[[_Server], Awaitable[Finding]]], ...] = (
    ("server", _kind),
    ("tool parser", _forced_call),
    ("tool choice auto", _free_call),
    ("strict arguments", _strict),
    ("streaming", _streaming),
    ("tool results in history", _history),
    ("tokenize", _tokenize),
)


def _tool(server: _Server) -> dict[str, Any]:
    if not server.is_vllm:
        return _TOOL
    return {**_TOOL, "function": {**_TOOL["function"], "strict": True}}  # type: ignore[dict-item] # a literal above


def _advice(error: ModelError) -> str:
    if error.fault == "bad_request" and "tool" in str(error):
        return _PARSER
    if error.fault == "bad_request":
        return "try a chat template made for tools (--chat-template)"
    return "look at the server's log"


def _json(answer: Answer) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):  # msgspec's own errors and bad UTF-8 are ValueErrors
        return {}
    return value if answer.status == _OK and isinstance(value, dict) else {}
