"""Reads POST /v1/responses into an `Ask`; looks nothing up.

With `previous_response_id` the input is only what is new. Without one, a client that keeps its own history sends it
whole: messages, function calls and their outputs become the conversation, and `resends` says so. System and developer
messages become the request's instructions, wherever they stand.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from toolyard_sdk.messages import ImagePart, Message, Part, TextPart, ToolCall, ToolSpec

from toolyard_runtime.run.segments import ApprovalAnswer, Ask, ClientAnswer, Sampling
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.fields import RESPONSES, Judge
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
from toolyard_runtime.wire.reading import Reader, quote
from toolyard_runtime.wire.responses.ids import read_approval_request_id, read_response_id


class PartIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A content part of any type; `type` says which of the others count."""

    type: Literal["input_text", "output_text", "text", "refusal", "input_image", "input_file", "input_audio"]
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high", "original"] | None = None
    file_id: Any = None
    file_data: Any = None
    file_url: Any = None
    filename: Any = None
    input_audio: Any = None
    annotations: Any = None
    logprobs: Any = None


ItemType = Literal[
    "message",
    "function_call",
    "function_call_output",
    "mcp_approval_response",
    "mcp_approval_request",
    "mcp_call",
    "mcp_list_tools",
    "reasoning",
    "item_reference",
]


class ItemIn(Struct, frozen=True, forbid_unknown_fields=True):
    """An input item of any type; messages may leave `type` out."""

    type: ItemType | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[PartIn] | None = None
    call_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[PartIn] | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: Annotated[str, Meta(max_length=4096)] | None = None
    saw: str | None = None
    id: str | None = None
    status: Any = None
    phase: Any = None
    error: Any = None
    server_label: Any = None
    tools: Any = None
    summary: Any = None
    encrypted_content: Any = None
    namespace: Any = None
    caller: Any = None
    created_by: Any = None


class ToolIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A function tool of the client; arguments are checked against its schema whatever `strict` says."""

    type: Literal["function"]
    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponsesRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body; its fields are those of `fields.RESPONSES`."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    input: str | list[ItemIn]
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[ToolIn] | None = None
    stream: bool | None = None
    background: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, lt=2**31)] | None = None
    metadata: Metadata | None = None
    user: EndUser | None = None
    safety_identifier: EndUser | None = None
    stream_options: Any = None
    store: bool | None = None
    include: list[str] | None = None
    reasoning: Any = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    service_tier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    background_options: Any = None
    image: Any = None
    truncation: Any = None
    text: Any = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    top_logprobs: int | None = None
    max_tool_calls: int | None = None
    conversation: Any = None
    context_management: Any = None
    prompt: Any = None
    moderation: Any = None
    access_programs: Any = None


_FIXES = {
    "model": "send the name of an agent; GET /v1/models lists them",
    "input": 'send a string or a list of items such as [{"role": "user", "content": "..."}]',
    "input[].type": "use message, function_call, function_call_output or mcp_approval_response",
    "input[].role": "use user, assistant, system or developer",
    "input[].content": "send a string or a list of content parts",
    "input[].content[].type": "use input_text or input_image",
    "tools[].type": "use function: the agent brings every other tool itself",
    "tools[].name": TOOL_NAME_FIX,
    "temperature": "send a number from 0 to 2",
    "top_p": "send a number from 0 to 1",
    "metadata": METADATA_FIX,
    "user": END_USER_FIX,
    "safety_identifier": END_USER_FIX,
}

_NESTED = field_names(PartIn, ItemIn, ToolIn)
_reader = Reader(ResponsesRequest, _NESTED, _FIXES)
_judge = Judge(RESPONSES)


class _Gathered(Struct):
    """What a walk over the input gathers."""

    continues: bool
    messages: list[Message] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    answers: list[ClientAnswer] = field(default_factory=list)
    approvals: list[ApprovalAnswer] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    history: bool = False


def read_responses(body: bytes) -> Ask:
    """Read a request; raises RequestRefused, naming the field and the fix, and nothing else."""
    request, warnings = _reader.read(body)
    warnings += _judge.warnings(request)
    previous = None
    if request.previous_response_id is not None:
        previous = read_response_id(request.previous_response_id)
        if previous is None:
            raise RequestRefused(
                f"previous_response_id: {quote(request.previous_response_id)} is no response of this server; send the "
                "`id` of the response that this one follows.",
                param="previous_response_id",
                code="previous_response_not_found",
                status=404,
            )
    gathered = _Gathered(continues=previous is not None)
    if request.instructions:
        gathered.instructions.append(request.instructions)
    if isinstance(request.input, str):
        gathered.messages.append(Message("user", request.input))
    else:
        _gather(request.input, gathered)
    if request.background and request.store is False:
        raise RequestRefused(
            "background needs store: a background response is fetched later; leave store out.", param="store"
        )
    return Ask(
        agent=request.model,
        messages=tuple(gathered.messages),
        resends=gathered.history and previous is None,
        instructions="\n\n".join(gathered.instructions),
        client_tools=check_tools(_tools(request.tools)) if request.tools else (),
        sampling=Sampling(
            temperature=request.temperature, top_p=request.top_p, max_output_tokens=request.max_output_tokens
        ),
        stream=bool(request.stream),
        background=bool(request.background),
        end_user=request.safety_identifier or request.user,
        previous=previous,
        client_answers=tuple(gathered.answers),
        approvals=tuple(gathered.approvals),
        metadata=request.metadata or {},
        warnings=warnings + tuple(gathered.warnings) if gathered.warnings else warnings,
    )


def _tools(tools: list[ToolIn]) -> tuple[ToolSpec, ...]:
    return tuple(
        client_tool(tool.name, tool.description, tool.parameters, f"tools[{index}]") for index, tool in enumerate(tools)
    )


def _gather(items: list[ItemIn], gathered: _Gathered) -> None:
    for index, item in enumerate(items):
        where = f"input[{index}]"
        match item.type:
            case "message" | None:
                _message(item, where, gathered)
            case "function_call":
                _function_call(item, where, gathered)
            case "function_call_output":
                _function_call_output(item, where, gathered)
            case "mcp_approval_response":
                gathered.approvals.append(_approval(item, where))
            case "item_reference":
                raise RequestRefused(
                    f"{where}.type: items are not referred to one by one; send previous_response_id.",
                    param=f"{where}.type",
                    code="unsupported_value",
                )
            case "mcp_call" | "mcp_list_tools" | "mcp_approval_request" | "reasoning":
                _kept_here(item.type, where, gathered)
    if not (gathered.messages or gathered.answers or gathered.approvals):
        raise RequestRefused("input: there is nothing to answer; send a user message.", param="input")
    last = gathered.messages[-1] if gathered.messages else None
    if last is not None and last.role == "assistant" and not gathered.approvals:
        raise RequestRefused(
            "input: the last item is the assistant's; end with a user message or the outputs of its calls.",
            param="input",
        )


def _kept_here(kind: str, where: str, gathered: _Gathered) -> None:
    if not gathered.continues:
        gathered.warnings.append(
            f"{where} ({kind}) has no effect: the server keeps these itself; send previous_response_id"
        )


def _required(value: str | None, name: str, where: str) -> str:
    if value is None:
        raise RequestRefused(f"{where}.{name} is required.", param=f"{where}.{name}", code="missing_required_parameter")
    return value


def _message(item: ItemIn, where: str, gathered: _Gathered) -> None:
    role, content = item.role, item.content
    if role is None:
        raise RequestRefused(
            f"{where}.role is required; use user, assistant, system or developer (or give the item a `type`).",
            param=f"{where}.role",
            code="missing_required_parameter",
        )
    if content is None:
        raise RequestRefused(
            f"{where}.content is required; send a string or a list of content parts.",
            param=f"{where}.content",
            code="missing_required_parameter",
        )
    if role == "user":
        gathered.messages.append(Message("user", content if isinstance(content, str) else _parts(content, where)))
    elif role == "assistant":
        gathered.answers.clear()
        gathered.history = True
        gathered.messages.append(Message("assistant", _text(content, f"{where}.content")))
    else:
        gathered.instructions.append(_text(content, f"{where}.content"))


def _function_call(item: ItemIn, where: str, gathered: _Gathered) -> None:
    call = ToolCall(
        _required(item.call_id, "call_id", where),
        _required(item.name, "name", where),
        _required(item.arguments, "arguments", where),
    )
    if gathered.continues:
        return  # the call is known from the response it came with
    gathered.history = True
    gathered.calls.add(call.id)
    messages = gathered.messages
    if messages and messages[-1].role == "assistant":
        last = messages.pop()
        messages.append(Message("assistant", last.content, (*last.tool_calls, call)))
    else:
        messages.append(Message("assistant", None, (call,)))
    gathered.answers.clear()


def _function_call_output(item: ItemIn, where: str, gathered: _Gathered) -> None:
    call_id = _required(item.call_id, "call_id", where)
    if item.output is None:
        raise RequestRefused(
            f"{where}.output is required; send the result as a string.",
            param=f"{where}.output",
            code="missing_required_parameter",
        )
    text = _text(item.output, f"{where}.output")
    if call_id in gathered.calls:
        gathered.messages.append(Message("tool", text, tool_call_id=call_id))
    elif not gathered.continues:
        raise RequestRefused(
            f"{where}.call_id: no call with this id comes before; send previous_response_id, or the function_call item "
            "before its output.",
            param=f"{where}.call_id",
        )
    gathered.answers.append(ClientAnswer(call_id, text))


def _approval(item: ItemIn, where: str) -> ApprovalAnswer:
    request_id = _required(item.approval_request_id, "approval_request_id", where)
    approval = read_approval_request_id(request_id)
    if approval is None:
        raise RequestRefused(
            f"{where}.approval_request_id: {quote(request_id)} is no approval request; send the `id` of the "
            "mcp_approval_request item (mcpr_...).",
            param=f"{where}.approval_request_id",
        )
    if item.approve is None:
        raise RequestRefused(
            f"{where}.approve is required; send true or false.",
            param=f"{where}.approve",
            code="missing_required_parameter",
        )
    return ApprovalAnswer(approval, item.approve, item.reason, item.saw)


def _text(content: str | list[PartIn], where: str) -> str:
    """Return the text of parts that may only be text; raises RequestRefused for any other."""
    if isinstance(content, str):
        return content
    texts = []
    for n, part in enumerate(content):
        if part.type not in ("input_text", "output_text", "text", "refusal"):
            raise RequestRefused(
                f"{where}[{n}].type: only text can stand here; use input_text.",
                param=f"{where}[{n}].type",
                code="unsupported_value",
            )
        name = "refusal" if part.type == "refusal" else "text"
        texts.append(_required(part.refusal if part.type == "refusal" else part.text, name, f"{where}[{n}]"))
    return "".join(texts)


def _parts(parts: list[PartIn], where: str) -> str | tuple[Part, ...]:
    """Return a user's parts; text alone, in one part, is a string."""
    read: list[Part] = []
    for n, part in enumerate(parts):
        at = f"{where}.content[{n}]"
        if part.type == "input_image":
            if part.image_url is None:
                raise RequestRefused(
                    f"{at}.image_url is required: there is no file store; send a URL or a data: URL.",
                    param=f"{at}.image_url",
                    code="missing_required_parameter",
                )
            read.append(ImagePart({"url": part.image_url} | ({"detail": part.detail} if part.detail else {})))
        elif part.type in ("input_text", "output_text", "text"):
            read.append(TextPart(_required(part.text, "text", at)))
        else:
            raise RequestRefused(
                f"{at}.type: an agent reads text and images; use input_text or input_image.",
                param=f"{at}.type",
                code="unsupported_value",
            )
    if not read:
        raise RequestRefused(f"{where}.content is empty; send text.", param=f"{where}.content")
    if len(read) == 1 and isinstance(read[0], TextPart):
        return read[0].text
    return tuple(read)
