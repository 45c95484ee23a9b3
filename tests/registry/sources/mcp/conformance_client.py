"""The client that the MCP conformance suite runs: an MCP source on the suite's server, calling what it offers."""

import asyncio
import contextlib
import json
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from toolyard_registry.sources.mcp.consent import AuthorizationNeeded
from toolyard_registry.sources.mcp.settings import read_settings
from toolyard_registry.sources.mcp.source import McpSource
from toolyard_sdk.asking import Answer
from toolyard_sdk.context import ToolContext

from tests.registry.sources.mcp.opened import Known
from tests.registry.sources.mcp.openly import CALLBACK, OpenEgress, agree

ARGUMENTS = {"add_numbers": {"a": 5, "b": 3}}
CONSENTS = 3
"""How often this person goes to a link before they have had enough."""

PATIENCE = 12.0
"""Seconds to wait for the tools."""

SAMPLES: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "array": []}


class WallClock:
    """Implements Clock by the system's time."""

    def now(self) -> int:
        """Return UTC microseconds."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """Return after a moment: a suite has no time for back-off."""
        await asyncio.sleep(min(seconds, 2.0))


async def accept(message: str, schema: dict[str, Any] | None = None, url: str = "") -> Answer:
    """Answer a form with its defaults, or with something of the right type; go to no link."""
    del message
    if url:
        return Answer("decline")
    properties = (schema or {}).get("properties", {})
    return Answer("accept", {name: filled(part) for name, part in properties.items()})


def filled(schema: dict[str, Any]) -> Any:
    """Return a value for a field."""
    return schema.get("default", (schema.get("enum") or [SAMPLES.get(schema.get("type", "string"))])[0])


async def consented(source: McpSource, link: str) -> None:
    """Go to a link and come back."""
    print("going to", link, file=sys.stderr)
    print("came back:", await source.returned(await agree(link)), file=sys.stderr)


async def main(url: str) -> None:
    """Open the source, consent where it is asked for, and call every tool."""
    given = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    table: dict[str, Any] = {"url": url, "prefix": "", "timeout": 20}
    if os.environ.get("MCP_CONFORMANCE_SCENARIO", "").startswith("auth/"):
        oauth = {"callback": CALLBACK, "client_metadata": "https://conformance-test.local/client-metadata.json"}
        table["oauth"] = oauth | {key: given[key] for key in ("client_id", "client_secret") if given.get(key)}
    source = McpSource(
        "it",
        read_settings("it", table, Path.cwd()),
        secrets=Known(),
        egress=OpenEgress(),
        clock=WallClock(),
        jitter=random.random,
    )
    changed = asyncio.Event()
    await source.open(changed.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await listed(source, changed)
    await call_all(source, given.get("toolCalls"))
    await source.close()


async def listed(source: McpSource, changed: asyncio.Event) -> None:
    """Consent where the source asks for it, until its tools are there or this person has had enough."""
    went = 0
    while not source.supply.tools:
        changed.clear()
        told = "\n".join(source.supply.problems)
        print("problems:", told, file=sys.stderr)
        link = re.search(r"https?://\S+[?&]state=\S+", told)
        if link is not None:
            went += 1
            if went > CONSENTS:
                return
            await consented(source, link[0])
        if not source.supply.tools:
            await changed.wait()


async def call_all(source: McpSource, wanted: list[dict[str, Any]] | None) -> None:
    """Call what the suite names, or else every tool."""
    tools = {tool.spec.name: tool for tool in source.supply.tools}
    calls = wanted or [{"name": name, "arguments": ARGUMENTS.get(name, {})} for name in tools]
    if "json_schema_echo" in tools:
        seen = tools["json_schema_2020_12_tool"].spec.input_schema
        calls = [{"name": "json_schema_echo", "arguments": {"schema": seen}}]
    context = msgspec.structs.replace(ToolContext(), ask=accept)

    async def one(call: dict[str, Any]) -> None:
        for _ in range(CONSENTS):
            try:
                result = await tools[call["name"]].call(msgspec.json.encode(call["arguments"]), context)
            except AuthorizationNeeded as needed:
                await consented(source, needed.url)
                continue
            except Exception as error:  # noqa: BLE001 - the suite judges by what it has seen
                print(call["name"], repr(error), file=sys.stderr)
            else:
                print(call["name"], result.text[:200], file=sys.stderr)
            return

    await asyncio.gather(*(one(call) for call in calls if call["name"] in tools))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
