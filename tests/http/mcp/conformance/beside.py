"""What the suite asks for and a Toolyard server does not offer: prompts, resources, pictures, questions to clients.

Handlers of the SDK, put beside those of the product, so that the suite can be run as a whole. What passes by them says
something of the SDK and the transport, and nothing of Toolyard.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as mcp
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, PromptsListChanged, ToolsListChanged
from mcp.shared.exceptions import MCPError

Context = ServerRequestContext[Any, Any]
Called = mcp.CallToolResult | mcp.InputRequiredResult
STEP = 0.05
SEAL = b"a key of the test's own"


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


def _wav() -> bytes:
    wave = (
        b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data" + struct.pack("<I", 8) + b"\x80" * 8
    )
    return b"RIFF" + struct.pack("<I", len(wave)) + wave


PNG = base64.b64encode(_png()).decode()
WAV = base64.b64encode(_wav()).decode()
IMAGE = mcp.ImageContent(data=PNG, mime_type="image/png")


def _text(text: str) -> mcp.TextContent:
    return mcp.TextContent(text=text)


def _said(*parts: Any) -> mcp.CallToolResult:
    return mcp.CallToolResult(content=list(parts))


def _embedded(uri: str, kind: str, text: str) -> mcp.EmbeddedResource:
    return mcp.EmbeddedResource(resource=mcp.TextResourceContents(uri=uri, mime_type=kind, text=text))


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _question(message: str, **properties: Any) -> mcp.ElicitRequest:
    schema = _object(**properties)
    return mcp.ElicitRequest(params=mcp.ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampling(text: str, tokens: int = 100) -> mcp.CreateMessageRequest:
    message = mcp.SamplingMessage(role="user", content=_text(text))
    return mcp.CreateMessageRequest(params=mcp.CreateMessageRequestParams(messages=[message], max_tokens=tokens))


ROOTS = mcp.ListRootsRequest()
NAME = _question("What is your name?", name={"type": "string"})


def _sealed(state: str) -> str:
    return f"{state}.{hmac.new(SEAL, state.encode(), hashlib.sha256).hexdigest()}"


def _unsealed(state: str | None) -> str:
    """Return the state inside; raises MCPError when somebody else has made it."""
    inside, _, _ = (state or "").rpartition(".")
    if state is None or not hmac.compare_digest(_sealed(inside), state):
        raise MCPError(code=mcp.INVALID_PARAMS, message="requestState: this is not what the server has sent")
    return inside


def _given(params: Any, *keys: str) -> dict[str, Any] | None:
    """Return the client's answers of these keys; None when one is missing, or says nothing that was asked."""
    answers = params.input_responses or {}
    found = {key: answers[key] for key in keys if key in answers}
    for answer in found.values():
        if isinstance(answer, mcp.ElicitResult) and answer.action == "accept" and not answer.content:
            return None
    return found if len(found) == len(keys) else None


# --- tools ---


async def _image(_ctx: Context, _params: Any) -> Called:
    return _said(IMAGE)


async def _audio(_ctx: Context, _params: Any) -> Called:
    return _said(mcp.AudioContent(data=WAV, mime_type="audio/wav"))


async def _resource(_ctx: Context, _params: Any) -> Called:
    return _said(_embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."))


async def _mixed(_ctx: Context, _params: Any) -> Called:
    data = _embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return _said(_text("Multiple content types test:"), IMAGE, data)


async def _logging(ctx: Context, _params: Any) -> Called:
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message("info", words, related_request_id=ctx.request_id)
        await asyncio.sleep(STEP)
    return _said(_text("done"))


async def _sample(ctx: Context, params: Any) -> Called:
    message = mcp.SamplingMessage(role="user", content=_text(params.arguments["prompt"]))
    answer = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
    return _said(_text(f"LLM response: {getattr(answer.content, 'text', answer.content)}"))


def _eliciting(words: str, schema: dict[str, Any]) -> Callable[[Context, Any], Awaitable[Called]]:
    async def elicit(ctx: Context, params: Any) -> Called:
        message = (params.arguments or {}).get("message", "Please answer")
        answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
        return _said(_text(f"{words}: action={answer.action}, content={json.dumps(answer.content)}"))

    return elicit


TEXT = {"type": "string"}
USER = _object(
    username={**TEXT, "description": "User's response"}, email={**TEXT, "description": "User's email address"}
)
DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
    "required": [],
}


