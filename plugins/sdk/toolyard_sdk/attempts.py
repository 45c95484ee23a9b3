"""Makes one attempt at a call and keeps whatever came of it; knows no time-out and judges nothing."""

from toolyard_sdk.context import ToolContext
from toolyard_sdk.messages import ToolResult
from toolyard_sdk.ports import Tool

DETAIL = 2_000
"""Characters of an exception's text that whoever called is shown."""

LAST_WORDS = 1.0
"""Seconds a call that was told to stop has for stopping; then it is left behind."""


async def attempt(tool: Tool, arguments: bytes, context: ToolContext) -> ToolResult | BaseException:
    """Return what the tool returned or raised: an exception that left a task could end the whole server."""
    try:
        return await tool.call(arguments, context)
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a stranger's tool raises is a result
        return error


def words_of(error: BaseException | None) -> str:
    """Return an exception's text, also of one that cannot be put into words."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything
        return "(it cannot be put into words)"
