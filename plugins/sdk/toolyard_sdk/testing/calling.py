"""Calls one tool as the loop would: arguments checked, exceptions answered, time and output bounded; knows no run."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import CallInDoubt, ToolError
from toolyard_sdk.messages import ToolResult, effect_class
from toolyard_sdk.ports import Tool

Arguments = Mapping[str, Any] | str | bytes
"""Arguments as a dict, or as the JSON text a model wrote."""


async def call(
    tool: Tool,
    arguments: Arguments = "",
    context: ToolContext | None = None,
    *,
    seconds: float = 30.0,
    output_bytes: int = 32_768,
) -> ToolResult:
    """Call `tool` once and return what the model would be told; whatever the tool raises becomes an error result.

    `seconds` and `output_bytes` have the defaults of an agent release. No arguments, an empty text and `null` all mean
    `{}`. A call with side effects that runs out of time is in doubt, and its result says so.
    """
    try:
        encoded = _encoded(arguments)
        tool.check(encoded)
        async with asyncio.timeout(seconds):
            result = await tool.call(encoded, context or ToolContext())
    except (ToolError, CallInDoubt) as error:
        result = ToolResult(str(error), is_error=True)
    except TimeoutError:
        unsure = "" if effect_class(tool.spec.annotations) == "read_only" else " It may still have taken effect."
        result = ToolResult(f"{tool.spec.name} did not answer within {seconds:g} s.{unsure}", is_error=True)
    except Exception as error:  # noqa: BLE001 - a tool may raise anything, and none of it may end the run
        result = ToolResult(f"{tool.spec.name} failed: {type(error).__name__}: {error}", is_error=True)
    return _bounded(result, output_bytes)


def _encoded(arguments: Arguments) -> bytes:
    if isinstance(arguments, Mapping):
        return msgspec.json.encode(arguments)
    raw = arguments if isinstance(arguments, bytes) else arguments.encode("utf-8", "surrogatepass")
    return b"{}" if raw.strip() in (b"", b"null") else raw


def _bounded(result: ToolResult, output_bytes: int) -> ToolResult:
    """Cut text that is longer than the cap at a character's border, and say so; a cut result has no structure."""
    raw = result.text.encode("utf-8", "backslashreplace")
    if len(raw) <= output_bytes:
        return result
    kept = raw[:output_bytes].decode("utf-8", "ignore")
    return ToolResult(f"{kept}\n[cut: {len(raw)} bytes, of which {output_bytes} are shown]", is_error=result.is_error)
