"""What a model is shown in place of a session's item, as bytes: the same live, read back and rebuilt; reads no rows."""

import msgspec
from toolyard_memory.sessions.compaction import Compaction
from toolyard_memory.sessions.window import Item
from toolyard_registry.names import READ_RESULT
from toolyard_sdk import events as e
from toolyard_sdk.messages import Message, TextPart

from toolyard_runtime.models.encoder import call_answered, decode_message, encode_message, without_reasoning
from toolyard_runtime.run.transcript import ERASED, call_id, read_call_id

NOTED = encode_message(Message("assistant", "I go on from there."))
"""Stands after a summary: many chat templates want what users say answered before they say more."""


def fragment_of(item: Item, data: bytes, *, own: bool) -> bytes:
    """Return the encoded message that is shown of an item; `data` is its payload, `own` that its run goes on."""
    if item.kind == "noted":
        return NOTED
    if item.kind == "tool" and item.away:
        return put_away(item, data)
    return data if own else without_reasoning(data)


def erased(item: Item) -> bytes:
    """Return what stands in the window in place of erased content."""
    match item.kind:
        case "noted":
            return NOTED
        case "assistant":
            return encode_message(Message("assistant", ERASED))
        case "tool":
            return encode_message(Message("tool", ERASED, tool_call_id=call_id(item.ref.run, item.ref.n)))
        case _:
            return encode_message(Message("user", ERASED))


def put_away(item: Item, fragment: bytes) -> bytes:
    """Return the placeholder of a tool's result, or the result itself where nobody could read it back."""
    call = call_answered(fragment)
    if not readable(item, call):
        return fragment
    text = f'[a result of about {item.tokens:,} tokens was put away; {READ_RESULT}(call="{call}") gives it back]'
    return encode_message(Message("tool", text, tool_call_id=call))


def readable(item: Item, call: str) -> bool:
    """Tell whether `read_result` finds what an item answers: a call that the item's own run made."""
    place = read_call_id(call)
    return place is not None and place[0] == item.ref.run


def compaction_of(event: e.WindowCompacted, run: bytes, seq: int) -> Compaction:
    """Return what an event says of a window, as the session's rows say it."""
    return Compaction(
        run=run,
        seq=seq,
        at=event.at,
        after=event.after,
        start=event.start,
        end=event.end,
        pinned=event.pinned,
        above=event.above,
        until=event.until,
        summary=event.summary.n if event.summary is not None else None,
        source=event.source,
        model=event.model,
        prompt=event.prompt,
        tokens_before=event.tokens_before,
        tokens_after=event.tokens_after,
        counted=event.counted,
    )


def text_of_result(kind: str, data: bytes) -> bytes | None:
    """Return the text of a result as it is kept: by itself, or in the message that a model is shown."""
    if kind == "whole":
        return data
    try:
        content = decode_message(data).content or ""
    except msgspec.MsgspecError:  # somebody has changed it
        return None
    if isinstance(content, tuple):
        content = "\n".join(part.text for part in content if isinstance(part, TextPart))
    return content.encode()
