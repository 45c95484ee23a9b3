"""POST /v1/chat/completions: the request into an `Ask`, a `Segment` or its stream into the answer."""

from toolyard_runtime.wire.chat.answer import approval_text, chat_completion, chat_id
from toolyard_runtime.wire.chat.request import read_chat
from toolyard_runtime.wire.chat.stream import ChatStream

__all__ = ["ChatStream", "approval_text", "chat_completion", "chat_id", "read_chat"]
