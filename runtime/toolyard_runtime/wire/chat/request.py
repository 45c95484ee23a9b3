"""Reads POST /v1/chat/completions into an `Ask`; looks nothing up.

The client resends the whole visible conversation. System and developer messages, wherever they stand, become the
request's instructions; tool messages after the last assistant message also answer the calls the client was asked to
execute.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from toolyard_sdk.messages import ImagePart, Message, Part, TextPart, ToolCall

from toolyard_runtime.run.segments import Ask, ClientAnswer, Sampling
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.fields import CHAT, Judge
from toolyard_runtime.wire.function_tools import (
    END_USER_FIX,
    METADATA_FIX,
    TOOL_NAME_FIX,
    EndUser,
    Metadata,
    ToolName,
    check_tools,
    client_tool,
    field_names,
)
from toolyard_runtime.wire.reading import Reader


class TextIn(Struct, frozen=True, tag_field="type", tag="text", forbid_unknown_fields=True):
    """Text."""

    text: str


class ImageUrl(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where an image is."""

    url: Annotated[str, Meta(min_length=1)]
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImageIn(Struct, frozen=True, tag_field="type", tag="image_url", forbid_unknown_fields=True):
    """An image."""

    image_url: ImageUrl


class RefusalIn(Struct, frozen=True, tag_field="type", tag="refusal", forbid_unknown_fields=True):
    """A refusal of an earlier model."""

    refusal: str


class AudioIn(Struct, frozen=True, tag_field="type", tag="input_audio"):
    """Sound, which no agent hears."""


class FileIn(Struct, frozen=True, tag_field="type", tag="file"):
    """A file, which no agent reads."""


PartIn = TextIn | ImageIn | RefusalIn | AudioIn | FileIn


class FunctionIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What was called."""

    name: str
    arguments: str


class ToolCallIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A call of an earlier turn."""

    id: Annotated[str, Meta(min_length=1, max_length=256)]
    function: FunctionIn
    type: Literal["function"] = "function"
    index: int | None = None


class SystemIn(Struct, frozen=True, tag_field="role", tag="system", forbid_unknown_fields=True):
    """Instructions."""

    content: str | list[TextIn]
    name: str | None = None


class DeveloperIn(Struct, frozen=True, tag_field="role", tag="developer", forbid_unknown_fields=True):
    """Instructions under their newer name."""

    content: str | list[TextIn]
    name: str | None = None


class UserIn(Struct, frozen=True, tag_field="role", tag="user", forbid_unknown_fields=True):
    """What a person says."""

    content: str | list[PartIn]
    name: str | None = None


class AssistantIn(Struct, frozen=True, tag_field="role", tag="assistant", forbid_unknown_fields=True):
    """What was answered before."""

    content: str | list[PartIn] | None = None
    tool_calls: list[ToolCallIn] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    name: str | None = None
    annotations: Any = None
    audio: Any = None
    function_call: Any = None


class ToolIn(Struct, frozen=True, tag_field="role", tag="tool", forbid_unknown_fields=True):
    """The result of a call."""

    content: str | list[TextIn]
    tool_call_id: str
    name: str | None = None


MessageIn = SystemIn | DeveloperIn | UserIn | AssistantIn | ToolIn


class FunctionDefinition(Struct, frozen=True, forbid_unknown_fields=True):
    """A function of the client; arguments are checked against its schema whatever `strict` says."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Struct, frozen=True, tag_field="type", tag="function", forbid_unknown_fields=True):
    """A function tool."""

    function: FunctionDefinition


class CustomTool(Struct, frozen=True, tag_field="type", tag="custom"):
    """A tool with free text for arguments, which is not supported."""


class StreamOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """How a stream ends."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body; its fields are those of `fields.CHAT`."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    messages: list[MessageIn]
    tools: list[FunctionTool | CustomTool] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, lt=2**31)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, lt=2**31)] | None = None
    metadata: Metadata | None = None
    user: EndUser | None = None
    safety_identifier: EndUser | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None
    service_tier: Any = None
    store: bool | None = None
    prediction: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: Any = None
    modalities: Any = None
    audio: Any = None
    functions: Any = None
    function_call: Any = None
    web_search_options: Any = None
    moderation: Any = None


_FIXES = {
    "model": "send the name of an agent; GET /v1/models lists them",
    "messages": 'send a list such as [{"role": "user", "content": "..."}]',
    "messages[]": 'send an object such as {"role": "user", "content": "..."}',
    "messages[].role": "use system, developer, user, assistant or tool",
    "messages[].content": "send a string or a list of content parts",
    "messages[].content[].type": "use text or image_url",
    "messages[].tool_call_id": "send the id of the call this answers",
    "tools[].type": "use function",
    "tools[].function.name": TOOL_NAME_FIX,
    "temperature": "send a number from 0 to 2",
    "top_p": "send a number from 0 to 1",
    "stop": "send a string or up to four strings",
    "metadata": METADATA_FIX,
    "user": END_USER_FIX,
    "safety_identifier": END_USER_FIX,
}

_NESTED = field_names(
    TextIn,
    ImageIn,
    ImageUrl,
    ToolCallIn,
    FunctionIn,
    UserIn,
    AssistantIn,
    ToolIn,
    FunctionDefinition,
    FunctionTool,
)
_reader = Reader(ChatRequest, _NESTED, _FIXES)
_judge = Judge(CHAT)


