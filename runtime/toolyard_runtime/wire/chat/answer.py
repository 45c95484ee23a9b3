"""Writes a segment as a chat completion.

The server's own calls are not shown: a client would try to execute them. Texts of several turns are joined by a blank
line; a text that broke off is left out where the turn was taken again.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType
from toolyard_sdk import ids
from toolyard_sdk.messages import Usage

from toolyard_runtime.run.segments import ApprovalOut, ClientCallOut, Output, Segment, TextOut

_encode = msgspec.json.Encoder().encode

BETWEEN_TEXTS = "\n\n"

ENDINGS = {
    "max_turns": "The agent used up its turns before it came to an answer.",
    "budget": "The agent used up its budget before it came to an answer.",
}
"""Segment.finish -> what is said where the agent said nothing."""


class CalledFunction(Struct, frozen=True):
    """A function and its arguments, as JSON text."""

    name: str
    arguments: str


class ChatCall(Struct, frozen=True):
    """A call that the client is asked to execute; `index` only in streams."""

    id: str
    type: str
    function: CalledFunction
    index: int | UnsetType = UNSET


class ChatMessage(Struct, frozen=True):
    """The answer."""

    role: str
    content: str | None
    refusal: None = None
    tool_calls: tuple[ChatCall, ...] | UnsetType = UNSET


class Choice(Struct, frozen=True):
    """The only choice."""

    index: int
    message: ChatMessage
    logprobs: None
    finish_reason: str


class PromptDetails(Struct, frozen=True):
    """Of the prompt's tokens."""

    cached_tokens: int


class CompletionDetails(Struct, frozen=True):
    """Of the answer's tokens."""

    reasoning_tokens: int


class ChatUsage(Struct, frozen=True):
    """Tokens of all the model calls of the segment."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Completion(Struct, frozen=True):
    """The whole object."""

    id: str
    object: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: ChatUsage


def chat_id(run: bytes, index: int) -> str:
    """Return the id of a segment's completion: `chatcmpl-<run hex>_<segment index>`."""
    return f"chatcmpl-{run.hex()}_{index}"


def chat_usage(usage: Usage) -> ChatUsage:
    """Write usage in the words of Chat Completions."""
    return ChatUsage(
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        PromptDetails(usage.cached_tokens),
        CompletionDetails(usage.reasoning_tokens),
    )


def chat_call(call: ClientCallOut, index: int | UnsetType = UNSET) -> ChatCall:
    """Write a client's call; `index` counts the calls of a streamed answer."""
    return ChatCall(call.call_id, "function", CalledFunction(call.name, call.arguments), index)


def finish_reason(segment: Segment) -> str:
    """Return why the answer ends: `tool_calls` when the client has something to do, `length` when it was cut."""
    if any(isinstance(output, ClientCallOut) for output in segment.outputs):
        return "tool_calls"
    return "length" if segment.truncated or segment.status == "incomplete" else "stop"


def approval_text(approval: ApprovalOut, run: bytes, public_url: str) -> str:
    """Return the words that tell a person which call waits and how to decide it. `public_url` has no trailing slash."""
    shown_id = ids.show("approval", approval.approval)
    doubt = " The same call may already have happened once: its outcome is unknown." if approval.doubt else ""
    return (
        f"The call {approval.name}({approval.arguments}) waits for approval {shown_id}.{doubt}\n"
        f"To decide: `toolyard approve {ids.show('run', run)}`, or POST {public_url}/api/v1/approvals/{shown_id} "
        'with {"decision": "approve"} or {"decision": "deny"}. Then write anything here to read the answer.'
    )


def closing_text(segment: Segment) -> str:
    """Return words for a run that ended without a text of its own, so that a person is not left with nothing."""
    return ENDINGS.get(segment.finish, "") if segment.status == "incomplete" else ""


def visible_text(outputs: Sequence[Output], run: bytes, public_url: str) -> str:
    """Return all that a chat client is shown as text."""
    texts = []
    last = max((n for n, output in enumerate(outputs) if isinstance(output, TextOut)), default=-1)
    for n, output in enumerate(outputs):
        if isinstance(output, TextOut):
            if output.text and (output.status != "incomplete" or n == last):
                texts.append(output.text)
        elif isinstance(output, ApprovalOut):
            texts.append(approval_text(output, run, public_url))
    return BETWEEN_TEXTS.join(texts)


def chat_completion(segment: Segment, public_url: str) -> bytes:
    """Encode the answer. A failed or cancelled segment is told by `errors.segment_error` instead."""
    outputs = segment.outputs
    calls = tuple(chat_call(output) for output in outputs if isinstance(output, ClientCallOut))
    if len(outputs) == 1 and isinstance(outputs[0], TextOut):
        text = outputs[0].text
    else:
        text = visible_text(outputs, segment.run, public_url) or closing_text(segment)
    return _encode(
        Completion(
            chat_id(segment.run, segment.index),
            "chat.completion",
            segment.created_at // 1_000_000,
            segment.agent,
            (
                Choice(
                    0,
                    ChatMessage("assistant", text or (None if calls else ""), tool_calls=calls or UNSET),
                    None,
                    finish_reason(segment),
                ),
            ),
            chat_usage(segment.usage),
        )
    )
