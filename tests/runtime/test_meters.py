"""What the server counts, and under which names."""

from pathlib import Path

from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.tools import tool

from tests.runtime.workshop import call, say, workshop


@tool(read_only=True)
async def look() -> str:
    """Look."""
    return "seen"


async def test_a_name_that_a_client_or_a_model_made_up_is_no_label(tmp_path: Path) -> None:
    theirs = ToolSpec("theirs_42", "Ask.", {"type": "object", "properties": {}})
    async with workshop(tmp_path, look) as shop:
        shop.model.will(call(("theirs_42", "{"), ("made_up_42", {}), ("look", "{"), ("look", {})), say("done"))
        await shop.run(client_tools=(theirs,))
        text = shop.services.meters.exposition().decode()
    assert "_42" not in text
    counted = {
        line.split("{")[1].split("}")[0] for line in text.splitlines() if line.startswith("toolyard_tool_calls_t")
    }
    assert {line.split('tool="')[1].split('"')[0] for line in counted} == {"client", "unknown", "look"}