def _titled(noun: str) -> list[dict[str, str]]:
    return [{"const": f"value{n}", "title": f"{word} {noun}"} for n, word in enumerate(("First", "Second", "Third"), 1)]


ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": _titled("Option")},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled("Choice")}},
    },
    "required": [],
}


async def _ask_name(_ctx: Context, params: Any) -> Called:
    answers = _given(params, "user_name")
    if answers is None:
        return mcp.InputRequiredResult(input_requests={"user_name": NAME})
    return _said(_text(f"Hello, {answers['user_name'].content['name']}!"))


async def _ask_capital(_ctx: Context, params: Any) -> Called:
    answers = _given(params, "capital_question")
    if answers is None:
        return mcp.InputRequiredResult(input_requests={"capital_question": _sampling("What is the capital of France?")})
    return _said(_text(f"The client says: {getattr(answers['capital_question'].content, 'text', '')}"))


async def _ask_roots(_ctx: Context, params: Any) -> Called:
    answers = _given(params, "client_roots")
    if answers is None:
        return mcp.InputRequiredResult(input_requests={"client_roots": ROOTS})
    return _said(_text(f"Roots: {', '.join(str(root.uri) for root in answers['client_roots'].roots)}"))


async def _ask_with_state(_ctx: Context, params: Any) -> Called:
    answers = _given(params, "confirm")
    if answers is None:
        question = _question("Please confirm", ok={"type": "boolean"})
        return mcp.InputRequiredResult(input_requests={"confirm": question}, request_state=_sealed("asked"))
    _unsealed(params.request_state)
    return _said(_text("state-ok"))


async def _ask_many(_ctx: Context, params: Any) -> Called:
    asked: dict[str, Any] = {"user_name": NAME, "greeting": _sampling("Generate a greeting", 50), "client_roots": ROOTS}
    if _given(params, *asked) is None:
        return mcp.InputRequiredResult(input_requests=asked, request_state=_sealed("asked"))
    _unsealed(params.request_state)
    return _said(_text("all of it was answered"))


async def _ask_twice(_ctx: Context, params: Any) -> Called:
    if params.request_state is None:
        question = _question("Step 1: What is your name?", name=TEXT)
        return mcp.InputRequiredResult(input_requests={"step1": question}, request_state=_sealed("one"))
    if _unsealed(params.request_state) == "one" and _given(params, "step1") is not None:
        question = _question("Step 2: What is your favorite color?", color=TEXT)
        return mcp.InputRequiredResult(input_requests={"step2": question}, request_state=_sealed("two"))
    return _said(_text("both steps were answered"))


async def _ask_what_is_known(ctx: Context, _params: Any) -> Called:
    can = ctx.session.client_capabilities or mcp.ClientCapabilities()
    asked: dict[str, Any] = {}
    if can.elicitation is not None:
        asked["user_name"] = NAME
    if can.sampling is not None:
        asked["greeting"] = _sampling("Generate a greeting", 50)
    if can.roots is not None:
        asked["client_roots"] = ROOTS
    return mcp.InputRequiredResult(input_requests=asked) if asked else _said(_text("there is nobody to ask"))


