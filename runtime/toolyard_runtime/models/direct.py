"""Stands where a model stands in a run that makes one call: it wants what the caller wrote, then says that it is over.

It is no model: whoever calls a tool directly has decided already. So their call is a run like any other, with policy,
approvals, doubt and a journal.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ports import Delta, RawCall, Turn

NAME = "direct"
"""Its provider's name and its own: `direct/direct` in a journal says that nobody was asked."""

OVER = "The call is over."


class Wanted(Struct, frozen=True):
    """A call as its caller wrote it: the only message of the run, as JSON."""

    tool: str
    arguments: dict[str, Any]


def wanted_text(tool: str, arguments: dict[str, Any]) -> str:
    """Return the message that makes the direct model call a tool."""
    return msgspec.json.encode(Wanted(tool, arguments)).decode()


class DirectModel:
    """Implements the Model port without asking anybody."""

    async def reply(
        self,
        body: bytes,
        *,
        timeout: float,  # noqa: ASYNC109 - the port's own word
        on_delta: Callable[[Delta], None] | None = None,
        request_id: str = "",
    ) -> Turn:
        """Return the call, and once it has been answered the end; raises ModelError for what is no such request."""
        del timeout, on_delta, request_id
        try:
            messages = msgspec.json.decode(body)["messages"]
            if any(message["role"] == "tool" for message in messages):
                return Turn(OVER, finish="stop", model=NAME)
            asked = next(message["content"] for message in reversed(messages) if message["role"] == "user")
            wanted = msgspec.json.decode(asked, type=Wanted)
        except (msgspec.MsgspecError, KeyError, TypeError, StopIteration, RecursionError) as error:
            raise ModelError("bad_request", "a direct call is one message: the tool and its arguments") from error
        return Turn(
            calls=(RawCall(wanted.tool, msgspec.json.encode(wanted.arguments).decode()),),
            finish="tool_calls",
            model=NAME,
        )

    async def close(self) -> None:
        """Let go of nothing."""