class _History(Struct):
    """What a walk over the messages gathers."""

    messages: list[Message] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    answers: list[ClientAnswer] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def read_chat(body: bytes) -> Ask:
    """Read a request; raises RequestRefused, naming the field and the fix, and nothing else."""
    request, pruned = _reader.read(body)
    warnings = pruned + _judge.warnings(request)
    history = _history(request.messages)
    options = request.stream_options
    if options is not None:
        if not request.stream:
            warnings += ("stream_options has no effect: it needs stream: true",)
        elif options.include_obfuscation:
            warnings += ("stream_options.include_obfuscation has no effect: chunks are never padded",)
    stop = request.stop
    return Ask(
        agent=request.model,
        messages=tuple(history.messages),
        resends=True,
        instructions="\n\n".join(history.instructions),
        client_tools=check_tools(_tools(request.tools)) if request.tools else (),
        sampling=Sampling(
            temperature=request.temperature,
            top_p=request.top_p,
            max_output_tokens=request.max_completion_tokens or request.max_tokens,
            seed=request.seed,
            stop=None if stop is None else (stop,) if isinstance(stop, str) else tuple(stop) or None,
        ),
        stream=bool(request.stream),
        end_user=request.safety_identifier or request.user,
        client_answers=tuple(history.answers),
        metadata=request.metadata or {},
        include_usage=bool(request.stream and options is not None and options.include_usage),
        warnings=warnings + tuple(history.warnings),
    )


def _tools(tools: "list[FunctionTool | CustomTool]") -> tuple[Any, ...]:
    specs = []
    for index, tool in enumerate(tools):
        if isinstance(tool, CustomTool):
            raise RequestRefused(
                f"tools[{index}].type: custom tools are not supported; use a function tool with a string parameter.",
                param=f"tools[{index}].type",
                code="unsupported_value",
            )
        function = tool.function
        specs.append(client_tool(function.name, function.description, function.parameters, f"tools[{index}].function"))
    return tuple(specs)


def _history(messages: list[MessageIn]) -> _History:
    history = _History()
    for index, message in enumerate(messages):
        if message.name is not None and not isinstance(message, ToolIn):
            history.warnings.append(f"messages[{index}].name has no effect: the model is not told")
        match message:
            case UserIn(content=content):
                history.messages.append(
                    Message("user", content if isinstance(content, str) else _parts(content, index))
                )
            case AssistantIn():
                history.answers.clear()
                history.messages.append(_assistant(message, index, history))
            case ToolIn():
                _tool_result(message, index, history)
            case SystemIn(content=content) | DeveloperIn(content=content):
                history.instructions.append(
                    content if isinstance(content, str) else "".join(part.text for part in content)
                )
    if not history.messages:
        raise RequestRefused("messages: there is nothing to answer; send a user message.", param="messages")
    if history.messages[-1].role == "assistant":
        raise RequestRefused(
            "messages: the last message is the assistant's; end with a user message or the results of its calls.",
            param="messages",
        )
    return history


def _assistant(message: AssistantIn, index: int, history: _History) -> Message:
    where = f"messages[{index}]"
    if message.function_call is not None:
        raise RequestRefused(
            f"{where}.function_call is the form before `tool_calls`; send tool_calls.",
            param=f"{where}.function_call",
            code="unsupported_parameter",
        )
    if message.audio is not None:
        history.warnings.append(f"{where}.audio has no effect: an agent answers in text")
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
    history.calls.update(call.id for call in calls)
    content = message.content
    if isinstance(content, list):
        content = "".join(_assistant_text(part, f"{where}.content[{n}]") for n, part in enumerate(content))
    if content is None and not calls:
        content = message.refusal
        if content is None:
            raise RequestRefused(f"{where}.content: an assistant's message needs text or tool_calls.", param=where)
    return Message("assistant", content, calls, reasoning=message.reasoning_content or message.reasoning)


def _assistant_text(part: PartIn, where: str) -> str:
    match part:
        case TextIn(text=text):
            return text
        case RefusalIn(refusal=text):
            return text
        case _:
            raise RequestRefused(
                f"{where}.type: an assistant's message holds text only; use text.",
                param=f"{where}.type",
                code="unsupported_value",
            )


def _tool_result(message: ToolIn, index: int, history: _History) -> None:
    if message.tool_call_id not in history.calls:
        raise RequestRefused(
            f"messages[{index}].tool_call_id: no call with this id comes before; send the assistant message with its "
            "tool_calls first, with the id it was given.",
            param=f"messages[{index}].tool_call_id",
        )
    content = message.content
    text = content if isinstance(content, str) else "".join(part.text for part in content)
    history.messages.append(Message("tool", text, tool_call_id=message.tool_call_id))
    history.answers.append(ClientAnswer(message.tool_call_id, text))


def _parts(parts: list[PartIn], index: int) -> str | tuple[Part, ...]:
    """Return a user's parts; text alone, in one part, is a string."""
    if len(parts) == 1 and isinstance(parts[0], TextIn):
        return parts[0].text
    read: list[Part] = []
    for n, part in enumerate(parts):
        match part:
            case TextIn(text=text):
                read.append(TextPart(text))
            case ImageIn(image_url=image):
                read.append(ImagePart({"url": image.url} | ({"detail": image.detail} if image.detail else {})))
            case _:
                where = f"messages[{index}].content[{n}].type"
                raise RequestRefused(
                    f"{where}: an agent reads text and images; use text or image_url.",
                    param=where,
                    code="unsupported_value",
                )
    if not read:
        raise RequestRefused(f"messages[{index}].content is empty; send text.", param=f"messages[{index}].content")
    return tuple(read)