async def _needs_sampling(ctx: Context, _params: Any) -> Called:
    if (ctx.session.client_capabilities or mcp.ClientCapabilities()).sampling is None:
        raise MCPError(
            code=mcp.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="this tool needs sampling",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return _said(_text("sampling is there"))


PROMPT = _object(prompt=TEXT)
MESSAGE = _object(message=TEXT)
NOTHING = _object()

TOOLS: dict[str, tuple[dict[str, Any], Callable[[Context, Any], Awaitable[Called]]]] = {
    "test_image_content": (NOTHING, _image),
    "test_audio_content": (NOTHING, _audio),
    "test_embedded_resource": (NOTHING, _resource),
    "test_multiple_content_types": (NOTHING, _mixed),
    "test_tool_with_logging": (NOTHING, _logging),
    "test_logging_tool": (NOTHING, _logging),
    "test_sampling": (PROMPT, _sample),
    "test_elicitation": (MESSAGE, _eliciting("User response", USER)),
    "test_elicitation_sep1034_defaults": (NOTHING, _eliciting("Elicitation completed", DEFAULTS)),
    "test_elicitation_sep1330_enums": (NOTHING, _eliciting("Elicitation completed", ENUMS)),
    "test_input_required_result_elicitation": (NOTHING, _ask_name),
    "test_streaming_elicitation": (NOTHING, _ask_name),
    "test_input_required_result_sampling": (NOTHING, _ask_capital),
    "test_input_required_result_list_roots": (NOTHING, _ask_roots),
    "test_input_required_result_request_state": (NOTHING, _ask_with_state),
    "test_input_required_result_tampered_state": (NOTHING, _ask_with_state),
    "test_input_required_result_multiple_inputs": (NOTHING, _ask_many),
    "test_input_required_result_multi_round": (NOTHING, _ask_twice),
    "test_input_required_result_capabilities": (NOTHING, _ask_what_is_known),
    "test_missing_capability": (NOTHING, _needs_sampling),
}

# --- prompts ---


def _user(part: Any) -> mcp.PromptMessage:
    return mcp.PromptMessage(role="user", content=part)


def _argument(name: str) -> mcp.PromptArgument:
    return mcp.PromptArgument(name=name, description=f"The {name}.", required=True)


PROMPTS = [
    mcp.Prompt(name="test_simple_prompt", description="A simple prompt."),
    mcp.Prompt(
        name="test_prompt_with_arguments",
        description="A prompt with two arguments.",
        arguments=[_argument("arg1"), _argument("arg2")],
    ),
    mcp.Prompt(
        name="test_prompt_with_embedded_resource",
        description="A prompt with a resource.",
        arguments=[_argument("resourceUri")],
    ),
    mcp.Prompt(name="test_prompt_with_image", description="A prompt with an image."),
    mcp.Prompt(name="test_input_required_result_prompt", description="A prompt that asks first."),
]


async def _list_prompts(_ctx: Context, _params: Any) -> mcp.ListPromptsResult:
    return mcp.ListPromptsResult(prompts=PROMPTS)


async def _get_prompt(_ctx: Context, params: Any) -> mcp.GetPromptResult | mcp.InputRequiredResult:
    given = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            parts: list[Any] = [_text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            parts = [_text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")]
        case "test_prompt_with_embedded_resource":
            resource = _embedded(given["resourceUri"], "text/plain", "Embedded resource content for testing.")
            parts = [resource, _text("Please process the embedded resource above.")]
        case "test_prompt_with_image":
            parts = [IMAGE, _text("Please analyze the image above.")]
        case "test_input_required_result_prompt":
            answers = _given(params, "user_context")
            if answers is None:
                question = _question("What context should the prompt use?", context=TEXT)
                return mcp.InputRequiredResult(input_requests={"user_context": question})
            parts = [_text(f"Use this context: {answers['user_context'].content['context']}")]
        case _:
            raise MCPError(code=mcp.INVALID_PARAMS, message=f"Unknown prompt: {params.name}")
    return mcp.GetPromptResult(messages=[_user(part) for part in parts])


# --- resources ---

RESOURCES = [
    mcp.Resource(uri="test://static-text", name="text", description="A text.", mime_type="text/plain"),
    mcp.Resource(uri="test://static-binary", name="binary", description="A picture.", mime_type="image/png"),
    mcp.Resource(uri="test://watched-resource", name="watched", description="It may change.", mime_type="text/plain"),
]
TEMPLATE = mcp.ResourceTemplate(
    uri_template="test://template/{id}/data", name="data", description="Data by id.", mime_type="application/json"
)


async def _list_resources(_ctx: Context, _params: Any) -> mcp.ListResourcesResult:
    return mcp.ListResourcesResult(resources=RESOURCES)


async def _list_templates(_ctx: Context, _params: Any) -> mcp.ListResourceTemplatesResult:
    return mcp.ListResourceTemplatesResult(resource_templates=[TEMPLATE])


async def _read_resource(_ctx: Context, params: Any) -> mcp.ReadResourceResult:
    uri = str(params.uri)
    found: Any
    if uri == "test://static-binary":
        found = mcp.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    elif uri.startswith("test://template/") and uri.endswith("/data"):
        number = uri.removeprefix("test://template/").removesuffix("/data")
        data = json.dumps({"id": number, "templateTest": True, "data": f"Data for ID: {number}"})
        found = mcp.TextResourceContents(uri=uri, mime_type="application/json", text=data)
    elif uri in ("test://static-text", "test://watched-resource"):
        words = "This is the content of the static text resource."
        found = mcp.TextResourceContents(uri=uri, mime_type="text/plain", text=words)
    else:
        raise MCPError(code=mcp.INVALID_PARAMS, message="Resource not found", data={"uri": uri})
    return mcp.ReadResourceResult(contents=[found])


async def _nothing(_ctx: Context, _params: Any) -> mcp.EmptyResult:
    return mcp.EmptyResult()


async def _complete(_ctx: Context, _params: Any) -> mcp.CompleteResult:
    return mcp.CompleteResult(completion=mcp.Completion(values=["paris", "park"], total=2, has_more=False))


def extend(server: Server[Any]) -> None:
    """Add all of this to a server, whose own tools stay."""
    listed, called = server.get_request_handler("tools/list"), server.get_request_handler("tools/call")
    assert listed is not None
    assert called is not None
    bus = InMemorySubscriptionBus()

    async def list_tools(ctx: Context, params: Any) -> mcp.ListToolsResult:
        own = await listed.handler(ctx, params)
        assert isinstance(own, mcp.ListToolsResult)
        more = [mcp.Tool(name=name, description=f"{name}.", input_schema=schema) for name, (schema, _) in TOOLS.items()]
        changing = [
            mcp.Tool(name=name, description="Say that a list has changed.", input_schema=NOTHING)
            for name in ("test_trigger_tool_change", "test_trigger_prompt_change")
        ]
        return own.model_copy(update={"tools": sorted([*own.tools, *more, *changing], key=lambda tool: tool.name)})

    async def call_tool(ctx: Context, params: Any) -> Any:
        if params.name in TOOLS:
            return await TOOLS[params.name][1](ctx, params)
        if params.name == "test_trigger_tool_change":
            await bus.publish(ToolsListChanged())
            return _said(_text("told"))
        if params.name == "test_trigger_prompt_change":
            await bus.publish(PromptsListChanged())
            return _said(_text("told"))
        return await called.handler(ctx, params)

    handlers: list[tuple[str, Any, Any]] = [
        ("tools/list", mcp.PaginatedRequestParams, list_tools),
        ("tools/call", mcp.CallToolRequestParams, call_tool),
        ("prompts/list", mcp.PaginatedRequestParams, _list_prompts),
        ("prompts/get", mcp.GetPromptRequestParams, _get_prompt),
        ("resources/list", mcp.PaginatedRequestParams, _list_resources),
        ("resources/templates/list", mcp.PaginatedRequestParams, _list_templates),
        ("resources/read", mcp.ReadResourceRequestParams, _read_resource),
        ("resources/subscribe", mcp.SubscribeRequestParams, _nothing),
        ("resources/unsubscribe", mcp.UnsubscribeRequestParams, _nothing),
        ("completion/complete", mcp.CompleteRequestParams, _complete),
        ("logging/setLevel", mcp.SetLevelRequestParams, _nothing),
        ("subscriptions/listen", mcp.SubscriptionsListenRequestParams, ListenHandler(bus)),
    ]
    for method, params_type, handler in handlers:
        server.add_request_handler(method, params_type, handler)
