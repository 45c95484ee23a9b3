"""The Tool port: what every tool does alike, wherever it runs. A new way joins by one more entry in `TOOLS`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from toolyard_registry.sources.mcp.factory import mcp_source
from toolyard_registry.toolbox.local_tools import load_local, own_tools
from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import CLOSED, NO_SECRETS
from toolyard_sdk.errors import ArgumentsInvalid, ToolError
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Tool

SOURCE = '''
import asyncio
from toolyard_sdk import ToolError, tool

@tool(read_only=True)
{how}def share(total: int, heads: int = 2) -> int:
    """Share something.

    Args:
        total: What there is.
        heads: Among how many.
    """
    if heads == 0:
        raise ToolError("There is nobody to share it with; ask for whom.")
    return total // heads
'''


def _own(how: str) -> Callable[[Path], AbstractAsyncContextManager[Tool]]:
    @asynccontextmanager
    async def opening(folder: Path) -> AsyncIterator[Tool]:
        path = folder / "sharing.py"
        path.write_text(SOURCE.format(how=how))
        (found,) = own_tools(load_local(path).module)
        yield found

    return opening


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[Tool]:
    """Serve the tool as an MCP server, and call it as one."""
    path = folder / "sharing.py"
    path.write_text(SOURCE.format(how=""))
    command = [sys.executable, "-m", "toolyard_sdk.serve", str(path)]
    source = mcp_source(name="it", settings={"command": command}, root=folder, egress=CLOSED, secrets=NO_SECRETS)
    try:
        async with asyncio.timeout(20):
            await source.open(lambda: None)
        (found,) = source.supply.tools
        yield found
    finally:
        await source.close()


TOOLS: dict[str, Callable[[Path], AbstractAsyncContextManager[Tool]]] = {
    "function": _own(""),
    "async function": _own("async "),
    "mcp": _served,
}


@pytest.fixture(params=list(TOOLS))
async def share(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Tool]:
    async with TOOLS[request.param](tmp_path) as opened:
        yield opened


def test_it_presents_itself_with_a_schema_for_objects(share: Tool) -> None:
    spec = share.spec
    assert isinstance(spec, ToolSpec)
    assert spec.name.endswith("share")
    assert "Share something." in spec.description
    assert spec.input_schema["type"] == "object"
    assert spec.input_schema["properties"]["total"]["type"] == "integer"
    assert spec.input_schema["required"] == ["total"]
    json.dumps(spec.input_schema)


@pytest.mark.parametrize("arguments", [b'{"total": 7}', b'{"total": 7, "heads": 1}'])
def test_arguments_that_fit_are_taken(share: Tool, arguments: bytes) -> None:
    share.check(arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (b"{}", "total"),
        (b'{"total": "seven"}', "total"),
        (b'{"total": 7, "heads": null}', "heads"),
        (b"[7]", "object"),
        (b'{"total": ', ""),
        (b'{"total": "\xff"}', ""),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(share: Tool, arguments: bytes, named: str) -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        share.check(arguments)
    assert named in str(refused.value)


async def test_a_result_is_text_for_the_model_and_its_value(share: Tool) -> None:
    async with asyncio.timeout(20):
        result = await share.call(b'{"total": 7}', ToolContext())
    assert (result.text, result.is_error) == ("3", False)


async def test_what_a_tool_refuses_reaches_the_model_in_its_words(share: Tool) -> None:
    async with asyncio.timeout(20):
        assert "nobody to share it with" in await _refusal(share, b'{"total": 7, "heads": 0}')


async def _refusal(share: Tool, arguments: bytes) -> str:
    """Return the words of a refusal: one of ours raises it, a stranger's answers with it."""
    try:
        result = await share.call(arguments, ToolContext())
    except ToolError as error:
        return str(error)
    return result.text if result.is_error else ""


async def test_calls_beside_each_other_do_not_mix(share: Tool) -> None:
    async with asyncio.timeout(20):
        asked = (json.dumps({"total": n, "heads": 1}).encode() for n in range(50))
        results = await asyncio.gather(*(share.call(arguments, ToolContext()) for arguments in asked))
    assert [result.text for result in results] == [str(n) for n in range(50)]


async def test_a_call_that_is_cancelled_ends(share: Tool) -> None:
    task = asyncio.create_task(share.call(b'{"total": 7}', ToolContext()))
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=20)
    assert done
